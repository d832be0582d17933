"""Where points lie, over all pictures: counts on a grid of the picture's width and height."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from pixmo.records.places import Unit

CELLS = 20
Heat = NDArray[np.int64]
_FULL = {Unit.PERCENT: 100.0, Unit.UNIT_SQUARE: 1.0, Unit.PER_MILLE: 1000.0}


def heat_of(records: pa.RecordBatch | None, of_row: NDArray[np.intp]) -> Heat:
    """Points by cell, [row from the top, column from the left]; those without a unit, or outside the picture, are not counted."""
    heat = np.zeros((CELLS, CELLS), np.int64)
    if records is None or not {"points", "unit"} <= set(records.schema.names):
        return heat
    places, record = _places(records.column("points"))
    if places is None:
        return heat
    width, height = _sides(records)
    x = places.field("x").to_numpy(zero_copy_only=False) / width[record]
    y = places.field("y").to_numpy(zero_copy_only=False) / height[record]
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)  # false for NaN
    column = np.minimum((x[inside] * CELLS).astype(np.int64), CELLS - 1)
    row = np.minimum((y[inside] * CELLS).astype(np.int64), CELLS - 1)
    return heat + np.bincount(row * CELLS + column, minlength=CELLS * CELLS).reshape(CELLS, CELLS)


def _places(column: pa.Array) -> tuple[pa.StructArray | None, NDArray[np.intp]]:
    record = np.arange(len(column))
    while pt.is_list(column.type) or pt.is_large_list(column.type):
        record = record[pc.list_parent_indices(column).to_numpy(zero_copy_only=False)]
        column = pc.list_flatten(column)
    if not pt.is_struct(column.type) or not {"x", "y"} <= {f.name for f in column.type}:
        return None, record
    return pa.StructArray.from_arrays(column.flatten(), fields=list(column.type)), record


def _sides(records: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a coordinate is divided by in each record: NaN where that is not known."""
    unit = records.column("unit")
    sides = []
    for name in ("image_width_px", "image_height_px"):
        side = np.full(records.num_rows, np.nan)
        for told, full in _FULL.items():
            side[_is(unit, told)] = full
        if name in records.schema.names:
            known = records.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
            pixels = _is(unit, Unit.PIXELS)
            side[pixels] = np.where(known > 0, known, np.nan)[pixels]
        sides.append(side)
    return sides[0], sides[1]


def _is(unit: pa.Array, told: Unit) -> NDArray[np.bool_]:
    equal = pc.fill_null(pc.equal(unit, str(told)), False)
    return np.asarray(equal.to_numpy(zero_copy_only=False), bool)
