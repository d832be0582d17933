"""Masks of a static site: one picture per expression, no larger than the pictures they lie over."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from pixmo.dataset.rows_chunk import Row
from pixmo.records.places import Orientation
from pixmo.view.card import Card, FrameOf
from pixmo.view.marks import PALETTE
from pixmo.view.masks import mask_png
from pixmo.view.static_pages import mask_name, masked


def write_masks(card: Card, row: Row, frame_of: FrameOf, folder: Path, side_px: int) -> dict[int, int]:
    """Writes the masks of a row that can be drawn; the bytes of each by the number of its expression."""
    written = {}
    for number, record in masked(card):
        found = row.records[record]
        frame = frame_of(0) if getattr(found, "orientation", None) is Orientation.STORED else None
        drawn = mask_png(
            getattr(found, "masks", None) or (), PALETTE[number % len(PALETTE)], frame.exif if frame else 1
        )
        if drawn is not None:
            data = _small(drawn, side_px)
            (folder / mask_name(card.number, number)).write_bytes(data)
            written[number] = len(data)
    return written


def _small(png: bytes, side_px: int) -> bytes:
    """At most that side; the two colours stay two."""
    with Image.open(io.BytesIO(png)) as opened:
        if max(opened.size) <= side_px:
            return png
        scale = side_px / max(opened.size)
        width, height = (max(1, round(side * scale)) for side in opened.size)
        sink = io.BytesIO()
        opened.resize((width, height), Image.Resampling.NEAREST).save(sink, "PNG", transparency=0)
        return sink.getvalue()
