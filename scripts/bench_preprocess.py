"""Measure how many pictures a second are cut for a model, beside a straight version with Pillow and numpy.

    python scripts/bench_preprocess.py [--model molmo|molmo2] [--sizes 640x480,1000x300,1920x1080] [--repeats 15] [--json]

Both begin with the decoded picture as an array and end with patches, masks and the layout of tokens; one thread. Runs alternate, and the ratio is
the median over the pairs. Exits 1 when the two disagree by more than the resizes may.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixmo.image.crops import CLIP_MEAN, CLIP_STD, Cropping, cropped
from pixmo.image.crops2 import Cropping2, cropped2
from pixmo.image.crops_resize import centred
from pixmo.image.crops_tiling import tiling

# Pillow weighs pixels in 64 bits, we as torch does in 32; without antialiasing a byte may be rounded the other way
TOLERANCE = {"molmo": 5e-4, "molmo2": 2 / 255 + 1e-5}


def picture(width: int, height: int) -> NDArray[np.uint8]:
    """Smooth light under grain, bytes (height, width, 3)."""
    y, x = np.mgrid[0 : 6.3 : height * 1j, 0 : 6.3 : width * 1j]
    smooth = np.stack([128 + 70 * np.sin(f * x + 1) * np.cos(f * y) for f in (1, 2, 3)], axis=-1)
    grain = np.random.default_rng(0).normal(0, 12, smooth.shape)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def straight(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Patches and masks of Molmo (2024), step by step as the paper tells them."""
    told = Cropping()
    height, width, _ = image.shape
    rows, cols = tiling(height - told.margin_px, width - told.margin_px, told.window_px, told.max_crops)
    canvas = rows * told.window_px + told.margin_px, cols * told.window_px + told.margin_px
    small, _ = padded(image, (told.crop_px, told.crop_px))
    large, is_picture = padded(image, canvas)
    crops, masks = [small], []
    for row in range(rows):
        for col in range(cols):
            top, left = row * told.window_px, col * told.window_px
            crops.append(large[top : top + told.crop_px, left : left + told.crop_px])
            masks.append(is_picture[top : top + told.crop_px, left : left + told.crop_px, None])
    shares = patched(np.stack(masks).astype(np.float32), told.patch_px).mean(axis=-1)
    return patched(np.stack(crops), told.patch_px), np.concatenate([shares, np.full_like(shares[:1], -1)])


def padded(image: NDArray[np.uint8], canvas: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The picture in the middle of a canvas, normalised, and where it is picture."""
    fit = centred(image.shape[0], image.shape[1], canvas)
    planes = [
        Image.fromarray(image[..., band].astype(np.float32) / 255).resize(
            (fit.width, fit.height), Image.Resampling.BILINEAR
        )
        for band in range(3)
    ]
    inner = np.clip(np.stack([np.asarray(plane) for plane in planes], axis=-1), 0, 1)
    around = [(fit.top, canvas[0] - fit.height - fit.top), (fit.left, canvas[1] - fit.width - fit.left)]
    whole: NDArray[np.float32] = np.pad(inner, [*around, (0, 0)])
    is_picture = np.pad(np.ones(inner.shape[:2], bool), around)
    mean, std = (np.array(each, np.float32) for each in (CLIP_MEAN, CLIP_STD))
    normal: NDArray[np.float32] = (whole - mean) / std
    return normal, is_picture


def straight2(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Patches of Molmo2."""
    told = Cropping2()
    height, width, _ = image.shape
    rows, cols = tiling(height - told.margin_px, width - told.margin_px, told.window_px, told.max_crops)
    crops = [stretched(image, (told.crop_px, told.crop_px))]
    large = stretched(image, (rows * told.window_px + told.margin_px, cols * told.window_px + told.margin_px))
    for row in range(rows):
        for col in range(cols):
            top, left = row * told.window_px, col * told.window_px
            crops.append(large[top : top + told.crop_px, left : left + told.crop_px])
    return patched(np.stack(crops), told.patch_px)


def stretched(image: NDArray[np.uint8], canvas: tuple[int, int]) -> NDArray[np.float32]:
    """The picture stretched without antialiasing, as bytes, then from -1 to 1."""
    height, width, _ = image.shape
    scale = (width / canvas[1], 0, 0, 0, height / canvas[0], 0)
    planes = [
        Image.fromarray(image[..., band].astype(np.float32)).transform(
            canvas[::-1], Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR
        )
        for band in range(3)
    ]
    as_bytes = np.clip(np.rint(np.stack([np.asarray(plane) for plane in planes], axis=-1)), 0, 255).astype(np.uint8)
    shifted: NDArray[np.float32] = (as_bytes.astype(np.float32) / 255 - np.float32(0.5)) / np.float32(0.5)
    return shifted


def patched(crops: NDArray[np.float32], px: int) -> NDArray[np.float32]:
    """Crops (N, height, width, C) as patches (N, P, values)."""
    count, side, channels = len(crops), crops.shape[1] // px, crops.shape[3]
    split = crops.reshape(count, side, px, side, px, channels).transpose(0, 1, 3, 2, 4, 5)
    return split.reshape(count, side * side, px * px * channels)


def ours(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """What the processor calls."""
    made = cropped(image, Cropping())
    return made.patches_NPV, made.masks_NP


def ours2(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The same for Molmo2."""
    return cropped2(image, Cropping2()).patches_NPV


def seconds(work: Callable[[], object]) -> float:
    """How long one run takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measured(model: str, size: tuple[int, int], repeats: int) -> dict[str, Any]:  # Any: numbers and texts
    """Milliseconds of both, their ratio and how far they are from each other."""
    image = picture(*size)
    plain, fast = (straight, ours) if model == "molmo" else (straight2, ours2)
    apart = max(
        float(np.abs(np.asarray(one) - np.asarray(other)).max())
        for one, other in zip(
            *(found if isinstance(found, tuple) else (found,) for found in (plain(image), fast(image))), strict=True
        )
    )
    pairs = [(seconds(lambda: plain(image)), seconds(lambda: fast(image))) for _ in range(repeats)]
    return {
        "size": f"{size[0]}x{size[1]}",
        "straight_ms": round(1000 * statistics.median(one for one, _ in pairs), 2),
        "ours_ms": round(1000 * statistics.median(other for _, other in pairs), 2),
        "times_faster": round(statistics.median(one / other for one, other in pairs), 2),
        "apart": apart,
        "agrees": apart <= TOLERANCE[model],
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(TOLERANCE), default="molmo")
    parser.add_argument("--sizes", default="640x480,1000x300,1024x768,1920x1080,4000x3000")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    found = [
        measured(told.model, (int(size.split("x")[0]), int(size.split("x")[1])), told.repeats)
        for size in told.sizes.split(",")
    ]
    if told.json:
        print(json.dumps(found))
    else:
        for each in found:
            print("  ".join(f"{name} {value}" for name, value in each.items()))
    return 0 if all(each["agrees"] for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
