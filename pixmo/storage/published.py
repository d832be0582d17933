"""Published Parquet files as a read-only store, so that packs may go when their pictures stand in `data/`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.ids import digest
from pixmo.storage.compact import CompactMap, prefix
from pixmo.storage.manifest import load as load_manifest

SHAS = ("pixmo_resized_sha256", "resized_sha256", "pixmo_fetched_sha256", "fetched_sha256")
"""Columns that may hold the digests of the published bytes, likeliest first; where the source's name is the same, ours is longer."""


class PublishedPictures:
    """Finds pictures by digest in the files a manifest names; indexed when first asked.

    A damaged file gives what can still be read of it; `without` are paths in the manifest that are not looked into.
    """

    def __init__(self, out: Path, without: Collection[str] = ()) -> None:
        self._out = out
        self._without = frozenset(without)
        self._files: list[Path] = []
        self._map: CompactMap | None = None
        self._shown: CompactMap | None = None
        self._held: tuple[Path, int, pa.ChunkedArray] | None = None  # the row group read last: neighbours come next

    def __repr__(self) -> str:
        return f"PublishedPictures({self._out}, {'not read' if self._map is None else f'{len(self._map)} pictures'})"

    def has(self, sha256: str) -> bool:
        """Whether a published row shows exactly these bytes. The first question reads and hashes every picture."""
        if self._shown is None:
            self._shown = CompactMap()
            self._index()
            for path in self._files:
                for data in _pictures_of(path):
                    sha = digest(data)
                    self._shown.add(prefix(sha), prefix(sha[16:]), 0)
        return (prefix(sha256[16:]), 0) in self._shown.find(prefix(sha256))

    def get(self, sha256: str) -> bytes | None:
        """The picture's bytes; None when no published row has exactly these."""
        for file, row in self._index().find(prefix(sha256)):
            with suppress(OSError, pa.ArrowException, IndexError):  # a damaged file: as if the picture were not there
                data = self._read(self._files[file], row)
                if data is not None and digest(data) == sha256:
                    return data
        return None

    def _index(self) -> CompactMap:
        if self._map is None:
            self._map = CompactMap()
            told = load_manifest(self._out)
            for file in told.files if told else ():
                path = self._out / file.path
                if path.suffix == ".parquet" and path.is_file() and file.path not in self._without:
                    with suppress(OSError, pa.ArrowException):  # unreadable: `verify` says so
                        self._add(path, self._map)
        return self._map

    def _add(self, path: Path, found: CompactMap) -> None:
        schema = pq.read_schema(path)
        name = next((n for n in SHAS if n in schema.names), None)
        if name is None or not _picture(schema) or schema.field(name).type != pa.string():
            return
        with pq.ParquetFile(path) as file:
            shas = file.read([name]).column(name).to_pylist()
        rows = [i for i, s in enumerate(shas) if s]
        keys = np.array([prefix(shas[i]) for i in rows], np.uint64)
        found.add_many(keys, np.full(len(rows), len(self._files), np.uint64), np.array(rows, np.uint64))
        self._files.append(path)

    def _read(self, path: Path, row: int) -> bytes | None:
        held = self._held
        if held is None or held[0] != path or not 0 <= row - held[1] < len(held[2]):
            held = self._held = (path, *_row_group_of(path, row))
        value = held[2][row - held[1]].as_py()
        return None if value is None or value["bytes"] is None else bytes(value["bytes"])


def _row_group_of(path: Path, row: int) -> tuple[int, pa.ChunkedArray]:
    """The pictures of the row group a row stands in, and its first row."""
    start = 0
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if row < start + rows:
                name = _picture(file.schema_arrow)
                return start, file.read_row_group(group, columns=[name]).column(name)
            start += rows
    raise IndexError(f"{path} has no row {row}")


def _pictures_of(path: Path) -> Iterator[bytes]:
    with pq.ParquetFile(path) as file:
        name = _picture(file.schema_arrow)
        for batch in file.iter_batches(256, columns=[name]):
            values = batch.column(name).field("bytes")
            yield from (v.as_py() for v in values if v.is_valid)


def _picture(schema: pa.Schema) -> str | None:
    return next(
        (n for n in ("pixmo_image", "image") if n in schema.names and pa.types.is_struct(schema.field(n).type)), None
    )
