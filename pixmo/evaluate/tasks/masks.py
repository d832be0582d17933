"""Masks of things in a picture, as arrays or as run lengths: is a pixel inside?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadRecord

Mask = (
    Mapping[str, Any] | NDArray[np.bool_] | Sequence[Sequence[bool]]
)  # Any: the values of a JSON object, checked below
"""Booleans [height][width], or `{"size": [height, width], "counts": [...]}`: lengths of runs row by row, outside and inside by turns,
beginning outside. (COCO's counts go column by column: give those as arrays.)"""


def require_masks(masks: Sequence[Mask], size_px: tuple[int, int]) -> None:
    """Raises BadRecord naming the first mask that is not of a picture of `size_px` (width, height)."""
    for number, mask in enumerate(masks):
        height, width = _size(mask, number)
        if (width, height) != tuple(size_px):
            raise BadRecord(f"masks[{number}] is {width}x{height}, its picture {size_px[0]}x{size_px[1]}")


def _size(mask: Mask, number: int) -> tuple[int, int]:
    if not isinstance(mask, Mapping):
        height = len(mask)
        return height, len(mask[0]) if height else 0
    try:
        (height, width), counts = mask["size"], mask["counts"]
        if min(counts, default=0) >= 0 and sum(counts) == height * width:
            return height, width
    except (KeyError, TypeError, ValueError):
        pass
    raise BadRecord(
        f"masks[{number}] must be {{'size': [height, width], 'counts': [...]}} with runs that fill the picture"
    )


def covers(mask: Mask, x: int, y: int) -> bool:
    """Whether the pixel in column `x` and row `y` is inside; a pixel outside of the picture is not."""
    if not isinstance(mask, Mapping):
        return 0 <= y < len(mask) and 0 <= x < len(mask[0]) and bool(mask[y][x])
    height, width = mask["size"]
    if not (0 <= y < height and 0 <= x < width):
        return False
    at = y * width + x
    return next(run for run, end in enumerate(accumulate(mask["counts"])) if at < end) % 2 == 1
