"""Pictures and frames as Molmo2 reads them: stretched crops, pooling indices over one stitched grid, the layout of their tokens.

    cropped2(np.asarray(picture), Cropping2())

As in Molmo (2024) a picture is seen whole and in enlarged overlapping crops. Here it is stretched instead of padded, and patches are
pooled after the crops are joined, so that a pooled feature may take patches of two crops: `pooling` says which.
Source: the released preprocessing, whose arrays these are (docs/preprocessing.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadRecord, BadSetting
from pixmo.image.crops import Kind
from pixmo.image.crops_resize import fitted, require_picture, stretched
from pixmo.image.crops_tiling import tiling

# N crops, the whole picture first (of a video: its frames); P patches of a crop, V values of a patch (row, column, channel),
# K pooled features, S patches that one of them may take, T tokens
NO_PATCH = -1
"""Stands in `pooling` where a feature takes fewer patches than others."""


@dataclass(frozen=True, slots=True)
class Cropping2:
    """How pictures are cut and pooled and how their tokens stand; the numbers and flags of the released models."""

    crop_px: int = 378
    patch_px: int = 14
    margins: tuple[int, int] = (4, 4)  # patches that a crop shares with the one before it and after it
    max_crops: int = 8  # beside the whole picture
    pool: int = 2  # patches per pooled feature, each way
    frame_pool: int = 3  # the same in a video
    low_has_columns: bool = False  # whether rows of the whole picture end with a token, as those of the enlarged one do
    low_has_own_start: bool = True  # whether the whole picture begins with a token of its own
    clamps_narrow: bool = (
        False  # narrower than the margins: cut as if just wider (training) or not cut at all (released)
    )

    def __post_init__(self) -> None:
        if self.crop_px % self.patch_px or self.window_px <= 0 or min(self.max_crops, self.pool, self.frame_pool) < 1:
            raise BadSetting(
                f"crops of {self.crop_px} px cannot be cut into patches of {self.patch_px} px with margins of {self.margins}"
            )

    @property
    def patches(self) -> int:
        """Patches along a side of a crop."""
        return self.crop_px // self.patch_px

    @property
    def margin_px(self) -> int:
        """What all crops of a row have beside their windows."""
        return sum(self.margins) * self.patch_px

    @property
    def window_px(self) -> int:
        """How far crops lie apart."""
        return self.crop_px - self.margin_px


class Layout2(NamedTuple):
    """The features and tokens of a picture of some size."""

    tiling: tuple[int, int]  # rows and columns of enlarged crops
    grid: tuple[int, int, int, int]  # pooled rows and columns: of the whole picture, of the enlarged one
    pooling_KS: NDArray[np.int64]  # patches of each feature, counted over all crops of the picture, or NO_PATCH
    kinds_T: NDArray[np.int8]  # a Kind each


class Cropped2(NamedTuple):
    """A picture, ready for the model."""

    patches_NPV: NDArray[np.float32]  # pixels from -1 to 1
    layout: Layout2


@lru_cache(maxsize=256)
def layout2(height: int, width: int, cropping: Cropping2) -> Layout2:
    """What a picture of this size costs of the context, without its pixels."""
    side, least = cropping.patches, 1 if cropping.clamps_narrow else -cropping.margin_px
    inner = (max(edge - cropping.margin_px, least) for edge in (height, width))
    tiled = tiling(*inner, cropping.window_px, cropping.max_crops)
    low = _pooled(np.arange(side * side).reshape(side, side), cropping.pool)
    high = _pooled(_stitched(tiled, cropping), cropping.pool)
    start = Kind.LOW_START if cropping.low_has_own_start else Kind.START
    kinds = np.concatenate(
        [_block(low.shape[:2], start, cropping.low_has_columns), _block(high.shape[:2], Kind.START, True)]
    )
    pooling = np.concatenate([low.reshape(-1, low.shape[2]), high.reshape(-1, high.shape[2])])
    kinds.flags.writeable = pooling.flags.writeable = False  # many pictures share it
    return Layout2(tiled, (*low.shape[:2], *high.shape[:2]), pooling, kinds)


def cropped2(image_HWC: NDArray[np.uint8], cropping: Cropping2) -> Cropped2:
    """The crops of an RGB picture and the layout of its features and tokens. Raises BadRecord for an array that is no such picture."""
    height, width = require_picture(image_HWC)
    made = layout2(height, width, cropping)
    rows, cols = (count * cropping.window_px + cropping.margin_px for count in made.tiling)
    side = cropping.crop_px
    small, large = _stretched(image_HWC, ((side, side), (rows, cols)))
    patches = np.empty((1 + made.tiling[0] * made.tiling[1], cropping.patches**2, 3 * cropping.patch_px**2), np.float32)
    _cut(small, cropping, patches[:1])
    _cut(large, cropping, patches[1:])
    return Cropped2(patches, made)


def frame_patches(frame_HWC: NDArray[np.uint8], cropping: Cropping2, out_PV: NDArray[np.float32]) -> None:
    """Writes the patches of a video's frame, stretched to one crop. Raises BadRecord for an array that is no RGB picture."""
    require_picture(frame_HWC)
    (small,) = _stretched(frame_HWC, ((cropping.crop_px, cropping.crop_px),))
    _cut(small, cropping, out_PV[None])


