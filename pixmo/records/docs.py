"""Questions about a rendered document: a chart, a table, a diagram."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Finding, Part, Record, about
from pixmo.records.checks import Frame, of_picture, of_points, of_size, of_text
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.rules import found


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOnce(Part):
    """One question."""

    question: str = about("what is asked")
    answer: str = about("the answer")
    explanation: str | None = about("how the answer is found; null where the set has none", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Record):
    """A document's questions."""

    KIND: ClassVar[str] = "document"

    image_url: str | None = about("where the picture was found; null where it is embedded", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    image_id: str | None = about("the set's own name of the picture", default=None)
    questions: tuple[AskedOnce, ...] = about("all its questions")

    def findings(self) -> Iterator[Finding]:
        """Which picture, and each question with its answer."""
        yield from of_picture(self.image_url, self.image_sha256)
        yield from questions_found(self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed(Part):
    """One question whose answer is places."""

    question: str = about("what is asked")
    name: str | None = about("what the places are called; null where the set has no names", default=None)
    points: tuple[Point, ...] = about("the places")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPoints(Record):
    """A document's questions that are answered by pointing."""

    KIND: ClassVar[str] = "document_points"

    image_url: str | None = about("where the picture was found; null where it is embedded", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    image_id: str | None = about("the set's own name of the picture", default=None)
    questions: tuple[Pointed, ...] = about("all its questions")
    unit: Unit = about("what the coordinates count")
    orientation: Orientation = about("which way up the picture was")
    image_width_px: int | None = about("width of the picture the points were made in", "px", 1, default=None)
    image_height_px: int | None = about("height of the picture the points were made in", "px", 1, default=None)

    def findings(self) -> Iterator[Finding]:
        """Which picture, each question, each place."""
        frame = Frame(self.unit, self.image_width_px, self.image_height_px)
        yield from of_picture(self.image_url, self.image_sha256)
        if not self.questions:
            yield found("questions_empty", "questions", "")
        yield from of_size(frame, any(q.points for q in self.questions))
        for i, asked in enumerate(self.questions):
            yield from of_text(asked.question, f"questions[{i}].question")
            yield from of_points(asked.points, frame, f"questions[{i}].points")


def questions_found(questions: tuple[AskedOnce, ...]) -> Iterator[Finding]:
    """What is wrong with questions and answers."""
    if not questions:
        yield found("questions_empty", "questions", "")
    for i, asked in enumerate(questions):
        yield from of_text(asked.question, f"questions[{i}].question")
        yield from of_text(asked.answer, f"questions[{i}].answer")
