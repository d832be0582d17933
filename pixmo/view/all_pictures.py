"""Every picture of the list behind a set, also of rows that are not in the set, as one DuckDB file: what became of it, what it repeats.

Of a folder that pixmo made the run's side files are read, which know the rows that `select` left out; of other sets their columns.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from pixmo.ids import digest_of, short
from pixmo.run.folder import Folder
from pixmo.view.all_pictures_build import build
from pixmo.view.index_cache import claimed, prune
from pixmo.view.source import DataSet
from pixmo.view.work import OnRows

VERSION = 1
FILE = "pictures.duckdb"


class Picture(NamedTuple):
    """A picture of a row. `number` is the row's in the set, None where it was left out; then `shard` and `place` say where it stands in the run."""

    n: int
    number: int | None
    picture: int
    row_id: str | None
    split: str | None
    url: str | None
    sha256: str | None
    width: int | None
    height: int | None
    bytes: int | None
    format: str | None
    duplicate_kind: str | None
    in_other_split: bool | None
    outcome: str | None
    detail: str | None
    status: int | None
    shard: int | None
    place: int | None
    shown: int | None  # a row of the set that has the same bytes
    shown_picture: int | None


_FIELDS = ", ".join(f'p."{name}"' for name in Picture._fields)


class AllPictures:
    """The table, opened for reading. Safe to use from several threads."""

    def __init__(self, file: Path) -> None:
        self._table = duckdb.connect(str(file), read_only=True, config={"memory_limit": "48MB", "threads": 1})

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:  # Any: parameters and values of SQL
        """The rows of an answer."""
        with closing(self._table.cursor()) as cursor:
            return cursor.execute(sql, list(values)).fetchall()

    def one(self, sql: str, values: Sequence[Any] = ()) -> int:  # Any: parameters of SQL
        """A number."""
        return int(self.ask(sql, values)[0][0] or 0)

    def pictures(
        self, rest: str, values: Sequence[Any] = (), more: str = ""
    ) -> list[tuple[Any, ...]]:  # Any: values of SQL
        """(Picture, and what `more` names) for pictures `p`; `rest` is what follows FROM pictures p."""
        wide = len(Picture._fields)
        told = self.ask(f"SELECT {_FIELDS}{', ' + more if more else ''} FROM pictures p {rest}", values)
        return [(Picture(*line[:wide]), *line[wide:]) for line in told]

    def by_number(self, numbers: Sequence[int]) -> list[Picture]:
        """Pictures by their `n`, in that order: each is looked up where it stands, which a search for many at once is not."""
        sql = f"SELECT {_FIELDS} FROM pictures p WHERE p.n = ?"
        with closing(self._table.cursor()) as cursor:
            return [Picture(*cursor.execute(sql, [n]).fetchall()[0]) for n in numbers]


def all_pictures(data: DataSet, cache: Path, on_rows: OnRows) -> AllPictures:
    """The table of a set, made now unless it is kept. Raises PixmoError, OSError, duckdb.Error."""
    place = cache / f"{short(digest_of([*_state(data), VERSION]))}-pictures"
    if not (place / "kept.json").is_file():
        with claimed(cache) as folder:
            build(data, folder / FILE, on_rows)
            (folder / "kept.json").write_text("{}")
            shutil.rmtree(folder / "spill", ignore_errors=True)
            with suppress(OSError):  # another viewer was faster
                os.rename(folder, place)
        prune(cache, place)
    with suppress(OSError):
        os.utime(place / "kept.json")
    return AllPictures(place / FILE)


def _state(data: DataSet) -> list[Any]:  # Any: JSON
    """What the table is made of: the files of the set, and the side files and answers of the run."""
    told: list[Any] = [data.digest, len(data.rows)]
    if data.folder is None:
        return told
    folder = Folder(data.folder)
    with suppress(OSError, ValueError):
        told += sorted(os.listdir(folder.hidden / "columns"))
        journal = folder.store_path() / "journal"
        told += [[f.name, f.stat().st_size] for f in sorted(journal.glob("*.jsonl"))]
    return told
