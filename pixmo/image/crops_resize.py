"""Bilinear resizing with antialiasing in 32-bit floats, equal to torch's (`interpolate(…, antialias=True)`) within its rounding.

A row of the result is a weighted sum of neighbouring rows, so a resize is two products with sparse matrices: one for the columns, one
for the rows. Padding around the picture is rows of these matrices that are empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from pixmo.errors import BadRecord

# H, W height and width of the picture, h, w those of a canvas, R rows of a strip, C channels
_STRIP_BYTES = 1 << 20  # of the picture as floats: what a core keeps near itself


class Fit(NamedTuple):
    """Where a picture comes to stand: scaled to height x width px, at (top, left) of a canvas, which is zero elsewhere."""

    height: int
    width: int
    top: int
    left: int
    canvas: tuple[int, int]


def centred(height: int, width: int, canvas: tuple[int, int]) -> Fit:
    """The largest fit of a picture of this size in the middle of a canvas (height, width), its aspect kept.

    Sizes are products of 32-bit floats, cut to whole pixels. Raises BadRecord for a picture so long that nothing is left of its
    shorter side, or that has no pixels at all.
    """
    if not height or not width:
        raise BadRecord(f"a picture of {width} x {height} px has no pixels")
    high, wide = canvas
    scale = min(np.float32(wide) / np.float32(width), np.float32(high) / np.float32(height))
    inner_height, inner_width = int(np.float32(height) * scale), int(np.float32(width) * scale)
    if not inner_height or not inner_width:
        raise BadRecord(
            f"a picture of {width} x {height} px is too long for the model: scaled into {wide} x {high} px it has no pixels left"
        )
    return Fit(inner_height, inner_width, (high - inner_height) // 2, (wide - inner_width) // 2, canvas)


def fitted(
    image_HWC: NDArray[np.uint8], factor_C: NDArray[np.float32], fits: Sequence[Fit]
) -> list[NDArray[np.float32]]:
    """The picture times `factor_C`, resized into each fit: arrays (h, w, C), zero where the canvas is not covered.

    The picture is read once, in strips of rows, so that a large one needs little memory beside its result.
    """
    height, width, channels = image_HWC.shape
    across = _stacked(tuple((width, fit.width, fit.left, fit.canvas[1]) for fit in fits))
    narrow = [np.empty((height, fit.canvas[1] * channels), np.float32) for fit in fits]
    rows = max(1, _STRIP_BYTES // (4 * width * channels))
    for top in range(0, height, rows):
        strip_WCR = image_HWC[top : top + rows].transpose(1, 2, 0) * factor_C[:, None]
        mixed = (across @ strip_WCR.reshape(width, -1)).reshape(-1, strip_WCR.shape[2])
        start = 0
        for part in narrow:
            part[top : top + rows] = mixed[start : start + part.shape[1]].T
            start += part.shape[1]
    return [
        (_weights(height, fit.height, fit.top, fit.canvas[0]) @ part).reshape(*fit.canvas, channels)
        for fit, part in zip(fits, narrow, strict=True)
    ]


@lru_cache(maxsize=64)
def _stacked(sizes: tuple[tuple[int, int, int, int], ...]) -> Any:  # Any: scipy has no types
    return vstack([_weights(*size) for size in sizes], format="csr")


@lru_cache(maxsize=128)
def _weights(size: int, inner: int, before: int, canvas: int) -> Any:  # Any: as above
    """The matrix (canvas, size) that scales a line of `size` pixels to `inner` of them, from position `before` on."""
    scale = np.float32(size) / np.float32(inner)
    reach = max(scale, np.float32(1))  # antialiasing: when shrinking, a pixel is the mean of as many as it covers
    centre = scale * (np.arange(inner, dtype=np.float32) + np.float32(0.5))
    first = np.maximum((centre - reach + np.float32(0.5)).astype(np.int64), 0)
    last = np.minimum((centre + reach + np.float32(0.5)).astype(np.int64), size)
    taps = first[:, None] + np.arange((last - first).max())
    distance = (taps.astype(np.float32) - centre[:, None] + np.float32(0.5)) / reach
    weight = np.maximum(np.float32(1) - np.abs(distance), 0) * (taps < last[:, None])
    weight /= weight.sum(axis=1, keepdims=True)
    used = taps < last[:, None]
    ends = np.zeros(canvas + 1, np.int64)
    ends[before + 1 : before + inner + 1] = last - first
    return csr_array((weight[used], taps[used], np.cumsum(ends)), shape=(canvas, size))
