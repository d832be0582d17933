"""Points on what a label names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Finding, Record, about
from pixmo.records.checks import Frame, of_count, of_label, of_masks, of_picture, of_points, of_size
from pixmo.records.places import Mask, Orientation, Point, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Points(Record):
    """All places where a thing is in a picture. No points: it is not in the picture, which is worth knowing."""

    KIND: ClassVar[str] = "points"

    image_url: str | None = about("where the picture was found", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    label: str = about("what is pointed at, as published")
    points: tuple[Point, ...] = about("one point on each; empty: it is not in the picture")
    count: int | None = about("how many there are, as published", minimum=0, default=None)
    collection_method: str | None = about("how people were asked: `pointing` or `counting`", default=None)
    masks: tuple[Mask, ...] | None = about("the pixels of each; null where the set has no masks", default=None)
    unit: Unit = about("what the coordinates count")
    orientation: Orientation = about("which way up the picture was")
    image_width_px: int | None = about("width of the picture the points were made in", "px", 1, default=None)
    image_height_px: int | None = about("height of the picture the points were made in", "px", 1, default=None)

    def findings(self) -> Iterator[Finding]:
        """Which picture, the label, the number, each place, each mask."""
        frame = Frame(self.unit, self.image_width_px, self.image_height_px)
        yield from of_picture(self.image_url, self.image_sha256)
        yield from of_label(self.label)
        yield from of_count(self.count, len(self.points))
        yield from of_size(frame, bool(self.points))
        yield from of_points(self.points, frame)
        if self.masks is not None:
            yield from of_masks(self.masks, self.points, frame)
