"""What a card is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

COLOURS = 8
NONE: frozenset[str] = frozenset()


class Frame(NamedTuple):
    """A picture's size as stored, and the EXIF orientation that is left to apply (1 to 8)."""

    width_px: int
    height_px: int
    exif: int = 1

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as it is shown."""
        return (self.height_px, self.width_px) if self.exif >= 5 else (self.width_px, self.height_px)


class Mark(NamedTuple):
    """A point, in percent of the upright picture; `number` counts within its expression, from 1."""

    x: float
    y: float
    number: int
    picture: int = 0


@dataclass(frozen=True)
class Expression:
    """What a label, or a part of an answer, points at. `record` is which record of the row says so."""

    label: str
    marks: tuple[Mark, ...]
    total: int  # points there are; more than `marks` where there are very many, or some that cannot be placed
    record: int = 0
    count: int | None = None
    masks: int = 0
    is_predicted: bool = False
    why: str = ""  # why points are not drawn

    @property
    def is_absent(self) -> bool:
        """Whether it says that the thing is not in the picture."""
        return self.total == 0 and not self.count and not self.why


@dataclass(frozen=True)
class Text:
    """A text under a heading. `columns`, here and below, are those it shows."""

    head: str
    body: str
    columns: frozenset[str] = NONE


@dataclass(frozen=True)
class Compared:
    """A text, and others it is compared with word by word."""

    head: str
    body: str
    others: tuple[tuple[str, str], ...]
    columns: frozenset[str] = NONE


@dataclass(frozen=True)
class Conversation:
    """Turns, the user's first, taking turns; `note` is an explanation of the last."""

    turns: tuple[str, ...]
    note: str = ""
    columns: frozenset[str] = NONE


class Chip(NamedTuple):
    """A place within an answer: its words, and the expression of the card it is, by number."""

    text: str
    expression: int


@dataclass(frozen=True)
class Chips:
    """A question, and an answer with places in it."""

    question: str
    parts: tuple[str | Chip, ...]
    columns: frozenset[str] = NONE


@dataclass(frozen=True)
class Face:
    """A time that a clock shows; -1 is a hand that is not shown."""

    hour: int
    minute: int
    second: int
    text: str
    columns: frozenset[str] = NONE


@dataclass(frozen=True)
class Code:
    """What a picture was drawn from: shown when it is asked for."""

    head: str
    body: str
    columns: frozenset[str] = NONE


class Word(NamedTuple):
    """A word and when it is said, in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Sound:
    """A recording of the row: what is heard in it, and the sha256 it is kept under."""

    number: int
    sha256: str
    text: str
    words: tuple[Word, ...]
    told: str  # its outcome and findings
    columns: frozenset[str] = NONE


class Judged(NamedTuple):
    """A statement, its verdict in each repeat, and a reason."""

    text: str
    verdicts: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True)
class Verdicts:
    """Statements with what a judge said of them."""

    head: str
    statements: tuple[Judged, ...]
    columns: frozenset[str] = NONE


Block: TypeAlias = "Text | Compared | Conversation | Chips | Face | Code | Sound | Verdicts"
