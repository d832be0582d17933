"""One schema for many files: nulls and numbers are widened, all else must agree."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pixmo.errors import BadSource


class Clash(Exception):
    """Two types of one column that no type holds; never leaves this room."""

    def __init__(self, column: str, here: str, there: str) -> None:
        self.column, self.here, self.there = column, here, there
        super().__init__(column, here, there)


def merged(here: pa.Schema, there: pa.Schema, *, gaps: bool) -> pa.Schema:
    """The columns of `here`, then those only in `there` (with `gaps`, else they are a Clash), in types that hold both."""
    fields = {f.name: f for f in here}
    for field in there:
        known = fields.get(field.name)
        if known is None:
            if not gaps:
                raise Clash(field.name, "missing", "there")
            fields[field.name] = field
        elif known.type != field.type:
            fields[field.name] = pa.field(field.name, _both(known.type, field.type, field.name))
    if not gaps and (lost := [name for name in here.names if name not in there.names]):
        raise Clash(lost[0], "there", "missing")
    return pa.schema(list(fields.values()), here.metadata)


def unified(schemas: Iterable[tuple[str, pa.Schema, bool]]) -> pa.Schema:
    """One schema of files, given as (name, schema, may lack columns). Raises BadSource naming the file and column that differ."""
    whole: pa.Schema | None = None
    first = ""
    for name, schema, gaps in schemas:
        if whole is None:
            whole, first = schema, name
            continue
        if whole.equals(schema):
            continue
        try:
            whole = merged(whole, schema, gaps=gaps)
        except Clash as clash:
            raise BadSource(_told(clash, first, name)) from clash
    assert whole is not None
    return whole


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with the columns of `schema`: widened, in its order, nulls for those it lacks."""
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    have = set(batch.schema.names)
    columns = [
        _cast(batch.column(f.name), f.type) if f.name in have else pa.nulls(batch.num_rows, f.type) for f in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _told(clash: Clash, first: str, name: str) -> str:
    if "missing" in (clash.here, clash.there):
        has, lacks = (name, first) if clash.here == "missing" else (first, name)
        return f"{lacks}: has no column {clash.column!r}, which {has} has; give files of one kind, or add it"
    return (
        f"{name}: column {clash.column!r} is {clash.there}, but {clash.here} in {first}; write both with one type, "
        "or give the files one by one"
    )


def _both(here: pa.DataType, there: pa.DataType, name: str) -> pa.DataType:
    """The type that holds values of both."""
    if here == there or pt.is_null(there):
        return here
    if pt.is_null(here):
        return there
    if _is_number(here) and _is_number(there):
        return _wider_number(here, there)
    if _is_text(here) and _is_text(there):
        return pa.large_string() if pt.is_large_string(here) or pt.is_large_string(there) else pa.string()
    if _is_bytes(here) and _is_bytes(there):
        return pa.large_binary() if pt.is_large_binary(here) or pt.is_large_binary(there) else pa.binary()
    if pt.is_struct(here) and pt.is_struct(there):
        return _both_structs(here, there, name)
    if _is_list(here) and _is_list(there):
        inner = _both(here.value_type, there.value_type, name)
        return pa.large_list(inner) if pt.is_large_list(here) or pt.is_large_list(there) else pa.list_(inner)
    raise Clash(name, str(here), str(there))


def _both_structs(here: pa.DataType, there: pa.DataType, name: str) -> pa.DataType:
    fields = {f.name: f.type for f in here}
    for field in there:
        known = fields.get(field.name)
        fields[field.name] = field.type if known is None else _both(known, field.type, f"{name}.{field.name}")
    return pa.struct(list(fields.items()))


def _wider_number(here: pa.DataType, there: pa.DataType) -> pa.DataType:
    if pt.is_integer(here) and pt.is_integer(there):
        signed = pt.is_signed_integer(here) or pt.is_signed_integer(there)
        bits = max(t.bit_width * (2 if signed and pt.is_unsigned_integer(t) else 1) for t in (here, there))
        of_bits = (
            {8: pa.int8(), 16: pa.int16(), 32: pa.int32()}
            if signed
            else {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32()}
        )
        return of_bits.get(bits, pa.int64() if signed else pa.uint64())
    floats = [t for t in (here, there) if pt.is_floating(t)]
    if len(floats) == 2:
        return max(floats, key=lambda t: t.bit_width)
    return pa.float64()


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The column in a wider type; structs by name, since files may order their members differently."""
    if column.type == kind:
        return column
    if pt.is_null(column.type):
        return pa.nulls(len(column), kind)
    if pt.is_dictionary(column.type):
        return _cast(column.dictionary_decode(), kind)
    if pt.is_struct(kind):
        have = {f.name for f in column.type}
        parts = [
            _cast(pc.struct_field(column, f.name), f.type) if f.name in have else pa.nulls(len(column), f.type)
            for f in kind
        ]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=column.is_null())
    if _is_list(kind) and _is_list(column.type):
        return pa.array(column.to_pylist(), kind) if pt.is_nested(kind.value_type) else column.cast(kind)
    return column.cast(kind)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    if pt.is_dictionary(kind):
        kind = kind.value_type
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_binary_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))
