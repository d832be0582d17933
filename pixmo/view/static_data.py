"""The data of a static site: the rows as JSON in files that a page loads as scripts, since browsers read no other files beside a page.

A file holds one call of `pixmoRows` with its number and plain JSON, which is JavaScript as it stands; nothing of a row is code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pixmo.page.html import shortened
from pixmo.view.card import Card
from pixmo.view.query import Column
from pixmo.view.static_pictures import name_of

PER_FILE = 96
MARKS_SMALL = 60  # points drawn in one card of the grid
_UNPAIRED = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def small_of(card: Card, facts: Sequence[Any], text: str) -> dict[str, Any]:  # Any: JSON
    """A row as the grid shows it and its filters see it."""
    title = shortened(" ".join(card.title[:2000].split()), 160) or f"Row {card.number:,}"
    marks = [
        [n % 8, round(m.x, 3), round(m.y, 3)] for n, e in enumerate(card.expressions) for m in e.marks if m.picture == 0
    ]
    told: dict[str, Any] = {"n": card.number, "id": card.id[:500], "title": title, "facts": list(facts), "text": text}
    if card.pictures:
        told |= {"picture": name_of(card.number, 0), "marks": marks[:MARKS_SMALL]}
    if card.badges:
        told["badges"] = [shortened(b, 80) for b in card.badges]
    if card.faults:
        told["faults"] = shortened("; ".join(card.faults), 300)
    return told


def file_of(number: int, rows: Sequence[dict[str, Any]], columns: Sequence[Column] | None) -> str:
    """The file of that number; the first names the columns of the facts."""
    told: dict[str, Any] = {"rows": rows}
    if columns is not None:
        told["columns"] = [[c.name, c.kind] for c in columns]
    plain = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
    # the two line ends of Unicode were not allowed in JavaScript's strings of old
    plain = plain.translate(_UNPAIRED).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"pixmoRows({number},{plain});\n"
