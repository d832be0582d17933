"""Masks as published, nested lists of booleans, and as records keep them, run lengths: a hundredth of the size."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

MASK = pa.struct([("height_px", pa.int64()), ("width_px", pa.int64()), ("runs", pa.list_(pa.int64()))])
PIXELS = pa.list_(pa.list_(pa.bool_()))
Numbers = NDArray[np.int64]
AT_ONCE = 2**24
"""Pixels looked at in one go: a set may have half a milliard in a batch, and each takes some bytes while it is looked at."""


def is_mask(kind: pa.DataType) -> bool:
    """Whether this is pixmo.records.places.Mask."""
    return bool(pt.is_struct(kind)) and [f.name for f in kind] == [f.name for f in MASK]


def is_pixels(kind: pa.DataType) -> bool:
    """Whether this is rows of booleans."""
    return _is_list(kind) and _is_list(kind.value_type) and bool(pt.is_boolean(kind.value_type.value_type))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind))


def masks_of(column: pa.Array) -> pa.Array:
    """Run lengths of each mask. One that is no rectangle, or has nulls inside, has a size of 0 × 0 and no runs."""
    rows = column.flatten()
    if len(column) > 1 and int(_lengths(rows).sum()) > AT_ONCE:
        half = len(column) // 2
        return pa.concat_arrays([masks_of(column.slice(0, half)), masks_of(column.slice(half))])
    heights, widths = _lengths(column), _lengths(rows)
    last = np.cumsum(heights)
    pixels_before = np.concatenate([[0], np.cumsum(widths)])
    sizes = pixels_before[last] - pixels_before[last - heights]
    width = np.where(heights > 0, widths[np.minimum(last - heights, max(len(widths) - 1, 0))] if len(widths) else 0, 0)
    mask_of_row = np.repeat(np.arange(len(heights)), heights)
    whole = np.ones(len(heights), bool)
    whole[mask_of_row[(widths != width[mask_of_row]) | rows.is_null().to_numpy(zero_copy_only=False)]] = False
    pixels = rows.flatten()
    if pixels.null_count:
        at = np.flatnonzero(pixels.is_null().to_numpy(zero_copy_only=False))
        whole[np.searchsorted(np.cumsum(sizes), at, "right")] = False
    bits = pc.fill_null(pixels, False).to_numpy(zero_copy_only=False)
    runs, counts = _runs(bits, sizes)
    keep = np.repeat(whole, counts)
    parts = [
        pa.array(np.where(whole, heights, 0)),
        pa.array(np.where(whole, width, 0)),
        _lists(runs[keep], np.where(whole, counts, 0)),
    ]
    return pa.StructArray.from_arrays(parts, fields=list(MASK), mask=column.is_null())


def pixels_of(column: pa.Array) -> pa.Array:
    """Rows of booleans again. Raises ValueError for runs that do not add up to the size of their mask."""
    height, width = (pc.fill_null(pc.struct_field(column, n), 0).to_numpy() for n in ("height_px", "width_px"))
    if len(column) > 1 and int((height * width).sum()) > AT_ONCE:
        half = len(column) // 2
        return pa.concat_arrays([pixels_of(column.slice(0, half)), pixels_of(column.slice(half))])
    lists = pc.struct_field(column, "runs")
    counts, runs = _lengths(lists), lists.flatten().to_numpy()
    mask_of_run = np.repeat(np.arange(len(counts)), counts)
    sizes = np.bincount(mask_of_run, runs, len(counts)).astype(np.int64)
    if (sizes != height * width).any():
        raise ValueError(f"mask {int(np.flatnonzero(sizes != height * width)[0])}: its runs do not add up to its size")
    within = np.arange(len(runs)) - np.concatenate([[0], np.cumsum(counts)])[:-1][mask_of_run]
    bits = np.repeat(within % 2 == 1, runs)
    rows = _lists(bits, np.repeat(width, height))
    offsets = pa.array(np.concatenate([[0], np.cumsum(height)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, rows, PIXELS, mask=column.is_null())


def _runs(bits: NDArray[np.bool_], sizes: Numbers) -> tuple[Numbers, Numbers]:
    """(lengths of all runs, how many each mask has); the first run of a mask is of pixels outside."""
    ends = np.cumsum(sizes)
    starts = ends - sizes
    begins = np.zeros(len(bits) + 1, bool)
    begins[1:-1] = bits[1:] != bits[:-1]
    begins[starts] = True
    at = np.flatnonzero(begins[: len(bits)])
    lengths = np.diff(np.append(at, len(bits)))
    first = np.searchsorted(at, starts)
    counts = np.searchsorted(at, ends) - first
    inside = (sizes > 0) & bits[np.minimum(starts, max(len(bits) - 1, 0))] if len(bits) else np.zeros(len(sizes), bool)
    return np.insert(lengths, first[inside], 0), counts + inside


def _lists(values: NDArray[np.generic], counts: Numbers) -> pa.Array:
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values))


def _lengths(column: pa.Array) -> Numbers:
    lengths: Numbers = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    return lengths
