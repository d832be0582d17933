"""How many of a thing are in a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Finding, Record, about
from pixmo.records.checks import Frame, of_count, of_label, of_picture, of_points, of_size
from pixmo.records.places import Orientation, Point, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Record):
    """A number, and the centres of what was counted where they are known."""

    KIND: ClassVar[str] = "count"

    image_url: str | None = about("where the picture was found", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    label: str = about("what is counted, as published")
    count: int = about("how many there are", minimum=0)
    points: tuple[Point, ...] | None = about("centres; null or empty where they are not published", default=None)
    unit: Unit = about("what the coordinates count")
    orientation: Orientation = about("which way up the picture was")
    image_width_px: int | None = about("width of the picture the points were made in", "px", 1, default=None)
    image_height_px: int | None = about("height of the picture the points were made in", "px", 1, default=None)

    def findings(self) -> Iterator[Finding]:
        """Which picture, the label, the number, each place."""
        frame = Frame(self.unit, self.image_width_px, self.image_height_px)
        yield from of_picture(self.image_url, self.image_sha256)
        yield from of_label(self.label)
        yield from of_count(self.count, len(self.points) if self.points else None)
        yield from of_size(frame, bool(self.points))
        yield from of_points(self.points or (), frame)
