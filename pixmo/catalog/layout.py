"""The same values in another layout of lists and structs: what one set publishes as a struct of lists another has as a list of structs.

Everything is done on whole columns. Nulls stay nulls. `converted` goes both ways, so that what was published can be had back; what
cannot is a struct of lists of different lengths (the shorter ones are filled with nulls) and a place of other than two numbers.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from pixmo.catalog.masks import is_mask, is_pixels, masks_of, pixels_of

Offsets = NDArray[np.int64]


class CannotConvert(Exception):
    """Two layouts that do not hold the same values."""


def converted(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The column with another type: lists and structs laid out anew, numbers and texts cast without loss.

    Raises CannotConvert for types that do not say the same, or values that do not fit.
    """
    if column.type == kind:
        return column
    if pt.is_dictionary(column.type):
        return converted(column.dictionary_decode(), kind)
    if pt.is_null(column.type):
        return pa.nulls(len(column), kind)
    if is_mask(kind) and is_pixels(column.type):
        return masks_of(column)
    if is_pixels(kind) and is_mask(column.type):
        return pixels_of(column)
    if _is_list(kind):
        return _list(column, kind)
    if pt.is_struct(kind):
        return _struct(column, kind)
    if pt.is_nested(column.type):
        raise CannotConvert(f"{column.type} is not {kind}")
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise CannotConvert(f"{column.type} does not fit {kind}: {error}") from error


def _list(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if _is_list(column.type):
        return _relisted(_lengths(column), converted(column.flatten(), kind.value_type), column, kind)
    if pt.is_struct(column.type) and pt.is_struct(kind.value_type):
        return _zipped(column, kind)
    if pt.is_struct(column.type) and column.type.num_fields == 2 and not pt.is_nested(kind.value_type):
        return _paired(column, kind)
    raise CannotConvert(f"{column.type} is not {kind}")


def _struct(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pt.is_struct(column.type):
        have = {f.name: c for f, c in zip(column.type, column.flatten(), strict=True)}
        if not set(have) & {f.name for f in kind}:
            raise CannotConvert(f"{column.type} has none of the fields of {kind}")
        parts = [converted(have[f.name], f.type) if f.name in have else pa.nulls(len(column), f.type) for f in kind]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=column.is_null())
    if _is_list(column.type) and pt.is_struct(column.type.value_type):
        return _unzipped(column, kind)
    if _is_list(column.type) and kind.num_fields == 2 and not pt.is_nested(column.type.value_type):
        return _unpaired(column, kind)
    raise CannotConvert(f"{column.type} is not {kind}")


def _zipped(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A struct of lists as a list of structs; shorter lists are filled with nulls."""
    lists = {f.name: c for f, c in zip(column.type, column.flatten(), strict=True)}
    wanted = [f for f in kind.value_type if f.name in lists]
    if not wanted or not all(_is_list(lists[f.name].type) for f in wanted):
        raise CannotConvert(f"{column.type} is not {kind}")
    lengths = np.stack([_lengths(lists[f.name]) for f in wanted]).max(axis=0)
    parts = {f.name: _filled(lists[f.name], lengths) for f in wanted}
    rows = int(lengths.sum())
    inner = [converted(parts[f.name], f.type) if f.name in parts else pa.nulls(rows, f.type) for f in kind.value_type]
    structs = pa.StructArray.from_arrays(inner, fields=list(kind.value_type))
    return _relisted(lengths, structs, column, kind)


def _unzipped(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A list of structs as a struct of lists."""
    values, lengths = column.flatten(), _lengths(column)
    have = {f.name: c for f, c in zip(values.type, values.flatten(), strict=True)}
    if not all(_is_list(f.type) and f.name in have for f in kind):
        raise CannotConvert(f"{column.type} is not {kind}")
    parts = [_relisted(lengths, converted(have[f.name], f.type.value_type), column, f.type) for f in kind]
    return pa.StructArray.from_arrays(parts, fields=list(kind), mask=column.is_null())


def _unpaired(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """[x, y] as {x, y}. A list of another length is not a place; it becomes null."""
    fits = pa.array(_lengths(column) == 2)
    pairs = pc.if_else(pc.and_(fits, column.is_valid()), column, pa.scalar(None, column.type))
    flat, valid = pairs.flatten(), pairs.is_valid()
    place = np.cumsum(valid.to_numpy(zero_copy_only=False)) - 1
    parts = []
    for number, field in enumerate(kind):
        at = pa.array(2 * place + number, mask=~valid.to_numpy(zero_copy_only=False))
        parts.append(converted(flat.take(at), field.type))
    return pa.StructArray.from_arrays(parts, fields=list(kind), mask=pc.invert(valid))


def _paired(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """{x, y} as [x, y]."""
    parts = [converted(c, kind.value_type) for c in column.flatten()]
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(valid)
    both = pa.concat_arrays([c.take(pa.array(rows)) for c in parts])
    order = np.arange(len(rows))[:, None] + np.array([0, len(rows)])
    return _relisted(np.where(valid, 2, 0), both.take(pa.array(order.ravel())), column, kind)


def _relisted(lengths: Offsets, values: pa.Array, column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Lists of these lengths over the values, null where `column` is."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if pt.is_fixed_size_list(kind):
        return pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), values, pa.list_(kind.value_type), mask=column.is_null()
        ).cast(kind)
    made, width = (pa.LargeListArray, pa.int64()) if pt.is_large_list(kind) else (pa.ListArray, pa.int32())
    return made.from_arrays(pa.array(offsets, width), values, kind, mask=column.is_null())


def _filled(column: pa.Array, lengths: Offsets) -> pa.Array:
    """The values of lists, each list followed by as many nulls as it is too short."""
    own = _lengths(column)
    values = column.flatten()
    if (own == lengths).all():
        return values
    starts = np.concatenate([[0], np.cumsum(own)])[:-1]
    row = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(int(lengths.sum())) - np.concatenate([[0], np.cumsum(lengths)])[:-1][row]
    there = within < own[row]
    return values.take(pa.array(np.where(there, starts[row] + within, 0), mask=~there))


def _lengths(column: pa.Array) -> Offsets:
    """How long each list is; a null one has no values."""
    lengths: Offsets = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    return lengths


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))