@lru_cache(maxsize=8)
def frame_pooling(frames: int, cropping: Cropping2) -> NDArray[np.int64]:
    """The pooling (K, S) of so many frames, patches counted over all of them. Raises BadRecord for no frame at all."""
    if frames < 1:
        raise BadRecord("a video without frames")
    side = cropping.patches
    one = _pooled(np.arange(side * side).reshape(side, side), cropping.frame_pool)
    one = one.reshape(-1, one.shape[2])
    shifts = (side * side * np.arange(frames))[:, None, None]
    pooling = np.where(one == NO_PATCH, NO_PATCH, one + shifts).reshape(-1, one.shape[1])
    pooling.flags.writeable = False
    return pooling


def frame_grid(cropping: Cropping2) -> tuple[int, int]:
    """Pooled rows and columns of a video's frame."""
    side = -(-cropping.patches // cropping.frame_pool)
    return side, side


def _stitched(tiled: tuple[int, int], cropping: Cropping2) -> NDArray[np.int64]:
    """The numbers of the patches of the enlarged picture: each crop's own, without the margins towards its neighbours."""
    side, (before, after) = cropping.patches, cropping.margins
    numbers = np.arange(side * side).reshape(side, side)
    lines = []
    for row in range(tiled[0]):
        line = []
        for col in range(tiled[1]):
            crop = 1 + row * tiled[1] + col  # the whole picture is crop 0
            top, left = before if row else 0, before if col else 0
            bottom, right = side - (after if row < tiled[0] - 1 else 0), side - (after if col < tiled[1] - 1 else 0)
            line.append(crop * side * side + numbers[top:bottom, left:right])
        lines.append(np.hstack(line))
    return np.vstack(lines)


def _pooled(numbers: NDArray[np.int64], pool: int) -> NDArray[np.int64]:
    """The patches (rows, columns, S) of each pool x pool window; what is missing to whole windows is put around, the odd one behind."""
    missing = [-edge % pool for edge in numbers.shape]
    around = [(each // 2, (each + 1) // 2) for each in missing]
    whole = np.pad(numbers, around, constant_values=NO_PATCH)
    rows, cols = (edge // pool for edge in whole.shape)
    return whole.reshape(rows, pool, cols, pool).swapaxes(1, 2).reshape(rows, cols, pool * pool)


def _block(grid: tuple[int, ...], start: Kind, has_columns: bool) -> NDArray[np.int8]:
    lines = np.full((grid[0], grid[1] + has_columns), Kind.PATCH, np.int8)
    lines[:, grid[1] :] = Kind.COLUMN
    return np.concatenate([[start], lines.ravel(), [Kind.END]]).astype(np.int8)


def _stretched(image: NDArray[np.uint8], sizes: tuple[tuple[int, int], ...]) -> list[NDArray[np.float32]]:
    """The picture in each size (height, width), its pixels whole numbers brought to 0..2."""
    ones = np.ones(3, np.float32)
    canvases = fitted(image, ones, tuple(stretched(size) for size in sizes), "nearest two")
    for canvas in canvases:
        np.rint(canvas, out=canvas)  # the released preprocessing resizes bytes
        canvas *= np.float32(2 / 255)
    return canvases


def _cut(canvas: NDArray[np.float32], cropping: Cropping2, out_NPV: NDArray[np.float32]) -> None:
    """Writes the overlapping crops of a canvas of 0..2, patch by patch, as -1..1."""
    side, px, number = cropping.patches, cropping.patch_px, 0
    for top in range(0, canvas.shape[0] - cropping.margin_px, cropping.window_px):
        for left in range(0, canvas.shape[1] - cropping.margin_px, cropping.window_px):
            crop = canvas[top : top + cropping.crop_px, left : left + cropping.crop_px]
            lines = crop.reshape(side, px, side, 3 * px).swapaxes(1, 2)
            np.subtract(lines, np.float32(1), out=out_NPV[number].reshape(lines.shape))
            number += 1
