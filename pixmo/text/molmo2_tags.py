"""Molmo2's tags, read strictly: what the tag says besides points, and where a text is not as the model was trained to write it."""

from __future__ import annotations

import re
from typing import NamedTuple

from pixmo.text.molmo2_coords import Placed
from pixmo.text.molmo2_tracks import NO_TRACKS
from pixmo.text.points import NONE, Pair, Scale, edges
from pixmo.text.points_strict import BadPointText, require_count, up_to

_MARK = re.compile(r"</?(?:points|tracks)(?![a-z])")
_INDEX = re.compile(r"([1-9][0-9]{0,9}+|(?:0|[1-9][0-9]{0,9}+)\.[0-9])(?= )")
_PLACE = re.compile(r" ([1-9][0-9]{0,9}+) (1000|[0-9]{3}) (1000|[0-9]{3})(?![0-9])")


class Tag(NamedTuple):
    """One tag of a text; `text[start:end]` is the whole of it."""

    name: str  # points or tracks
    places: tuple[Placed, ...]
    label: str
    alt_text: str | None
    start: int
    end: int


def read_tags(text: str, *, scale: Scale = 100) -> list[Tag]:
    """All tags of a text in their order, points in the unit of `scale`; none for `There are none.` and `No tracks available.`

    Words around tags are free. Raises BadPointText where a tag is not as `format_points`, `format_multi_image`, `format_video` or
    `format_tracks` write it (both versions), where a sentence counts otherwise, and for a text that neither points nor says that
    there are none.
    """
    size, tags, end = edges(scale), [], 0
    while mark := _MARK.search(text, end):
        tag = _read(text, mark, size)
        tags.append(tag)
        end = tag.end
    if not tags and text not in (NONE, NO_TRACKS):
        raise BadPointText(0, f"no tag, and not {NONE!r}")
    if len(tags) == 1:
        require_count(text, tags[0].start, tags[0].end, len(tags[0].places))
    return tags


def _read(text: str, mark: re.Match[str], size: Pair) -> Tag:
    start, at, name = mark.start(), mark.end(), mark[0][1:]
    if name.startswith("/"):
        raise BadPointText(start, f"{mark[0]}> closes nothing")
    alt_text = None
    if text.startswith(' alt="', at):
        alt_text, at = up_to(text, at, ' alt="', '"', "alternative text")
    places, at = _coords(text, at, name, size)
    label, end = up_to(text, at, '">', f"</{name}>", "label")
    return Tag(name, tuple(places), label, alt_text, start, end)


def _coords(text: str, at: int, name: str, size: Pair) -> tuple[list[Placed], int]:
    if not text.startswith(' coords="', at):
        raise BadPointText(at, "' coords=\"' is due")
    at += len(' coords="')
    found: list[Placed] = []
    separator, before = "", ""
    while True:
        index = _INDEX.match(text, at)
        if index is None or (before and not _follows(before, index[1])):
            raise BadPointText(at, "the number of a picture or a time with one decimal is due, in order")
        here, at = _group(text, index.end(), float(index[1]), 1 if name == "tracks" else len(found) + 1, name, size)
        found += here
        before = index[1]
        if text[at : at + 1] not in (";", "\t"):
            return found, at
        if separator and text[at] != separator:
            raise BadPointText(at, f"{text[at]!r} between groups, and {separator!r} before")
        separator = text[at]
        at += 1


def _follows(before: str, index: str) -> bool:
    """Pictures come once each; two moments may be told as the same tenth of a second."""
    if "." in before:
        return "." in index and float(before) <= float(index)
    return "." not in index and int(before) < int(index)


def _group(text: str, at: int, index: float, due: int, name: str, size: Pair) -> tuple[list[Placed], int]:
    found: list[Placed] = []
    while place := _PLACE.match(text, at):
        number = int(place[1])
        if number != due if name == "points" else number < due:
            raise BadPointText(
                place.start(1), f"id {number} where {due}{'' if name == 'points' else ' or more'} is due"
            )
        found.append(Placed(index, number, int(place[2]) * size[0] / 1000, int(place[3]) * size[1] / 1000))
        due, at = number + 1, place.end()
    if not found or text[at : at + 1] == " ":
        raise BadPointText(at, "an id and two coordinates of three digits, or 1000, are due")
    return found, at
