"""Masks as pictures that lie over a picture: what is inside has a colour, what is outside can be seen through."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pixmo.image.decode import DEFAULT_MAX_PIXELS
from pixmo.records.places import Mask

_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF's turn as Pillow's Transpose


def mask_png(masks: Sequence[Mask], colour: str, turn: int = 1) -> bytes | None:
    """All masks of one size as one PNG, in a colour like `#0b5cad`; None where none of them can be drawn."""
    inside = None
    for mask in masks:
        pixels = _pixels(mask)
        if pixels is not None and (inside is None or inside.shape == pixels.shape):
            inside = pixels if inside is None else inside | pixels
    if inside is None:
        return None
    image = Image.fromarray(inside.astype(np.uint8))
    image.putpalette([0, 0, 0, *bytes.fromhex(colour.removeprefix("#"))])
    if turn in _TURNS:
        image = image.transpose(Image.Transpose(_TURNS[turn]))
    sink = io.BytesIO()
    image.save(sink, "PNG", transparency=0, compress_level=3)
    return sink.getvalue()


def _pixels(mask: Mask) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]] | None:
    height, width = mask.height_px, mask.width_px
    runs = np.array(mask.runs, np.int64)
    sound = height > 0 and width > 0 and height * width <= DEFAULT_MAX_PIXELS and len(runs) and runs.min() >= 0
    if not sound or int(runs.sum()) != height * width:
        return None
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(height, width)
