"""Some rows read together, and one row of them: values become Python's when they are asked for, for all rows of the chunk at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from pixmo.dataset.load_groups import Groups, Numbers
from pixmo.dataset.rows_build import built, exploded
from pixmo.errors import BadRecord
from pixmo.image.decode import DEFAULT_MAX_PIXELS, look
from pixmo.records.base import Record

if TYPE_CHECKING:
    from PIL.Image import Image

    from pixmo.catalog.typed import Mapping as Typing

_TRANSPOSED = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


class Layout(NamedTuple):
    """What the columns of some rows are."""

    kind: type[Record] | None
    grouped: bool
    mapping: Typing | None  # how published columns become a record's, where the files are not typed themselves
    names: tuple[str, ...]  # columns other than the picture
    picture: str | None
    row_id: str | None

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that are read at once; pictures come when they are asked for."""
        return self.names or ((self.picture,) if self.picture else ())


class Chunk:
    """Rows of one batch. `numbers` are their places among all rows; without `groups` the pictures are in the batch, or nowhere.

    `asked` is called when the first picture is asked for and has to be read.
    """

    def __init__(
        self,
        layout: Layout,
        batch: pa.RecordBatch,
        numbers: Numbers | None,
        groups: Groups | None,
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        self.layout, self.batch = layout, batch
        self._numbers, self._groups, self._asked = numbers, groups, asked
        self._columns: dict[str, list[Any]] = {}  # Any: column values

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def rows(self) -> Iterator[Row]:
        """Each row."""
        return (Row(self, at) for at in range(self.batch.num_rows))

    @cached_property
    def typed(self) -> pa.RecordBatch:
        """The batch in the columns of its record."""
        return self.layout.mapping.typed(self.batch) if self.layout.mapping else self.batch

    @cached_property
    def records(self) -> list[list[Record | BadRecord]]:
        """What each row says."""
        kind = self.layout.kind
        if kind is None:
            return [[]] * len(self)
        if not self.layout.grouped:
            return [[record] for record in built(self.typed, kind)]
        inside = exploded(self.typed)
        flat = built(inside.batch, kind)
        return [flat[a:b] for a, b in pairwise(inside.offsets)]

    def column(self, name: str) -> list[Any]:  # Any: column values
        """A column as Python values; text that is not UTF-8 has \ufffd where it is broken, dates beyond Python's are text."""
        if name not in self._columns:
            self._columns[name] = values_of(self.batch.column(name))
        return self._columns[name]

    @cached_property
    def ids(self) -> list[str]:
        """The rows' ids: of their content where pixmo made the set, else the file and the row's number in it."""
        told = self.column(self.layout.row_id) if self.layout.row_id else [None] * len(self)
        return [str(one) if one is not None else self._place(at) for at, one in enumerate(told)]

    def _place(self, at: int) -> str:
        if self._numbers is None or self._groups is None:
            return str(at)
        name, row = self._groups.place_of(int(self._numbers[at]))
        return f"{name}:{row}"

    def split(self, at: int) -> str | None:
        """The split of the file a row stands in."""
        return (
            self._groups.file_of(int(self._numbers[at])).split if self._groups and self._numbers is not None else None
        )

    def picture(self, at: int) -> pa.Scalar | None:
        """A row's picture, or list of pictures, as Arrow has it; None where there is no such column."""
        if self.layout.picture is None:
            return None
        column, place = self._pictures[at]
        return column[place]

    @cached_property
    def _pictures(self) -> list[tuple[pa.Array, int]]:
        """Where each row's picture stands; the row groups are read now."""
        name = str(self.layout.picture)
        if name in self.batch.schema.names:
            column = self.batch.column(name)
            return [(column, at) for at in range(len(self))]
        assert self._groups is not None
        assert self._numbers is not None
        self._asked()
        where = np.searchsorted(self._groups.starts, self._numbers, "right") - 1
        read = {int(g): self._groups.read(int(g), (name,)).column(0) for g in np.unique(where)}
        inside = self._numbers - self._groups.starts[where]
        return [(read[g], at) for g, at in zip(where.tolist(), inside.tolist(), strict=True)]


class Row:
    """One row. It keeps the chunk it was read with in memory: some hundred rows, and their pictures once one was asked for."""

    __slots__ = ("_at", "_chunk")

    def __init__(self, chunk: Chunk, at: int) -> None:
        self._chunk, self._at = chunk, at

    def __repr__(self) -> str:
        return f"Row({self.id!r}, split={self.split!r}, columns={', '.join(self._chunk.layout.names)})"

    @property
    def id(self) -> str:
        """The row's name: the digest of its content in sets that pixmo made, else file and number."""
        return self._chunk.ids[self._at]

    @property
    def split(self) -> str | None:
        """`train`, `validation` …; None where no file name tells."""
        return self._chunk.split(self._at)

    @property
    def records(self) -> tuple[Record, ...]:
        """What the row says: one record, or all annotations of a grouped row; none where nothing says of what kind rows are.

        Raises BadRecord naming the row and the value where the row is no record.
        """
        found = []
        for record in self._chunk.records[self._at]:
            if isinstance(record, BadRecord):
                raise BadRecord(f"row {self.id}: {record}")
            found.append(record)
        return tuple(found)

    @property
    def columns(self) -> Mapping[str, Any]:  # Any: column values
        """All columns as plain values, but for the picture's bytes."""
        return _Columns(self._chunk, self._at)

    @property
    def picture_bytes(self) -> bytes | None:
        """The picture's file as it came; the first of several; None where the row has none."""
        return next(iter(self.pictures_bytes), None)

    @property
    def pictures_bytes(self) -> tuple[bytes | None, ...]:
        """The files of all pictures of the row, None for one that is missing; a path beside missing bytes is never opened."""
        return pictures_of(self._chunk.picture(self._at))

    def picture(self, number: int = 0, *, upright: bool = True, max_pixels: int = DEFAULT_MAX_PIXELS) -> Image:
        """The decoded picture, turned as its EXIF data says unless `upright` is False; of a list, the one of that number.

        Raises BadRecord where there is none, or none that decodes whole within `max_pixels`.
        """
        files = self.pictures_bytes
        data = files[number] if -len(files) <= number < len(files) else None
        if data is None:
            raise BadRecord(f"row {self.id}: has no picture{f' {number}' if number else ''}")
        seen = look(data, max_pixels)
        if seen.image is None:
            raise BadRecord(f"row {self.id}: its picture does not decode: {seen.outcome} {seen.detail}".rstrip())
        how = _TRANSPOSED.get(seen.exif_orientation or 1)
        if not upright or how is None:
            return seen.image
        from PIL import Image

        return seen.image.transpose(Image.Transpose[how])

    def __reduce__(self) -> tuple[Any, ...]:  # Any: what pickle wants
        """A row goes to another process alone, with its picture."""
        chunk, at = self._chunk, self._at
        batch = chunk.batch.slice(at, 1)
        picture = chunk.picture(at)
        if picture is not None and chunk.layout.picture not in batch.schema.names:
            batch = batch.append_column(chunk.layout.picture, pa.array([picture.as_py()], picture.type))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return _received, (chunk.layout, sink.getvalue().to_pybytes(), self.id, self.split)


class _Alone(Chunk):
    """One row that came from another process."""

    def __init__(self, layout: Layout, batch: pa.RecordBatch, row_id: str, split: str | None) -> None:
        super().__init__(layout, batch, None, None)
        self.ids = [row_id]
        self._split = split

    def split(self, at: int) -> str | None:
        return self._split


def _received(layout: Layout, data: bytes, row_id: str, split: str | None) -> Row:
    (batch,) = pa.ipc.open_stream(data)
    return Row(_Alone(layout, batch, row_id, split), 0)


class _Columns(Mapping[str, Any]):  # Any: column values
    """The columns of one row, read when asked for."""

    __slots__ = ("_at", "_chunk")

    def __init__(self, chunk: Chunk, at: int) -> None:
        self._chunk, self._at = chunk, at

    def __getitem__(self, name: str) -> Any:  # Any: a column value
        if name not in self._chunk.layout.names:
            raise KeyError(name)
        return self._chunk.column(name)[self._at]

    def __iter__(self) -> Iterator[str]:
        return iter(self._chunk.layout.names)

    def __len__(self) -> int:
        return len(self._chunk.layout.names)

    def __repr__(self) -> str:
        return repr(dict(self))


def values_of(column: pa.Array) -> list[Any]:  # Any: column values
    """A column as Python values, whatever it holds."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        return [_value(one) for one in column]
    return values


def _value(scalar: pa.Scalar) -> Any:  # Any: a column value
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        if isinstance(scalar, pa.StructScalar):
            return {name: _value(one) for name, one in scalar.items()}
        if isinstance(scalar, pa.ListScalar | pa.LargeListScalar):
            return [_value(one) for one in scalar]
        if pt.is_string(scalar.type) or pt.is_large_string(scalar.type):
            return scalar.as_buffer().to_pybytes().decode("utf-8", "replace")
        return str(scalar.cast(pa.string()))


def pictures_of(scalar: pa.Scalar | None) -> tuple[bytes | None, ...]:
    """The files in a row's cell: of one picture, or of a list of them; None for one that is missing."""
    if scalar is None or not scalar.is_valid:
        return ()
    several = isinstance(scalar, pa.ListScalar | pa.LargeListScalar)
    return tuple(_bytes_of(one) for one in (scalar if several else [scalar]))


def _bytes_of(scalar: pa.Scalar) -> bytes | None:
    if not scalar.is_valid:
        return None
    data = scalar["bytes"] if isinstance(scalar, pa.StructScalar) else scalar
    return bytes(data.as_buffer()) if data.is_valid else None


def is_picture(kind: pa.DataType) -> bool:
    """Whether a column holds pictures as `datasets` keeps them: a struct of bytes and path, or a list of those."""
    if pt.is_list(kind) or pt.is_large_list(kind):
        kind = kind.value_type
    if not pt.is_struct(kind) or {f.name for f in kind} != {"bytes", "path"}:
        return False
    inside = kind.field("bytes").type
    return bool(pt.is_binary(inside) or pt.is_large_binary(inside))


def numbered(start: int, rows: int) -> Numbers:
    """The numbers of rows that follow each other."""
    return np.arange(start, start + rows, dtype=np.int64)
