"""Perceptual hashes: 64 bits that stay nearly the same when a picture is scaled, re-encoded or brightened.

Equal bit for bit to `imagehash.phash` and `imagehash.dhash` at their default sizes, on the same decoded picture. The EXIF
orientation is therefore not applied: a picture stored lying down hashes otherwise than its upright copy.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixmo.image.shrink import shrunk

_SIDE = 8
_WAVES = 4 * _SIDE  # pHash looks at 32 x 32 pixels and keeps the 8 x 8 lowest frequencies


class Hashes(NamedTuple):
    """Both hashes, 16 hexadecimal digits each."""

    phash: str
    dhash: str


def hashes(image: Image.Image) -> Hashes | None:
    """pHash and dHash of a decoded picture; None when Pillow cannot make it grey (imagehash raises there).

    Sources: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010), for the cosine transform; the
    order of operations is that of imagehash 4.3.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a palette with alphas: they are dropped, as imagehash does
            grey = image.convert("L")
    except (ValueError, KeyError, TypeError, OSError):
        return None  # no way from this mode to grey, or a transparent colour that the picture cannot have
    for_waves, for_slopes = shrunk(grey, [(_WAVES, _WAVES), (_SIDE + 1, _SIDE)])
    return Hashes(_hex(_waves(np.asarray(for_waves))), _hex(_slopes(np.asarray(for_slopes))))


def _waves(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """pHash: which of the lowest frequencies are stronger than their median."""
    dct = _dct()
    low = dct(dct(pixels, axis=0), axis=1)[:_SIDE, :_SIDE]
    above: NDArray[np.bool_] = low > np.median(low)
    return above


def _slopes(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """dHash: which of 8 x 9 pixels are brighter than their left neighbour."""
    return pixels[:, 1:] > pixels[:, :-1]


def _hex(bits: NDArray[np.bool_]) -> str:
    return np.packbits(bits).tobytes().hex()


@functools.cache
def _dct() -> Callable[..., NDArray[np.float64]]:
    from scipy.fftpack import dct  # 0.4 s to import: in the worker that hashes, not before

    found: Callable[..., NDArray[np.float64]] = dct
    return found
