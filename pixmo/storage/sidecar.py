"""Columns of one stage over one shard, in a file named by what it is made of and what it is.

`<stage>.<shard>.<made-of>.<is>.parquet`: made-of = digest of the stage and of what it read; is = digest of the file's bytes, so a
name never lies and a damaged file is seen. The shard number is for people; work is found by stage and made-of. Each file
carries the row ids, checked whenever files are put side by side.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.errors import BadFolder
from pixmo.ids import digest, short
from pixmo.storage.publish import publish_bytes

ROW_ID = "row_id"


class SideFile(NamedTuple):
    """A published side file; the digests are the short ones of its name."""

    path: Path
    stage: str
    shard: int
    made_of: str
    is_: str


class SideFiles:
    """The side files of a folder, found by (stage, made-of)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_work: dict[tuple[str, str], SideFile] = {}
        self._by_shard: dict[tuple[str, int], list[SideFile]] = {}
        for name in sorted(os.listdir(folder)) if folder.is_dir() else []:
            side = parse(folder / name)
            if side:
                self._add(side)

    def __iter__(self) -> Iterator[SideFile]:
        return iter(list(self._by_work.values()))

    def __len__(self) -> int:
        return len(self._by_work)

    def find(self, stage: str, made_of: str) -> SideFile | None:
        """The file that holds this work, if it was done."""
        return self._by_work.get((stage, short(made_of)))

    def write(self, stage: str, shard: int, made_of: str, table: pa.Table) -> SideFile:
        """Publishes a table; the same table gives the same name, whoever writes it."""
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd", store_schema=True, use_dictionary=_repeating(table))
        data = sink.getvalue()
        name = f"{stage}.{shard:05d}.{short(made_of)}.{short(digest(data))}.parquet"
        publish_bytes(self.folder / name, data)
        side = SideFile(self.folder / name, stage, shard, short(made_of), short(digest(data)))
        self._add(side)
        return side

    def of_shard(self, stage: str, shard: int) -> list[SideFile]:
        """All files of a stage over a shard, older ones of other settings and answers included."""
        return list(self._by_shard.get((stage, shard), ()))

    def _add(self, side: SideFile) -> None:
        self._by_work[side.stage, side.made_of] = side
        self._by_shard.setdefault((side.stage, side.shard), []).append(side)

    def remove(self, side: SideFile) -> None:
        """Takes a file away."""
        side.path.unlink(missing_ok=True)
        if self._by_work.pop((side.stage, side.made_of), None):
            self._by_shard[side.stage, side.shard].remove(side)


def parse(path: Path) -> SideFile | None:
    """What a file name says; None when it is no side file's."""
    parts = path.name.split(".")
    if len(parts) != 5 or parts[4] != "parquet" or not parts[1].isdigit():
        return None
    return SideFile(path, parts[0], int(parts[1]), parts[2], parts[3])


def read(side: SideFile, columns: Iterable[str] | None = None) -> pa.Table:
    """The table, or some of its columns besides the row ids. Raises BadFolder when the file is not what its name says."""
    try:
        wanted = None if columns is None else [ROW_ID, *[c for c in columns if c != ROW_ID]]
        with pq.ParquetFile(side.path) as file:  # not read_table, which imports pyarrow.dataset and pandas
            return file.read(wanted, use_threads=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadFolder(f"{side.path}: cannot be read; run `pixmo verify --repair` on the folder") from error


def is_whole(side: SideFile) -> bool:
    """Whether the bytes still are what the name says."""
    try:
        return short(digest(side.path.read_bytes())) == side.is_
    except OSError:
        return False


def side_by_side(tables: Iterable[pa.Table]) -> pa.Table:
    """The tables' columns as one table; raises BadFolder unless all speak of the same rows in the same order."""
    whole: pa.Table | None = None
    for table in tables:
        if whole is None:
            whole = table
            continue
        if not whole.column(ROW_ID).equals(table.column(ROW_ID)):
            raise BadFolder("side files of one shard hold different rows; run `pixmo verify --repair` on the folder")
        for name in table.column_names:
            if name != ROW_ID:
                at = whole.column_names.index(name) if name in whole.column_names else -1
                field, column = table.schema.field(name), table.column(name)
                whole = whole.set_column(at, field, column) if at >= 0 else whole.append_column(field, column)
    assert whole is not None
    return whole


def _repeating(table: pa.Table) -> list[str]:
    """Columns worth a dictionary: all but ids and digests, which never repeat."""
    unlike = (ROW_ID, "sha256", "phash", "dhash")
    return [n for n in table.column_names if not n.endswith(unlike)] if table.num_rows else []
