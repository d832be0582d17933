"""The same values in another layout of lists and structs: what one set publishes as a struct of lists another has as a list of structs.

Everything is done on whole columns. Nulls stay nulls. `converted` goes both ways, so that what was published can be had back. What
cannot be had back are lists side by side of which some are null or shorter (they are filled with nulls up to the longest), a place of
other than two numbers (it becomes null), and a mask that is no rectangle (its size becomes 0 × 0). All three are no records, or are
findings, so `check` names their rows.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from pixmo.catalog.masks import is_mask, is_pixels, masks_of, pixels_of

Offsets = NDArray[np.int64]
XY = ("x", "y")


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
        return converted(pixels_of(column), kind)
    if _is_list(kind):
        return _list(column, kind)
    if pt.is_struct(kind):
        return _struct(column, kind)
    return _cast(column, kind)


def carries(kind: pa.DataType, column: pa.DataType) -> bool:
    """Whether the first type has a place for every field of structs inside the second; lists are not looked at."""
    return _names(column) <= _names(kind)


def _names(kind: pa.DataType, before: str = "") -> set[str]:
    if _is_list(kind):
        return _names(kind.value_type, before)
    if not pt.is_struct(kind):
        return set()
    own = {f"{before}.{f.name}" for f in kind}
    return own.union(*(_names(f.type, f"{before}.{f.name}") for f in kind))


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Numbers and texts. Arrow alone would make any number a truth value, and round doubles."""
    if pt.is_nested(column.type) or (pt.is_boolean(kind) and not pt.is_string(column.type)):
        raise CannotConvert(f"{column.type} is not {kind}")
    try:
        made = column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise CannotConvert(f"{column.type} does not fit {kind}: {error}") from error
    if pt.is_float64(column.type) and pt.is_floating(kind):
        same = pc.or_(pc.equal(made.cast(column.type), column), pc.is_nan(column))
        if pc.any(pc.invert(same)).as_py():
            raise CannotConvert(
                f"{column.type} does not fit {kind}: {column.filter(pc.invert(same))[0]} would be rounded"
            )
    return made


def _list(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if _is_list(column.type):
        return _relisted(_lengths(column), converted(column.flatten(), kind.value_type), column, kind)
    if _is_place(column.type) and not pt.is_nested(kind.value_type):
        return _paired(column, kind)
    if _is_struct_of_lists(column.type):
        return _zipped(column, kind)
    raise CannotConvert(f"{column.type} is not {kind}")


def _struct(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pt.is_struct(column.type):
        have = {f.name: c for f, c in zip(column.type, column.flatten(), strict=True)}
        lacks = {f.name for f in kind} - set(have)
        if (lacks and _is_place(kind)) or len(lacks) == kind.num_fields:
            raise CannotConvert(f"{column.type} does not have the fields of {kind}")
        parts = [converted(have[f.name], f.type) if f.name in have else pa.nulls(len(column), f.type) for f in kind]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=column.is_null())
    if _is_list(column.type) and _is_place(kind) and not pt.is_nested(column.type.value_type):
        return _unpaired(column, kind)
    if _is_list(column.type) and _is_struct_of_lists(kind):
        return _unzipped(column, kind)
    raise CannotConvert(f"{column.type} is not {kind}")


def _zipped(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A struct of lists as a list of structs, or of what those can be had as; shorter lists are filled with nulls."""
    lists = column.flatten()
    lengths = np.stack([_lengths(one) for one in lists]).max(axis=0)
    parts = [_filled(one, lengths) for one in lists]
    structs = pa.StructArray.from_arrays(parts, names=[f.name for f in column.type])
    return _relisted(lengths, converted(structs, kind.value_type), column, kind)


def _unzipped(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A list of structs, or of what can be had as one, as a struct of lists."""
    structs = converted(column.flatten(), pa.struct([pa.field(f.name, f.type.value_type) for f in kind]))
    lengths = _lengths(column)
    parts = [_relisted(lengths, part, column, f.type) for f, part in zip(kind, structs.flatten(), strict=True)]
    return pa.StructArray.from_arrays(parts, fields=list(kind), mask=column.is_null())


def _unpaired(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """[x, y] as {x, y}. A list of another length is not a place; it becomes null."""
    valid = (_lengths(column) == 2) & column.is_valid().to_numpy(zero_copy_only=False)
    flat = column.filter(pa.array(valid)).flatten()
    first = 2 * (np.cumsum(valid) - 1)
    parts = [converted(flat.take(pa.array(first + XY.index(f.name), mask=~valid)), f.type) for f in kind]
    return pa.StructArray.from_arrays(parts, fields=list(kind), mask=pa.array(~valid))


def _paired(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """{x, y} as [x, y]."""
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(valid)
    parts = [converted(pc.struct_field(column, name), kind.value_type).take(pa.array(rows)) for name in XY]
    order = np.arange(len(rows))[:, None] + np.array([0, len(rows)])
    return _relisted(np.where(valid, 2, 0), pa.concat_arrays(parts).take(pa.array(order.ravel())), column, kind)


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


def _is_place(kind: pa.DataType) -> bool:
    return bool(pt.is_struct(kind)) and sorted(f.name for f in kind) == list(XY)


def _is_struct_of_lists(kind: pa.DataType) -> bool:
    return bool(pt.is_struct(kind)) and kind.num_fields > 0 and all(_is_list(f.type) for f in kind)
