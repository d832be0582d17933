"""Molmo v1's tags, read strictly: what the tag says besides points, and where a text is not as the model was trained to write it."""

from __future__ import annotations

import re
from typing import NamedTuple

from pixmo.text.points import NONE, Pair, Scale, edges
from pixmo.text.points_strict import BadPointText, require_count, up_to

_MARK = re.compile(r"</?points?(?![a-z])")
_POINT = re.compile(r' x([0-9]*+)="([^"]*+)" y([0-9]*+)="([^"]*+)"')
_PERCENT = re.compile(r"(?:100\.0|[1-9]?[0-9]\.[0-9])")


class Tag(NamedTuple):
    """One tag of a text; `text[start:end]` is the whole of it."""

    points: tuple[Pair, ...]
    label: str
    alt_text: str
    start: int
    end: int


def read_tags(text: str, *, scale: Scale = 100) -> list[Tag]:
    """All tags of a text in their order, points in the unit of `scale`; none for `There are none.`

    Words around tags are free, for an answer may point at what it speaks of. Raises BadPointText where a tag is not as
    `format_points` writes it, where a sentence counts otherwise, and for a text that neither points nor says that there are none.
    """
    size, tags, end = edges(scale), [], 0
    while mark := _MARK.search(text, end):
        tag = _read(text, mark, size)
        tags.append(tag)
        end = tag.end
    if not tags and text != NONE:
        raise BadPointText(0, f"no tag, and not {NONE!r}")
    if len(tags) == 1:
        require_count(text, tags[0].start, tags[0].end, len(tags[0].points))
    return tags


def _read(text: str, mark: re.Match[str], size: Pair) -> Tag:
    start, name = mark.start(), mark[0][1:]
    if name.startswith("/"):
        raise BadPointText(start, f"{mark[0]}> closes nothing")
    points, end = _points(text, mark.end(), name, size)
    alt_text, end = up_to(text, end, ' alt="', '">', "alternative text")
    label, end = up_to(text, end, "", f"</{name}>", "label")
    return Tag(tuple(points), label, alt_text, start, end)


def _points(text: str, at: int, name: str, size: Pair) -> tuple[list[Pair], int]:
    found: list[Pair] = []
    while pair := _POINT.match(text, at):
        number = str(len(found) + 1) if name == "points" else ""
        if pair[1] != number or pair[3] != number:
            raise BadPointText(at, f"x{pair[1][:20]} and y{pair[3][:20]} where x{number} and y{number} are due")
        found.append((_percent(pair, 2) * size[0] / 100, _percent(pair, 4) * size[1] / 100))
        at = pair.end()
        if not number:
            break
    if not found or (name == "points" and len(found) == 1):
        raise BadPointText(
            at, "a <point> tag has one point" if name == "point" else "a <points> tag has two points or more"
        )
    return found, at


def _percent(pair: re.Match[str], group: int) -> float:
    if not _PERCENT.fullmatch(pair[group]):
        raise BadPointText(pair.start(group), f"{pair[group][:20]!r} is no percentage with one decimal")
    return float(pair[group])
