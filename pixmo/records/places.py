"""Places in a picture. A coordinate never travels without its unit, and a unit is never guessed."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pixmo.records.base import Part, about


class Unit(enum.StrEnum):
    """What a coordinate counts. The origin is the upper left corner; x goes right, y down."""

    PERCENT = "percent"  # of the picture's width and height, 0 to 100
    PIXELS = "pixels"  # of the picture of the size that stands beside the points
    UNIT_SQUARE = "unit_square"  # 0 to 1 of width and height
    PER_MILLE = "per_mille"  # 0 to 1000 of width and height


class Orientation(enum.StrEnum):
    """Which way up the picture was when the points were made."""

    UPRIGHT = "upright"  # turned as its EXIF data says
    STORED = "stored"  # as its pixels are stored, EXIF not heeded
    UNKNOWN = "unknown"  # not told; matters for the few pictures that have such EXIF data


@dataclass(frozen=True, slots=True)
class Point(Part):
    """A place in a picture."""

    x: float = about("distance from the left edge, in the record's unit")
    y: float = about("distance from the upper edge, in the record's unit")


@dataclass(frozen=True, slots=True)
class Mask(Part):
    """Some of a picture's pixels, as run lengths in row-major order; the first run is of pixels outside, maybe 0 long."""

    height_px: int = about("rows of the picture", "px", 0)
    width_px: int = about("columns of the picture", "px", 0)
    runs: tuple[int, ...] = about(
        "lengths of alternating runs outside and inside, adding up to height × width", "px", 0
    )
