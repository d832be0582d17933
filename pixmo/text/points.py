"""What the point texts of both models share: what a coordinate counts, what can be written, and the sentences around a tag.

Points go in and come out as (x, y) in the unit that `scale` says: the coordinate at the right and lower edge. 100 is percent,
(width, height) pixels; `scale_of` tells it for the unit of a record.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pixmo.errors import BadRecord, BadSetting, UnknownName
from pixmo.records.places import Point, Unit

Pair = tuple[float, float]
Scale = float | tuple[float, float]
"""The coordinate at the right and lower edge, one for both axes or one for each."""

NONE = "There are none."
_EDGES = {Unit.PERCENT: 100.0, Unit.UNIT_SQUARE: 1.0, Unit.PER_MILLE: 1000.0}


def scale_of(unit: Unit, size_px: tuple[int, int] | None = None) -> Scale:
    """The scale of a record's coordinates; `size_px` (width, height) is needed for pixels only. Raises BadSetting without it."""
    if unit in _EDGES:
        return _EDGES[unit]
    if size_px is None:
        raise BadSetting("points in pixels need the size of their picture: pass size_px=(width, height)")
    return edges(size_px)


def edges(scale: Scale) -> Pair:
    """The scale of x and of y. Raises BadSetting for what is not above 0."""
    found = scale if isinstance(scale, tuple) else (scale, scale)
    if len(found) != 2 or not all(math.isfinite(edge) and edge > 0 for edge in found):
        raise BadSetting(f"a scale is one number above 0 or a tuple (width, height) of two, not {scale!r}")
    return float(found[0]), float(found[1])


def pairs(points: Iterable[Point]) -> tuple[Pair, ...]:
    """A record's points as plain pairs."""
    return tuple((point.x, point.y) for point in points)


def require_finite(points: Iterable[Pair], label: str) -> None:
    """Raises BadRecord naming the first point that is nowhere: text has no word for it."""
    for i, (x, y) in enumerate(points):
        if not (math.isfinite(x) and math.isfinite(y)):
            raise BadRecord(f"points[{i}] of {label!r} is ({x}, {y}); only finite coordinates can be written")


def require_times(times_s: Iterable[float], label: str) -> None:
    """Raises BadRecord naming the first moment that is not a time from 0 s on."""
    for time_s in times_s:
        if not (math.isfinite(time_s) and time_s >= 0):
            raise BadRecord(f"{label!r} has points at {time_s} s; moments are 0 or later")


def told(tag: str, count: int, mode: str, modes: Sequence[str]) -> str:
    """The answer: a tag, maybe in a sentence that counts, or that there are none. Raises UnknownName for another mode."""
    if mode not in modes:
        raise UnknownName("mode of pointing", mode, modes)
    if not count:
        return NONE
    match mode:
        case "count":
            return str(count)
        case "point_count" | "point_then_count":
            return f"Counting the {tag} shows a total of {count}."
        case "count_point" | "count_then_point":
            return f"There are {count} {tag}."
    return tag
