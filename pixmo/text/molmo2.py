"""Points in the words of Molmo2: `<points coords="1 1 555 169 2 709 162">red cups</points>`, for pictures, sets of them, and videos.

`parse_points` reads these and the older forms; `parse_multi_image`, `parse_grouped` and `parse_tracks` keep what a point belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from pixmo.errors import BadSetting
from pixmo.text.molmo1 import clicks, scaled, without_tags
from pixmo.text.molmo2_coords import Placed, group_text, per_mille, placed_in, tag_text, triples
from pixmo.text.molmo2_tags import read_tags
from pixmo.text.molmo2_tracks import Moment, Seen, TrackFrame, format_tracks, parse_tracks
from pixmo.text.points import Pair, Scale, edges, require_finite, require_times, told

__all__ = [
    "MODES", "Moment", "Placed", "Seen", "TrackFrame", "format_multi_image", "format_points", "format_tracks", "format_video",
    "parse_grouped", "parse_multi_image", "parse_points", "parse_tracks",
]  # fmt: skip

MODES = ("point", "point_count", "point_then_count", "count_then_point", "count_point", "count")

_THREE_DIGITS = re.compile(r"(?<=[0-9]) ([0-9]{3}) ([0-9]{3})")
_ONE_DECIMAL = re.compile(r"(?<=[0-9]) ([0-9]++\.[0-9]) ([0-9]++\.[0-9])")


def format_points(
    points: Sequence[Pair], label: str, *, scale: Scale = 100, alt_text: str | None = None, mode: str = "point"
) -> str:
    """The answer that points at `points` in one picture; `There are none.` without any. `mode` is one of MODES.

    Per mille, sorted by x, then y, after rounding. The label is taken as it is. Raises BadRecord for a point that is not finite.
    """
    return format_multi_image([1], [points], label, scale=[scale], alt_text=alt_text, mode=mode)


def format_multi_image(
    indices: Sequence[int],
    points: Sequence[Sequence[Pair]],
    label: str,
    *,
    scale: Sequence[Scale],
    alt_text: str | None = None,
    mode: str = "point",
    version: str = "html_v2",
) -> str:
    """The answer that points in several pictures: their numbers, from 1, and the points and the scale of each.

    Points are numbered through all pictures; pictures without points are left out. `version` is `html_v2`, or `html_v1` with tabs.
    """
    if not all(index >= 1 for index in indices):
        raise BadSetting(f"pictures are numbered from 1, not {min(indices)}")
    return _answer(indices, points, scale, str, label, alt_text, mode, version)


def format_video(
    times_s: Sequence[float],
    points: Sequence[Sequence[Pair]],
    label: str,
    *,
    scale: Scale = 100,
    alt_text: str | None = None,
    mode: str = "point",
    version: str = "html_v2",
) -> str:
    """The answer that points at some moments of a video: their times in seconds, told with one decimal, and the points of each."""
    require_times(times_s, label)
    return _answer(times_s, points, [scale] * len(points), "{:.1f}".format, label, alt_text, mode, version)


def _answer(
    indices: Sequence[float],
    points: Sequence[Sequence[Pair]],
    scales: Sequence[Scale],
    index_text: Callable[[float], str],
    label: str,
    alt_text: str | None,
    mode: str,
    version: str,
) -> str:
    if not len(indices) == len(points) == len(scales):
        raise BadSetting(
            f"{len(indices)} pictures or moments, {len(points)} lists of points, {len(scales)} scales: as many of each are needed"
        )
    groups, count = [], 0
    for index, here, scale in sorted(zip(indices, points, scales, strict=True), key=lambda group: group[0]):
        require_finite(here, label)
        size = edges(scale)
        if len(here):
            groups.append(group_text(index_text(index), enumerate(sorted(per_mille(p, size) for p in here), count + 1)))
        count += len(here)
    return told(tag_text("points", groups, label, alt_text, version), count, mode, MODES)


def parse_points(text: str, *, scale: Scale = 100, strict: bool = False) -> list[Pair]:
    """All points a text tells, in the unit of `scale`, whatever picture or moment they belong to. Never fails, unless strict.

    Where there are none in the current form the older ones are tried, the first that has any is taken: `Click(x, y)`, `id ddd ddd`,
    `id d.d d.d`, then the rest of Molmo v1's. `strict` wants text with tags as `format_points` writes them, or `There are none.`, and
    raises BadPointText with position and reason.
    """
    if strict:
        return [(place.x, place.y) for tag in read_tags(text, scale=scale) for place in tag.places]
    if placed := parse_grouped(text, scale=scale):
        return [(place.x, place.y) for place in placed]
    return next((found for found in _older(text, scale) if found), [])


def _older(text: str, scale: Scale) -> Iterator[list[Pair]]:
    yield scaled(clicks(text), scale)
    yield scaled(((int(x) / 10, int(y) / 10) for _, x, y in triples(text, _THREE_DIGITS)), scale)
    yield scaled(((float(x), float(y)) for _, x, y in triples(text, _ONE_DECIMAL)), scale)
    yield scaled(without_tags(text), scale)


def parse_grouped(text: str, *, scale: Scale = 100) -> list[Placed]:
    """All points in the current form, each with its picture's number or its time in seconds, and its id. Never fails."""
    size = edges(scale)
    return placed_in(text, lambda _: size)


def parse_multi_image(text: str, scales: Sequence[Scale]) -> list[Placed]:
    """As `parse_grouped`, for pictures of different sizes; points in pictures that there are not are left out."""
    sizes = {float(number): edges(scale) for number, scale in enumerate(scales, 1)}
    return placed_in(text, sizes.get)
