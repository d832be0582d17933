"""Molmo2's tracks: `<tracks coords="0.0 1 100 100 2 500 500;0.5 1 600 600">balls</tracks>`, where each of several things is, moment by moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pixmo.text.molmo2_coords import group_text, per_mille, placed_in, tag_text
from pixmo.text.points import Pair, Scale, edges, require_finite, require_times

NO_TRACKS = "No tracks available."


class Seen(NamedTuple):
    """Where one thing is at a moment; an occluded one is not written."""

    object: int
    point: Pair
    is_occluded: bool = False


class Moment(NamedTuple):
    """What is seen at a time, in seconds."""

    time_s: float
    seen: Sequence[Seen]


class TrackFrame(NamedTuple):
    """A moment read from text: the points by the ids in the text, which count from 1."""

    time_s: float
    frame: int  # round(time_s * fps)
    points: Mapping[int, Pair]


def format_tracks(
    moments: Sequence[Moment],
    label: str,
    *,
    scale: Scale = 100,
    alt_text: str | None = None,
    start_end_only: bool = False,
    version: str = "html_v2",
) -> str:
    """The answer that follows things through a video; `No tracks available.` where nothing is seen.

    Things are numbered as they first appear, at the same moment by x, then y. `start_end_only` tells only the first and the last moment of
    each. Raises BadRecord for a point that is not finite.
    """
    require_times([moment.time_s for moment in moments], label)
    size, groups = edges(scale), []
    numbers: dict[int, int] = {}
    for time_s, seen in _visible(moments, start_end_only):
        require_finite([one.point for one in seen], label)
        placed = sorted(((per_mille(one.point, size), one.object) for one in seen), key=lambda told: told[0])
        told = [(numbers.setdefault(thing, len(numbers) + 1), point) for point, thing in placed]
        groups.append(group_text(f"{time_s:.1f}", sorted(told, key=lambda one: one[0])))
    return tag_text("tracks", groups, label, alt_text, version) if groups else NO_TRACKS


def _visible(moments: Iterable[Moment], start_end_only: bool) -> list[tuple[float, list[Seen]]]:
    """Moments with what is visible, in order, without those that have nothing."""
    ordered = sorted(moments, key=lambda moment: moment.time_s)
    told = [(moment.time_s, [one for one in moment.seen if not one.is_occluded]) for moment in ordered]
    if start_end_only:
        last = {one.object: i for i, (_, seen) in enumerate(told) for one in seen}
        first = {one.object: i for i, (_, seen) in reversed(list(enumerate(told))) for one in seen}
        told = [
            (time_s, [one for one in seen if i in (first[one.object], last[one.object])])
            for i, (time_s, seen) in enumerate(told)
        ]
    return [(time_s, seen) for time_s, seen in told if seen]


def parse_tracks(text: str, *, fps: float, scale: Scale = 100) -> list[TrackFrame]:
    """The moments a text tells, by time; points in the unit of `scale`. An id told twice at a moment is where it was told first. Never fails."""
    size = edges(scale)
    moments: dict[float, dict[int, Pair]] = {}
    for placed in placed_in(text, lambda _: size):
        moments.setdefault(placed.group, {}).setdefault(placed.id, (placed.x, placed.y))
    return [TrackFrame(time_s, round(time_s * fps), points) for time_s, points in sorted(moments.items())]
