"""Tables of predictions and references: some columns at a time, so that pictures beside them are not read for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from pixmo.errors import BadSource
from pixmo.sources.columns import is_picture
from pixmo.sources.files import FileSource, Part
from pixmo.sources.place import LocalPlace, Place, head, reading, seekable
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.source import Source

_ROWS, _PICTURE_ROWS = 4096, 64


class Table:
    """The rows of a list, whatever it is kept in."""

    def __init__(self, source: Source, parquet: Sequence[Place] = ()) -> None:
        self.name, self.licence = source.name, source.licence
        self._source = source
        self._parquet = parquet  # the places of all parts, when all are Parquet
        self.schema: pa.Schema = source.schema()

    def is_text(self, name: str) -> bool:
        """Whether a column has text, or something written as text: numbers, the path of a picture."""
        kind = self.schema.field(name).type
        return not (pt.is_nested(kind) or pt.is_binary(kind) or pt.is_large_binary(kind)) or self.is_picture(name)

    def is_picture(self, name: str) -> bool:
        """Whether a column holds pictures: structs of `bytes` and `path`."""
        return name in self.schema.names and is_picture(self.schema.field(name).type)

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """The source's."""
        return self._source.identity()

    def batches(self, names: Sequence[str], pictures: bool = False) -> Iterator[pa.RecordBatch]:
        """Columns of all rows in order; of pictures only their paths, unless their bytes are asked for."""
        if not self._parquet:
            for batch in self._source.batches(_PICTURE_ROWS if pictures else _ROWS):
                yield batch.select(list(names))
            return
        for place in self._parquet:
            with reading(place):
                yield from self._of_parquet(place, names, pictures)

    def _of_parquet(self, place: Place, names: Sequence[str], pictures: bool) -> Iterator[pa.RecordBatch]:
        with seekable(place) as raw, pq.ParquetFile(raw, buffer_size=2**20, pre_buffer=False) as file:
            there = file.schema_arrow
            wanted = [f"{n}.path" if self.is_picture(n) and not pictures else n for n in names if n in there.names]
            for batch in file.iter_batches(_PICTURE_ROWS if pictures else _ROWS, columns=wanted):
                batch.validate(full=True)  # text that is no UTF-8 would end a run much later
                columns = [batch.column(n) if n in there.names else pa.nulls(batch.num_rows) for n in names]
                yield pa.RecordBatch.from_arrays(columns, names=list(names))


def open_table(spec: str, *, pictures: bool = True) -> Table:
    """The rows of a file, a glob, a folder of lists, a folder pixmo made, a set of the catalogue or the Hub. Raises BadSource."""
    found = _made_by_pixmo(Path(spec).expanduser()) or resolve(spec)
    if isinstance(found, SetName | HubName):
        from pixmo.sources.open import open_source  # brings all of the catalogue

        return Table(open_source(spec)[0])
    source = FileSource(spec, found)
    places = [p.place for p in found]
    return Table(source, places if all(_is_parquet(p) for p in places) else ())


def texts(column: pa.Array, where: str) -> list[str | None]:
    """A column's values as text: numbers as they are written, of a picture its path. Raises BadSource for lists and bytes."""
    if pt.is_struct(column.type) and "path" in {f.name for f in column.type}:
        column = (
            column.field("path") if column.null_count == 0 else pa.array([v and v["path"] for v in column.to_pylist()])
        )
    if pt.is_nested(column.type) or pt.is_binary(column.type):
        raise BadSource(f"{where}: is {column.type}; text is needed")
    return [None if v is None else v if isinstance(v, str) else str(v) for v in column.to_pylist()]


def is_texts(kind: pa.DataType) -> bool:
    """Whether a column holds lists of texts, or nothing at all."""
    if pt.is_null(kind):
        return True
    if not (pt.is_list(kind) or pt.is_large_list(kind)):
        return False
    return bool(pt.is_string(kind.value_type) or pt.is_large_string(kind.value_type) or pt.is_null(kind.value_type))


def _made_by_pixmo(folder: Path) -> list[Part]:
    """The published files of a folder that a run filled; beside them lie other tables."""
    if not (folder / "manifest.json").is_file():
        return []
    return [Part(LocalPlace(p)) for p in sorted((folder / "data").rglob("*.parquet"))]


def _is_parquet(place: Place) -> bool:
    with reading(place):
        return head(place).startswith(b"PAR1")
