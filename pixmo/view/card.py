"""A row as what is shown of it: pictures' frames, points by expression, texts, turns, sounds, faults and facts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixmo.dataset.rows_chunk import Row
from pixmo.errors import BadRecord
from pixmo.records.base import Record
from pixmo.view.card_pieces import Block, Code, Expression, Frame, Text
from pixmo.view.card_records import Gathered, gather
from pixmo.view.card_spoken import SPOKEN, sounds_of
from pixmo.view.card_verdicts import VERDICTS, predicted, verdicts_of
from pixmo.view.source import Unread

FrameOf = Callable[[int], Frame | None]
"""The frame of a row's picture by its number in the row; asked for only where points need it."""

TITLES = (
    "label", "caption", "merged_caption", "video_caption", "question", "answer", "text", "title", "prediction", "alt", "name",
    "given_caption", "heard_text",
)  # fmt: skip
"""Columns that say what a row is about, the first that has text."""

CODES = ("code", "data", "csv", "html", "latex", "source_code")
"""Columns that hold what a document was drawn from."""

_TEXTS = frozenset(TITLES)
_LONG = 160  # characters: longer texts of plain rows stand by themselves


@dataclass(frozen=True)
class Card:
    """A row as it is shown. `pictures` is how many it has room for; texts are whole, whoever draws them shortens them."""

    number: int
    id: str
    split: str | None
    title: str
    pictures: int
    frames: tuple[Frame | None, ...] = ()
    expressions: tuple[Expression, ...] = ()
    blocks: tuple[Block, ...] = ()
    facts: tuple[tuple[str, Any], ...] = ()  # Any: column values
    urls: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    badges: tuple[str, ...] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)

    @property
    def marks(self) -> int:
        """How many points are drawn."""
        return sum(len(e.marks) for e in self.expressions)


def headline(text: str, most: int) -> str:
    """The first words of a text on one line, so many characters at most."""
    line = " ".join(text[: 8 * most].split())
    return line if len(line) <= most else f"{line[:most].rpartition(' ')[0] or line[:most]} …"


def card_of(number: int, row: Row | Unread, pictures: int = 0, frame_of: FrameOf = lambda picture: None) -> Card:
    """The card of a row that has so many pictures; of one that cannot be read, why. Never raises for what the row says."""
    if isinstance(row, Unread):
        return Card(number, str(number), None, "This row cannot be read", 0, faults=(row.why,))
    columns = dict(row.columns)
    records, fault = _records(row)
    told = gather(records, columns, frame_of)
    sounds = sounds_of(columns)
    judged = verdicts_of(columns)
    wide = predicted(columns, told, frame_of)
    blocks = [*wide.blocks, *told.blocks, *judged, *sounds, *_codes(columns)]
    if not records:
        blocks += _texts(columns, shown={name for block in blocks for name in block.columns})
    urls = _urls(columns, records)
    shown = {name for block in blocks for name in block.columns} | told.columns
    facts = tuple((n, v) for n, v in columns.items() if n not in shown and not _is_empty(v))
    return Card(
        number, row.id, row.split, _title(columns, told), max(pictures, told.pictures),
        tuple(told.frames), (*told.expressions, *wide.expressions), tuple(blocks), facts, urls,
        (*([fault] if fault else []), *told.faults), told.badges,
    )  # fmt: skip


def _records(row: Row) -> tuple[tuple[Record, ...], str | None]:
    try:
        return row.records, None
    except BadRecord as error:
        return (), " ".join(str(error).split())[:300]


def _title(columns: Mapping[str, Any], told: Gathered) -> str:  # Any: column values
    if told.title:
        return told.title
    for name in TITLES:
        value = columns.get(name)
        if isinstance(value, list) and value and isinstance(value[0], str):
            value = value[0]
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _texts(columns: Mapping[str, Any], shown: set[str]) -> list[Block]:  # Any: column values
    """Of plain rows: the columns that are texts to read."""
    found: list[Block] = []
    for name, value in columns.items():
        if name in shown or name in SPOKEN or name in VERDICTS:
            continue
        if isinstance(value, str) and value and (name in _TEXTS or len(value) > _LONG):
            found.append(Text(name, value, columns=frozenset({name})))
    return found


def _codes(columns: Mapping[str, Any]) -> list[Block]:  # Any: column values
    """What a document was drawn from."""
    found = [(name, columns.get(name)) for name in CODES]
    return [Code(name, value, frozenset({name})) for name, value in found if isinstance(value, str) and value.strip()]


def _urls(columns: Mapping[str, Any], records: tuple[Record, ...]) -> tuple[str, ...]:  # Any: column values
    told = [columns.get("image_url"), columns.get("url"), *(columns.get("image_urls") or [])]
    told += [getattr(record, "image_url", None) for record in records]
    for record in records:
        told += getattr(record, "image_urls", None) or ()
    return tuple(dict.fromkeys(u for u in told if isinstance(u, str) and u))


def _is_empty(value: Any) -> bool:  # Any: a column value
    return value is None or value == [] or value == {}
