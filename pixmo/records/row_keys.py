"""64 bits of each row, a column at a time: equal values have equal keys, others have not (but once in many billions of rows)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

_STEP = 0x9E3779B97F4A7C15  # odd, so that steps visit every number: sets apart places in a list, columns of a row
_NULL = 0x6A09E667F3BCC909  # any number: what is missing
_odd = count()


def row_keys(columns: Sequence[Keys], rows: int) -> Keys:
    """One key for the keys of each row's values, in this order of columns."""
    import numpy as np

    keys = np.zeros(rows, np.uint64)
    for of_column in columns:
        keys = _mixed(keys + np.uint64(_STEP) ^ of_column)
    return keys


def value_keys(column: pa.Array) -> Keys:
    """A key for each value. NaN equals NaN, null equals null, whatever the column's type is besides.

    Keys compare within one process: texts are hashed by Python, which salts its hashes.
    """
    import numpy as np
    import pyarrow.types as pt

    kind = column.type
    if pt.is_dictionary(kind):
        return value_keys(column.dictionary_decode())
    if pt.is_struct(kind):
        keys = row_keys([value_keys(inside) for inside in column.flatten()], len(column))
    elif pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        keys = _of_lists(column)
    elif pt.is_string(kind) or pt.is_large_string(kind) or pt.is_binary(kind) or pt.is_large_binary(kind):
        keys = _of_texts(column)
    elif pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind):
        keys = _mixed(_numbers(column))
    else:
        keys = _one_by_one(column)
    return np.where(column.is_null().to_numpy(zero_copy_only=False), np.uint64(_NULL), keys)


def _numbers(column: pa.Array) -> Keys:
    """The bits of each number: one spelling of NaN and of zero."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.types as pt

    kind = column.type
    wide = pa.float64() if pt.is_floating(kind) else pa.uint64() if pt.is_uint64(kind) else pa.int64()
    values = column.cast(wide).fill_null(0).to_numpy(zero_copy_only=False)
    if pt.is_floating(kind):
        values = np.where(np.isnan(values), np.nan, values + 0.0)
    bits: Keys = np.ascontiguousarray(values).view(np.uint64)
    return bits


def _of_texts(column: pa.Array) -> Keys:
    """By their bytes, since what is called text may be none; each text of a batch is hashed once."""
    import numpy as np
    import pyarrow as pa

    told = column.cast(pa.large_binary()).fill_null(b"").dictionary_encode()
    hashes = np.fromiter(map(hash, told.dictionary.to_pylist()), np.int64, len(told.dictionary))
    keys: Keys = hashes.view(np.uint64)[told.indices.to_numpy()]
    return keys


def _of_lists(column: pa.Array) -> Keys:
    """The sum of the keys of a list's values, each mixed with its place, and the length."""
    import numpy as np
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum(lengths)
    inner = value_keys(column.flatten())
    places = np.arange(len(inner)) - np.repeat(ends - lengths, lengths)
    sums = np.concatenate(
        [np.zeros(1, np.uint64), np.cumsum(_mixed(inner + places.view(np.uint64) * np.uint64(_STEP)))]
    )
    return _mixed(sums[ends] - sums[ends - lengths] + lengths.view(np.uint64))


def _one_by_one(column: pa.Array) -> Keys:
    """Of types that records do not have: by their spelling; what cannot be spelled is like nothing else."""
    import numpy as np

    keys = np.zeros(len(column), np.int64)
    for row, value in enumerate(column):
        try:
            keys[row] = hash(repr(value.as_py()))
        except (ValueError, OverflowError):  # text that is not UTF-8, a date beyond Python's
            keys[row] = hash(("unlike any other", next(_odd)))
    return keys.view(np.uint64)


def _mixed(keys: Keys) -> Keys:
    """Each bit depends on all bits: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014). Overflow is meant."""
    import numpy as np

    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
