"""Resizing in 32-bit floats, equal to torch's `interpolate` within its rounding: bilinear with and without antialiasing, bicubic with it.

A row of the result is a weighted sum of rows of the picture, so a resize is two products with sparse matrices: one for the columns, one
for the rows. Padding around the picture is rows of these matrices that are empty.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, NamedTuple  # Any: scipy has no types

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from pixmo.errors import BadRecord

# C channels
_STRIP_BYTES = 1 << 19  # of the picture as floats: what a core keeps near itself
_HALF, _ONE = np.float32(0.5), np.float32(1)
Kernel = Literal["nearest two", "linear", "cubic"]
"""What a pixel of the result is made of: the two nearest each way; or, of a shrunk picture, all it covers, weighed by a triangle or by
a cubic, which may leave the range of the picture's values."""


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
    shorter side.
    """
    high, wide = canvas
    scale = min(np.float32(wide) / np.float32(width), np.float32(high) / np.float32(height))
    inner_height, inner_width = int(np.float32(height) * scale), int(np.float32(width) * scale)
    if not inner_height or not inner_width:
        raise BadRecord(
            f"a picture of {width} x {height} px is too long for the model: scaled into {wide} x {high} px it has no pixels left"
        )
    return Fit(inner_height, inner_width, (high - inner_height) // 2, (wide - inner_width) // 2, canvas)


def require_picture(image: NDArray[Any]) -> tuple[int, int]:
    """The height and width of an RGB picture; raises BadRecord for any other array, and for one without pixels."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise BadRecord(f"an array of shape {image.shape} and {image.dtype} is no RGB picture of bytes")
    height, width, _ = image.shape
    if not height or not width:
        raise BadRecord(f"a picture of {width} x {height} px has no pixels")
    return height, width


def stretched(canvas: tuple[int, int]) -> Fit:
    """The fit that covers a canvas (height, width), whatever the picture's aspect."""
    return Fit(*canvas, 0, 0, canvas)


def fitted(
    image: NDArray[np.uint8], factor_C: NDArray[np.float32], fits: tuple[Fit, ...], kernel: Kernel
) -> list[NDArray[np.float32]]:
    """The picture (height, width, C) times `factor_C`, resized into each fit: arrays (height, width, C), zero where not covered.

    The picture is read once, in strips of columns, so that a large one needs little memory beside its results. The arrays are views
    with the rows innermost.
    """
    height, width, channels = image.shape
    plan = _plan(height, width, fits, kernel)
    narrow = [np.empty((len(plan.cols), channels, fit.canvas[0]), np.float32) for fit in fits]
    if len(plan.rows) < height:
        image = image[plan.rows]
    step = max(1, _STRIP_BYTES // (4 * len(plan.rows) * channels))
    for left in range(0, len(plan.cols), step):
        strip = image[:, plan.cols[left : left + step]] if len(plan.cols) < width else image[:, left : left + step]
        mixed = plan.down @ strip.reshape(len(strip), -1).astype(np.float32)
        top = 0
        for part in narrow:
            rows = mixed[top : top + part.shape[2]].reshape(part.shape[2], -1, channels)
            np.multiply(rows.transpose(1, 2, 0), factor_C[:, None], out=part[left : left + step])
            top += part.shape[2]
    return [
        (across @ part.reshape(len(part), -1)).reshape(fit.canvas[1], channels, fit.canvas[0]).transpose(2, 0, 1)
        for across, part, fit in zip(plan.across, narrow, fits, strict=True)
    ]


class _Plan(NamedTuple):
    """Which rows and columns of a picture are read, and how they are mixed: rows for all fits at once, columns for each."""

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    down: Any
    across: list[Any]


@lru_cache(maxsize=32)
def _plan(height: int, width: int, fits: tuple[Fit, ...], kernel: Kernel) -> _Plan:
    down = vstack([_weights(height, fit.height, fit.top, fit.canvas[0], kernel) for fit in fits], format="csr")
    across = [_weights(width, fit.width, fit.left, fit.canvas[1], kernel) for fit in fits]
    rows, cols = np.unique(down.indices), np.unique(np.concatenate([matrix.indices for matrix in across]))
    return _Plan(rows, cols, down[:, rows], [matrix[:, cols] for matrix in across])


def _weights(size: int, inner: int, before: int, canvas: int, kernel: Kernel) -> Any:
    """The matrix (canvas, size) that scales a line of `size` pixels to `inner` of them, from position `before` on."""
    scale = np.float32(size) / np.float32(inner)
    first, counts, weight = (
        _nearest(inner, scale, size) if kernel == "nearest two" else _covered(inner, scale, size, kernel)
    )
    taps = first[:, None] + np.arange(weight.shape[1])
    used = np.arange(weight.shape[1]) < counts[:, None]
    ends = np.zeros(canvas + 1, np.int64)
    ends[before + 1 : before + inner + 1] = counts
    return csr_array((weight[used], taps[used], np.cumsum(ends)), shape=(canvas, size))


_Taps = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]  # the first pixel, how many, their weights


def _covered(inner: int, scale: np.float32, size: int, kernel: Kernel) -> _Taps:
    centre = scale * (np.arange(inner, dtype=np.float32) + _HALF)
    pixel = max(scale, _ONE)  # of the result, in those of the picture
    reach = pixel * np.float32(2 if kernel == "cubic" else 1)
    first = np.maximum((centre - reach + _HALF).astype(np.int64), 0)
    counts = np.minimum((centre + reach + _HALF).astype(np.int64), size) - first
    step = np.arange(counts.max())
    distance = ((first[:, None] + step).astype(np.float32) - centre[:, None] + _HALF) / pixel
    weight = (_cubic if kernel == "cubic" else _triangle)(np.abs(distance)) * (step < counts[:, None])
    return first, counts, weight / weight.sum(axis=1, keepdims=True)


def _triangle(x: NDArray[np.float32]) -> NDArray[np.float32]:
    weight: NDArray[np.float32] = np.maximum(_ONE - x, 0)
    return weight


def _cubic(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keys' cubic with a = -1/2, that of Pillow too."""
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weight: NDArray[np.float32] = np.where(x < 1, near, np.where(x < 2, far, 0)).astype(np.float32)
    return weight


def _nearest(inner: int, scale: np.float32, size: int) -> _Taps:
    # in 64 bits, then rounded once: torch's fused multiplication and addition, without which far pixels differ by 0.01
    centre = np.float64(scale) * (np.arange(inner) + 0.5)
    position = np.maximum(centre - 0.5, 0).astype(np.float32)
    first = np.minimum(position.astype(np.int64), size - 1)
    is_last = first == size - 1  # it has no neighbour to be mixed with
    share = np.where(is_last, np.float32(0), position - first.astype(np.float32))
    return first, np.where(is_last, 1, 2), np.stack([_ONE - share, share], axis=1)
