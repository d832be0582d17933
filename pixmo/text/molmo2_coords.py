"""Molmo2's `coords` attribute, written and read: `1 1 555 169;2 2 100 250 3 709 162`.

Groups are separated by `;` (older: a tab); each begins with the picture's number or a time in seconds, and then has an id and two per-mille
coordinates of three digits or more for each point. Reading takes what it understands and leaves out the rest, as the original does. A text
is read once, from left to right, whatever is in it: the original's patterns look for the end of a tag anew from each of its beginnings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pixmo.errors import BadRecord, UnknownName
from pixmo.text.counting import LONGEST, whole
from pixmo.text.points import Pair

SEPARATORS = {"html_v2": ";", "html_v1": "\t"}

_TOKEN = re.compile(r'<(?:points|tracks)|\n| coords="([0-9\t:;, .]++)"/?>')
_GROUP = re.compile(r"(?:^|[\t:;,])([0-9.]++) ([0-9. ]++)")
_THOUSANDTHS = re.compile(r"(?<=[0-9]) ([0-9]{3,4}) ([0-9]{3,4})")


class Placed(NamedTuple):
    """A point of a group: a picture (its number, from 1) or a moment (seconds)."""

    group: float
    id: int
    x: float
    y: float


def per_mille(point: Pair, size: Pair) -> tuple[int, int]:
    """A point in thousandths of the picture, halves to even.

    Where only x is outside of the picture both are brought to its edge; where y is outside, neither is. That is the original's way, which
    models were trained on. Raises BadRecord for a point so far away that it has no number.
    """
    x, y = point[0] / size[0], point[1] / size[1]
    if not 0 <= x <= 1 and 0 <= y <= 1:
        x = max(0.0, min(x, 1.0))
    try:
        return round(1000 * x), round(1000 * y)
    except OverflowError:
        raise BadRecord(f"a point at {point} is too far outside of its picture to be written") from None


def group_text(index: str, placed: Iterable[tuple[int, tuple[int, int]]]) -> str:
    """One group: which picture or moment, then id, x, y of each point."""
    return " ".join([index, *(f"{id_} {x:03d} {y:03d}" for id_, (x, y) in placed)])


def tag_text(name: str, groups: Iterable[str], label: str, alt_text: str | None, version: str) -> str:
    """The whole tag. Raises UnknownName for a version that is not one of SEPARATORS."""
    if version not in SEPARATORS:
        raise UnknownName("version of Molmo2's point text", version, SEPARATORS)
    alt = "" if alt_text is None else f' alt="{alt_text}"'
    return f'<{name}{alt} coords="{SEPARATORS[version].join(groups)}">{label}</{name}>'


def placed_in(text: str, size_of: Callable[[float], Pair | None]) -> list[Placed]:
    """Every point in the `coords` of a text. `size_of` gives the scale of a group, None to leave it out."""
    found: list[Placed] = []
    for coords in coords_in(text):
        for group in _GROUP.finditer(coords):
            index = _seconds(group[1])
            size = None if index is None else size_of(index)
            if index is not None and size is not None:
                found += _placed(index, group[2], size)
    return found


def coords_in(text: str) -> Iterator[str]:
    """What stands in each `coords` attribute that follows the beginning of a tag in its line."""
    is_open = False
    for token in _TOKEN.finditer(text):
        if token[1] is None:
            is_open = token[0] != "\n"
        elif is_open:
            is_open = False
            yield token[1]


def triples(text: str, coordinates: re.Pattern[str]) -> Iterator[tuple[str, str, str]]:
    """Digits and the two coordinates after them; `coordinates` begins with the space after the digits, and looks behind for one."""
    end = 0
    while found := coordinates.search(text, end + 1):  # one digit at least is the id's own, not the last coordinate's
        before = text[end : found.start()]
        end = found.end()
        yield before[len(before.rstrip("0123456789")) :], found[1], found[2]


def _placed(index: float, told: str, size: Pair) -> Iterator[Placed]:
    for id_, x, y in triples(told, _THOUSANDTHS):
        number = whole(id_)
        if number is not None and int(x) <= 1000 and int(y) <= 1000:
            yield Placed(index, number, int(x) * size[0] / 1000, int(y) * size[1] / 1000)


def _seconds(told: str) -> float | None:
    try:
        return float(told) if len(told) <= LONGEST else None
    except ValueError:  # 1.2.3
        return None
