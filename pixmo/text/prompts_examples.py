"""What can be asked of a model, before it is put into words: one dataclass for each way of asking.

`style` says what kind of answer is meant; a prompt may name it, and templates are kept by it. A question left None is asked in the
words of a template. An example may lack its answer: it can then be asked, but not trained on, and `lacks` says what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pixmo.errors import BadRecord
from pixmo.records.explanation import PLACEHOLDER
from pixmo.text.points import Pair, Scale


class Places(NamedTuple):
    """Points in one picture, in the unit that `scale` says (pixmo.text.points). `dtype` is the type they were stored in where that is not float64: it decides how halves round in v1."""

    points: tuple[Pair, ...]
    scale: Scale = 100
    dtype: str | None = None


class Tagged(NamedTuple):
    """The words inside a tag, what it points at, and where."""

    inline_text: str
    alt_text: str
    places: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, or what a template asks, and its answer; of several people's answers the most frequent one is taken."""

    style: str | None
    question: str | None = None
    answer: str | tuple[str, ...] | None = None

    @property
    def lacks(self) -> str | None:
        """What its answer needs and is not known."""
        return "it has no answer" if self.answer in (None, ()) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Several turns, the user's first; where the last one is the user's, it is yet to be answered."""

    style: str | None
    messages: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.messages:
            raise BadRecord("a conversation has no turns")

    @property
    def lacks(self) -> str | None:
        """What its answer needs and is not known."""
        return "its last turn is not answered" if len(self.messages) % 2 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleChoice:
    """A question with options, by letter unless not `lettered`; `answer` is the index of the right one."""

    style: str | None
    question: str
    options: tuple[str, ...]
    answer: int | None = None
    lettered: bool = True

    @property
    def lacks(self) -> str | None:
        """What its answer needs and is not known."""
        if self.answer is None:
            return "it has no answer"
        return None if 0 <= self.answer < len(self.options) else f"its answer {self.answer} is none of its options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """A question whose answer points at what it speaks of: the n-th <|POINT|> in `text` stands for the n-th of `tags`."""

    style: str | None
    question: str
    text: str | None
    tags: tuple[Tagged, ...] = ()
    missing: str | None = None  # what else is not known

    @property
    def lacks(self) -> str | None:
        """What its answer needs and is not known."""
        if self.missing or self.text is None:
            return self.missing or "it has no text with places"
        marks = self.text.count(PLACEHOLDER)
        if marks != len(self.tags):
            return f"its text has {marks} placeholders for {len(self.tags)} tags"
        return None if all(tag.places.points for tag in self.tags) else "one of its tags has no points"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed:
    """Where a thing is in one picture, or, if there are no points, that it is not there. Without a label the question names it."""

    style: str
    label: str | None = None
    question: str | None = None
    places: Places | None = None
    missing: str | None = None

    def __post_init__(self) -> None:
        if self.label is None and self.question is None:
            raise BadRecord("an example of pointing has neither a label nor a question")

    @property
    def lacks(self) -> str | None:
        """What its answer needs and is not known."""
        return self.missing or ("its points are not known" if self.places is None else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointedInSet:
    """Where a thing is in each of several pictures; Molmo2 only."""

    style: str
    label: str
    places: tuple[Places, ...]
    missing: str | None = None

    @property
    def lacks(self) -> str | None:
        """What its answer needs and is not known."""
        return self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class PointedInVideo:
    """Where a thing is at some moments of a video; Molmo2 only."""

    style: str
    label: str
    question: str | None = None
    times_s: tuple[float, ...]
    places: tuple[Places, ...]
    missing: str | None = None

    @property
    def lacks(self) -> str | None:
        """What its answer needs and is not known."""
        return self.missing


Example = Asked | Conversation | MultipleChoice | Annotated | Pointed | PointedInSet | PointedInVideo
