"""Pictures as Molmo (2024) reads them: overlapping crops, patches of pixels, the layout of their tokens.

    cropped(np.asarray(picture), Cropping())

A picture is seen twice: whole, in one crop, and enlarged, in crops that overlap by a margin, so that no part lies only at a border.
Each crop gives 12 x 12 pooled features; those of the margins are dropped, so that the enlarged picture is one grid without seams.
Source: Molmo, arXiv 2409.17146, section 2, and the released preprocessing, whose arrays these are (docs/preprocessing.md).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadSetting
from pixmo.image.crops_resize import Fit, Kernel, centred, fitted, require_picture, stretched
from pixmo.image.crops_tiling import tiling

# N crops, the whole picture first; P patches of a crop, V values of a patch (row, column, channel), Q pooled features of a crop,
# T tokens, K tokens that hold a feature
DISCARDED = -100
"""Stands in `feature_at` where a pooled feature has no token."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class Resize(NamedTuple):
    """How a picture comes to a size, and its bytes to numbers: (byte / 255 - mean) / std of each channel."""

    kernel: Kernel
    keeps_aspect: bool = False  # black around it; else stretched
    to_bytes: bool = True  # pixels are rounded when resized
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD


RESIZES = {
    "default": Resize("linear", keeps_aspect=True, to_bytes=False),
    "metaclip": Resize("cubic"),
    "siglip": Resize("nearest two", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    "dino": Resize("cubic", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
}
"""As each tower was trained to see; the released models have `default`, for CLIP."""


class Kind(enum.IntEnum):
    """What a token of a picture is; the tokenizer's ids are put in later."""

    START = 0
    END = 1
    PATCH = 2
    COLUMN = 3  # the end of a row of patches
    LOW_START = 4  # Molmo2: the start of the whole picture
    FRAME_START = 5  # Molmo2: the start and end of a frame, where a checkpoint has them
    FRAME_END = 6


@dataclass(frozen=True, slots=True)
class Cropping:
    """How pictures are cut; the numbers of the released models."""

    crop_px: int = 336
    patch_px: int = 14
    margins: tuple[int, int] = (4, 4)  # patches that a crop shares with the one before it and after it
    max_crops: int = 12  # beside the whole picture
    pool: int = 2  # patches per pooled feature, each way
    is_tiled: bool = True  # else the whole picture is all that is seen
    resize: str = "default"  # of RESIZES

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise BadSetting(f"pictures are resized as {', '.join(RESIZES)}, not {self.resize!r}")
        if self.crop_px % self.patch_px or any(margin % self.pool for margin in self.margins):
            raise BadSetting(
                f"crops of {self.crop_px} px are not whole patches of {self.patch_px} px, or margins of {self.margins} patches not whole pooled features"
            )
        if self.window_px <= 0 or self.max_crops < 1:
            raise BadSetting(
                f"margins of {self.margins} patches leave nothing of a crop of {self.crop_px} px, or no crop is allowed"
            )

    @property
    def margin_px(self) -> int:
        """What all crops of a row have beside their windows."""
        return sum(self.margins) * self.patch_px

    @property
    def window_px(self) -> int:
        """How far crops lie apart."""
        return self.crop_px - self.margin_px

    @property
    def patches(self) -> int:
        """Patches along a side of a crop."""
        return self.crop_px // self.patch_px


class Layout(NamedTuple):
    """The tokens of a picture of some size."""

    tiling: tuple[int, int] | None  # rows and columns of enlarged crops
    kinds_T: NDArray[np.int8]  # a Kind each
    feature_at_NQ: NDArray[np.int32]  # the position among these tokens of each pooled feature, or DISCARDED


class Cropped(NamedTuple):
    """A picture, ready for the model."""

    patches_NPV: NDArray[np.float32]  # normalised pixels
    masks_NP: NDArray[np.float32] | None  # the share of a patch that is picture and not padding; None when not tiled
    layout: Layout


@lru_cache(maxsize=1024)
def layout(height: int, width: int, cropping: Cropping) -> Layout:
    """The tokens of a picture of this size, without its pixels: what it costs of the context."""
    pooled = -(-cropping.patches // cropping.pool)
    low = _block(pooled, pooled)
    index = np.flatnonzero(low == Kind.PATCH)[None]
    if not cropping.is_tiled:
        return _frozen(None, low, index)
    grid = tiling(height - cropping.margin_px, width - cropping.margin_px, cropping.window_px, cropping.max_crops)
    kept = [[_kept(number, count, cropping) for number in range(count)] for count in grid]
    edges = [np.cumsum([0, *(each.stop - each.start for each in along)]) for along in kept]
    high = _block(edges[0][-1], edges[1][-1])
    positions = len(low) + np.flatnonzero(high == Kind.PATCH).reshape(edges[0][-1], edges[1][-1])
    crops = np.full((*grid, pooled, pooled), DISCARDED)
    for row, rows in enumerate(kept[0]):
        for col, cols in enumerate(kept[1]):
            own = positions[edges[0][row] : edges[0][row + 1], edges[1][col] : edges[1][col + 1]]
            crops[row, col, rows, cols] = own
    return _frozen(grid, np.concatenate([low, high]), np.concatenate([index, crops.reshape(-1, pooled * pooled)]))


def cropped(image_HWC: NDArray[np.uint8], cropping: Cropping) -> Cropped:
    """The crops of an RGB picture, its masks and the layout of its tokens.

    Raises BadRecord for an array that is no RGB picture, and for one of which the shorter side vanishes when it is scaled.
    """
    height, width = require_picture(image_HWC)
    made, sizes = layout(height, width, cropping), [(cropping.crop_px, cropping.crop_px)]
    if made.tiling is not None:
        rows, cols = (count * cropping.window_px + cropping.margin_px for count in made.tiling)
        sizes.append((rows, cols))
    resize = RESIZES[cropping.resize]
    fits = [centred(height, width, size) if resize.keeps_aspect else stretched(size) for size in sizes]
    mean, std = np.array(resize.mean, np.float32), np.array(resize.std, np.float32)
    shift = np.tile(-mean / std, cropping.patch_px)
    patches = np.empty((len(made.feature_at_NQ), cropping.patches**2, cropping.patch_px * len(shift)), np.float32)
    done = 0
    for canvas in _scaled(image_HWC, tuple(fits), resize):
        done += _cut(canvas, cropping, shift, patches[done:])
    masks = None if made.tiling is None else _masks(fits[1], cropping)
    return Cropped(patches, masks, made)


def _scaled(image: NDArray[np.uint8], fits: tuple[Fit, ...], resize: Resize) -> list[NDArray[np.float32]]:
    """The picture in each fit, its bytes divided by 255 and the deviation."""
    factor = np.reciprocal(np.array(resize.std, np.float32) * np.float32(255))
    if not resize.to_bytes:
        return fitted(image, factor, fits, resize.kernel)
    canvases = fitted(image, np.ones_like(factor), fits, resize.kernel)
    for canvas in canvases:
        np.rint(canvas, out=canvas).clip(0, 255, out=canvas)
        canvas *= factor
    return canvases


def _block(rows: int, cols: int) -> NDArray[np.int8]:
    lines = np.full((rows, cols + 1), Kind.PATCH, np.int8)
    lines[:, -1] = Kind.COLUMN
    return np.concatenate([[Kind.START], lines.ravel(), [Kind.END]]).astype(np.int8)


def _kept(number: int, count: int, cropping: Cropping) -> slice:
    """Which pooled features of a crop are not also those of a neighbour; the last may pool fewer patches."""
    before, after = cropping.margins
    first, last = before if number else 0, cropping.patches - (after if number < count - 1 else 0)
    return slice(first // cropping.pool, -(-last // cropping.pool))


def _frozen(grid: tuple[int, int] | None, kinds: NDArray[np.int8], index: NDArray[np.int64]) -> Layout:
    """A layout that many pictures share, so that nobody writes into it."""
    positions = index.astype(np.int32)
    kinds.flags.writeable = positions.flags.writeable = False
    return Layout(grid, kinds, positions)


def _cut(
    canvas: NDArray[np.float32], cropping: Cropping, shift: NDArray[np.float32], out_NPV: NDArray[np.float32]
) -> int:
    """Writes the overlapping crops of a canvas, shifted, patch by patch; how many there are."""
    side, px, number = cropping.patches, cropping.patch_px, 0
    for top in range(0, canvas.shape[0] - cropping.margin_px, cropping.window_px):
        for left in range(0, canvas.shape[1] - cropping.margin_px, cropping.window_px):
            crop = canvas[top : top + cropping.crop_px, left : left + cropping.crop_px]
            lines = crop.reshape(side, px, side, 3 * px).swapaxes(1, 2)
            np.add(lines, shift, out=out_NPV[number].reshape(lines.shape))
            number += 1
    return number


def _masks(fit: Fit, cropping: Cropping) -> NDArray[np.float32]:
    """The share of picture in the patches of the enlarged crops, then a row of -1.

    That this row comes last, so that each crop has the mask of the one behind it, is how the released models were trained.
    """
    down = _covered(fit.top, fit.height, fit.canvas[0], cropping.patch_px)
    across = _covered(fit.left, fit.width, fit.canvas[1], cropping.patch_px)
    shares = np.outer(down, across) / np.float32(cropping.patch_px**2)
    step, side = cropping.window_px // cropping.patch_px, cropping.patches
    windows = np.lib.stride_tricks.sliding_window_view(shares, (side, side))[::step, ::step]
    masks = windows.reshape(-1, side * side)
    return np.concatenate([masks, np.full((1, side * side), -1, np.float32)])


def _covered(before: int, inner: int, size: int, px: int) -> NDArray[np.float32]:
    """How many pixels of each patch along a side lie on the picture."""
    starts = np.arange(0, size, px)
    return (np.minimum(starts + px, before + inner) - np.maximum(starts, before)).clip(0).astype(np.float32)
