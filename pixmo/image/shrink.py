"""Shrink grey pictures exactly as Pillow's LANCZOS does, to several sizes in one pass over the pixels.

Pillow resizes in two passes, across and then down, in whole numbers: each output pixel is a sum of pixels times 22-bit
weights, rounded and clipped to a byte. Across is where the time goes, since it touches every pixel, and hashing needs it
twice. Here it is a product of matrices in double precision, in which every sum of these whole numbers is exact (below 2**31),
so the bytes are the same whatever order the sums are taken in. Down is left to Pillow. Measured on a 640 x 480 picture to
32 and 9 columns: 0.7 ms for both, Pillow 2.0 ms. Pillow 13 goes down first where a picture is about twice as tall as wide; such
pictures are left to it, with a margin.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LANCZOS = Image.Resampling.LANCZOS
_WEIGHT_BITS = 22  # Pillow's: 32 bits less 8 of the pixel and 2 for the overshoot of the kernel
_LOBES = 3.0
_BLOCK = 8  # columns per product, at most: neighbouring columns read overlapping parts of a row
_PART = 2**15  # pixels per product: stays in the cache, and times _BLOCK is where OpenBLAS would begin to start threads
_DOUBT = 1e-5  # weights are at most 2**22, of 53 bits: an error of some last bits is far smaller
_SMALLEST_PX = 100  # narrower pictures are not worth the preparation
_TALLEST = (
    1.9  # times the width; Pillow 13 was measured to go across first while height + height afterwards < 2 * width
)

Bytes = NDArray[np.uint8]
Size = tuple[int, int]
_PROBES: tuple[Size, ...] = ((32, 32), (9, 8))


def shrunk(grey: Image.Image, sizes: Sequence[Size]) -> list[Image.Image]:
    """`grey.resize(size, LANCZOS)` for each (width, height); `grey` has mode L."""
    is_wide = grey.width >= max(_SMALLEST_PX, 2 * max(width for width, _ in sizes))
    if not is_wide or grey.height + 64 > _TALLEST * grey.width or not is_exact():
        return [grey.resize(size, LANCZOS) for size in sizes]
    return _fast(grey, sizes)


def _fast(grey: Image.Image, sizes: Sequence[Size]) -> list[Image.Image]:
    narrow = across(np.asarray(grey), tuple(width for width, _ in sizes))
    return [Image.fromarray(part).resize(size, LANCZOS) for part, size in zip(narrow, sizes, strict=True)]


def across(pixels: Bytes, widths: tuple[int, ...]) -> list[Bytes]:
    """The rows (height, width) shrunk to each of the widths, the height kept: Pillow's first pass."""
    height, width = pixels.shape
    blocks = _blocks(width, widths)
    sums = np.empty((height, sum(widths)))
    step = max(1, _PART // width)
    for top in range(0, height, step):
        rows = pixels[top : top + step].astype(np.float64)
        for block in blocks:
            np.matmul(rows[:, block.first : block.end], block.weights, out=sums[top : top + step, block.columns])
    whole = sums.astype(np.int32)
    whole += 1 << (_WEIGHT_BITS - 1)
    whole >>= _WEIGHT_BITS
    out = np.clip(whole, 0, 255).astype(np.uint8)
    ends = np.cumsum(widths)[:-1].tolist()
    return [np.ascontiguousarray(part) for part in np.split(out, ends, axis=1)]


@functools.cache
def is_exact() -> bool:
    """Whether the installed Pillow computes as described here; looked at once per process, else Pillow is used as it is."""
    noise = np.random.default_rng(7)
    for width, height in ((301, 507), (301, 40)):  # as tall as is done here, and wide
        grey = Image.fromarray(noise.integers(0, 256, (height, width), dtype=np.uint8))
        for ours, size in zip(_fast(grey, _PROBES), _PROBES, strict=True):
            if ours.tobytes() != grey.resize(size, LANCZOS).tobytes():
                return False
    return True


class _Block(NamedTuple):
    """Some neighbouring output columns: pixels first … end of a row, times weights, give these columns of the sums."""

    first: int
    end: int
    weights: NDArray[np.float64]  # (end - first, columns)
    columns: slice


@functools.lru_cache(maxsize=32)  # a common size costs once; a very wide one takes some megabytes
def _blocks(width: int, widths: tuple[int, ...]) -> tuple[_Block, ...]:
    blocks, column = [], 0
    for out_width in widths:
        firsts, weights = weights_of(width, out_width)
        for part in np.array_split(np.arange(out_width), math.ceil(out_width / _BLOCK)):
            first = int(firsts[part[0]])
            end = min(width, int(firsts[part[-1]]) + weights.shape[1])
            dense = np.zeros((end - first, len(part)))
            for n, c in enumerate(part):
                start = int(firsts[c]) - first
                taps = min(weights.shape[1], end - first - start)
                dense[start : start + taps, n] = weights[c, :taps]
            blocks.append(_Block(first, end, dense, slice(column + int(part[0]), column + int(part[-1]) + 1)))
        column += out_width
    return tuple(blocks)


def weights_of(width: int, out_width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Per output column the first pixel it reads, and its weights in units of 2**-22, zeros behind its last pixel.

    Source: the arithmetic of Pillow's Resample.c, in its order, so that every rounding falls the same way.
    """
    scale = width / out_width
    centres = (np.arange(out_width) + 0.5) * scale
    support = _LOBES * scale
    firsts = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    ends = np.minimum((centres + support + 0.5).astype(np.int64), width)
    taps = np.arange(int((ends - firsts).max()))
    at = ((taps + firsts[:, None]) - centres[:, None] + 0.5) * (1.0 / scale)
    inside = taps < (ends - firsts)[:, None]
    scaled = _normalised(np.where(inside, _lanczos(at), 0.0)) * 2.0**_WEIGHT_BITS
    fixed = np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int64)
    # NumPy's sine may differ from the C library's in its last bit; where that could turn a rounding, ask the C library
    doubtful = np.abs(np.abs(scaled) % 1.0 - 0.5) < _DOUBT
    for column in np.flatnonzero((doubtful & inside).any(axis=1)):
        exact = np.array([_lanczos_of(float(x)) for x in at[column]]) * inside[column]
        again = _normalised(exact[None])[0] * 2.0**_WEIGHT_BITS
        fixed[column] = np.trunc(again + np.copysign(0.5, again)).astype(np.int64)
    return firsts, fixed


def _normalised(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    totals = np.cumsum(weights, axis=1)[:, -1:]  # one after the other, as a loop in C adds
    divided: NDArray[np.float64] = weights / totals
    return divided


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = _sinc(x) * _sinc(x / _LOBES)
    return np.where((x >= -_LOBES) & (x < _LOBES), product, 0.0)


def _sinc(x: NDArray[np.float64]) -> NDArray[Any]:  # Any: NumPy's where
    angle = np.where(x == 0.0, 1.0, x * math.pi)
    return np.where(x == 0.0, 1.0, np.sin(angle) / angle)


def _lanczos_of(x: float) -> float:
    if not -_LOBES <= x < _LOBES:
        return 0.0
    wide = x / _LOBES * math.pi
    return 1.0 if x == 0.0 else math.sin(x * math.pi) / (x * math.pi) * (math.sin(wide) / wide)
