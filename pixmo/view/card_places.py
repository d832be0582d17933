"""Points of any unit as percent of the upright picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pixmo.records.places import Orientation, Point, Unit
from pixmo.view.card_pieces import Frame, Mark

_UPRIGHT = {
    1: lambda x, y: (x, y), 2: lambda x, y: (100 - x, y), 3: lambda x, y: (100 - x, 100 - y), 4: lambda x, y: (x, 100 - y),
    5: lambda x, y: (y, x), 6: lambda x, y: (100 - y, x), 7: lambda x, y: (100 - y, 100 - x), 8: lambda x, y: (y, 100 - x),
}  # fmt: skip
"""A place of the stored picture, in percent, after EXIF's turn."""

_WHOLE = {Unit.PERCENT: 100.0, Unit.UNIT_SQUARE: 1.0, Unit.PER_MILLE: 1000.0}


def marks_of(
    points: Sequence[Point],
    unit: Unit,
    size_px: tuple[int, int] | None,
    turn: int = 1,
    picture: int = 0,
    first: int = 1,
) -> tuple[Mark, ...]:
    """The points that can be placed, numbered from `first`. `size_px` is needed for pixels; `turn` is the EXIF orientation to apply."""
    if unit is Unit.PIXELS:
        if size_px is None or min(size_px) < 1:
            return ()
        across, down = size_px
    else:
        across = down = _WHOLE[unit]  # type: ignore[assignment]
    placed = []
    for number, point in enumerate(points, first):
        x, y = _UPRIGHT[turn](100 * point.x / across, 100 * point.y / down)
        if math.isfinite(x) and math.isfinite(y):
            placed.append(Mark(x, y, number, picture))
    return tuple(placed)


def needs_frame(unit: Unit, orientation: Orientation, size_px: tuple[int, int] | None) -> bool:
    """Whether the picture itself has to say its size or its turn."""
    return orientation is Orientation.STORED or (unit is Unit.PIXELS and size_px is None)


def size_and_turn(
    unit: Unit, orientation: Orientation, told_px: tuple[int, int] | None, frame: Frame | None
) -> tuple[tuple[int, int] | None, int]:
    """The size that pixels are of, and the turn to apply."""
    turn = frame.exif if frame is not None and orientation is Orientation.STORED else 1
    if told_px is not None or frame is None:
        return told_px, turn
    return ((frame.width_px, frame.height_px) if orientation is Orientation.STORED else frame.upright), turn
