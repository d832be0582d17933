"""Records as Arrow: the schema of each kind, columns to records and back, and what a file says of itself.

A table of records has one column per field. Grouped, a row is a picture: its `PICTURE_FIELDS`, then `annotations`, a list of
structs of all other fields. `labelled` schemas say in their metadata which of the two they hold.
"""

from __future__ import annotations

import enum
import json
import typing
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from pixmo.errors import BadRecord
from pixmo.records.base import Part, Record, Shape, shapes
from pixmo.records.kinds import KINDS, PICTURE_FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

ANNOTATIONS = "annotations"
KEY = b"pixmo"
VERSION = 1
_ROWS = 1024  # made plain at once


class Label(NamedTuple):
    """What a table's metadata says of its rows."""

    record: str  # a kind
    grouped: bool = False
    version: int = VERSION


def schema_of(kind: type[Record]) -> pa.Schema:
    """One field per field of the record, in its order. All are nullable: what was published may lack any value."""
    import pyarrow as pa

    return pa.schema([pa.field(s.name, arrow_type(s.hint)) for s in shapes(kind)])


def annotation_type(kind: type[Record]) -> pa.StructType:
    """A record without the fields that name its picture."""
    import pyarrow as pa

    return pa.struct([f for f in schema_of(kind) if f.name not in PICTURE_FIELDS])


def grouped_schema(kind: type[Record]) -> pa.Schema:
    """One row per picture: which one, and all its annotations."""
    import pyarrow as pa

    pictures = [f for f in schema_of(kind) if f.name in PICTURE_FIELDS]
    return pa.schema([*pictures, pa.field(ANNOTATIONS, pa.list_(annotation_type(kind)))])


def arrow_type(hint: Any) -> pa.DataType:  # Any: a type form of a record's field
    """The Arrow type of a field: string, int64, double, bool, list, struct."""
    import pyarrow as pa

    if typing.get_origin(hint) is tuple:
        return pa.list_(arrow_type(_inner(hint)))
    if issubclass(hint, Part):
        return pa.struct([pa.field(s.name, arrow_type(s.hint)) for s in shapes(hint)])
    if issubclass(hint, enum.StrEnum):
        return pa.string()
    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[hint]


def _inner(hint: Any) -> Any:  # Any: type forms
    inner = typing.get_args(hint)[0]
    options = [a for a in typing.get_args(inner) if a is not type(None)]
    return options[0] if type(None) in typing.get_args(inner) else inner


def labelled(schema: pa.Schema, label: Label) -> pa.Schema:
    """The schema, saying what its rows are."""
    told = {"record": label.record, "grouped": label.grouped, "version": label.version}
    return schema.with_metadata((schema.metadata or {}) | {KEY: json.dumps(told).encode()})


def label_of(schema: pa.Schema) -> Label | None:
    """What a schema says of its rows; None when it says nothing, or nothing we know."""
    try:
        told = json.loads((schema.metadata or {})[KEY])
        label = Label(str(told["record"]), bool(told["grouped"]), int(told["version"]))
    except (KeyError, ValueError, TypeError):
        return None
    return label if label.record in KINDS else None


def batch_of(records: Iterable[Record], kind: type[Record]) -> pa.RecordBatch:
    """Records of one kind as a batch of `schema_of(kind)`, labelled.

    Raises BadRecord naming the record that is of another kind, or holds a number or text that Arrow cannot.
    """
    import pyarrow as pa

    told = list(records)
    for n, record in enumerate(told):
        if not isinstance(record, kind):
            raise BadRecord(f"record {n} is a {type(record).__name__}, should be {kind.__name__}")
    try:
        columns = _columns(told, kind)
    except (
        ValueError,
        OverflowError,
        pa.ArrowException,
    ):  # half a character, more than 64 bits, a whole number for a float
        columns = _columns([_read_again(n, record) for n, record in enumerate(told)], kind)
    return pa.RecordBatch.from_arrays(columns, schema=labelled(schema_of(kind), Label(kind.KIND)))


def _columns(records: list[Record], kind: type[Part]) -> list[pa.Array]:
    return [_array(s.hint, arrow_type(s.hint), [getattr(r, s.name) for r in records]) for s in shapes(kind)]


def _array(hint: Any, kind: pa.DataType, values: list[Any]) -> pa.Array:  # Any: a type form; values of a field
    """A column from the values of a field: twice as fast as from a dict for each row."""
    import pyarrow as pa

    is_null = [v is None for v in values]
    if typing.get_origin(hint) is tuple:
        ends = list(accumulate(0 if v is None else len(v) for v in values))
        starts = [None if none else start for none, start in zip(is_null, [0, *ends], strict=False)]
        inner = _array(_inner(hint), kind.value_type, [v for one in values if one is not None for v in one])
        return pa.ListArray.from_arrays(pa.array([*starts, ends[-1] if ends else 0], pa.int32()), inner, type=kind)
    if issubclass(hint, Part):
        told = [
            _array(s.hint, f.type, [None if v is None else getattr(v, s.name) for v in values])
            for s, f in zip(shapes(hint), kind, strict=True)
        ]
        return pa.StructArray.from_arrays(told, fields=list(kind), mask=pa.array(is_null, pa.bool_()))
    return pa.array(values, kind)


def _read_again(n: int, record: Record) -> Record:
    """The record with values of its fields' own types. Raises BadRecord naming the one that has no such value."""
    try:
        return type(record).from_dict(record.to_dict())
    except BadRecord as error:
        raise BadRecord(f"record {n}: {error}") from None


def records_of(batch: pa.RecordBatch | pa.Table, kind: type[Record]) -> Iterator[Record]:
    """The records of a batch; columns that are not fields are not looked at. Raises BadRecord at a row that is none."""
    names = [s.name for s in shapes(kind) if s.name in batch.schema.names]
    chosen = batch.select(names)
    for start in range(0, chosen.num_rows, _ROWS):
        for told in _plain_rows(chosen.slice(start, _ROWS), kind):
            yield kind.from_dict(told)


def _plain_rows(rows: pa.RecordBatch | pa.Table, kind: type[Record]) -> Iterator[dict[str, Any]]:  # Any: plain values
    try:
        told = rows.to_pylist()
    except (ValueError, OverflowError) as error:  # text that is not UTF-8: the rows before it are none the worse
        if rows.num_rows == 1:
            why = " ".join(str(error).split())[:200]
            raise BadRecord(f"{kind.__name__} cannot be read: {why}") from None
        for n in range(rows.num_rows):
            yield from _plain_rows(rows.slice(n, 1), kind)
        return
    yield from told


def needed(kind: type[Record]) -> list[Shape]:
    """The fields without which there is no record."""
    return [s for s in shapes(kind) if not s.optional]
