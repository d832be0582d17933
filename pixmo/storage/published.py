"""Published Parquet files as a read-only store, so that packs may go when their pictures stand in `data/`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.ids import digest
from pixmo.storage.compact import CompactMap, prefix
from pixmo.storage.manifest import load as load_manifest

SHA = "fetched_sha256"


class PublishedPictures:
    """Finds pictures by digest in the files a manifest names; indexed when first asked."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._files: list[Path] = []
        self._map: CompactMap | None = None

    def __repr__(self) -> str:
        return f"PublishedPictures({self._out}, {'not read' if self._map is None else f'{len(self._map)} pictures'})"

    def has(self, sha256: str) -> bool:
        """Whether a published row shows this picture."""
        return bool(self._index().find(prefix(sha256)))

    def get(self, sha256: str) -> bytes | None:
        """The picture's bytes; None when no published row has exactly these."""
        for file, row in self._index().find(prefix(sha256)):
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
                if path.suffix == ".parquet" and path.is_file():
                    self._add(path, self._map)
        return self._map

    def _add(self, path: Path, found: CompactMap) -> None:
        schema = pq.read_schema(path)
        if SHA not in schema.names or not _picture(schema) or schema.field(SHA).type != pa.string():
            return
        shas = pq.read_table(path, columns=[SHA], partitioning=None).column(SHA).to_pylist()
        rows = [i for i, s in enumerate(shas) if s]
        keys = np.array([prefix(shas[i]) for i in rows], np.uint64)
        found.add_many(keys, np.full(len(rows), len(self._files), np.uint64), np.array(rows, np.uint64))
        self._files.append(path)

    def _read(self, path: Path, row: int) -> bytes | None:
        with pq.ParquetFile(path) as file:
            name = _picture(file.schema_arrow)
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if row < rows:
                    value = file.read_row_group(group, columns=[name]).column(name)[row].as_py()
                    return None if value is None else bytes(value["bytes"])
                row -= rows
        return None


def _picture(schema: pa.Schema) -> str | None:
    return next(
        (n for n in ("image", "pixmo_image") if n in schema.names and pa.types.is_struct(schema.field(n).type)), None
    )
