"""Questions about a rendered document: a chart, a table, a diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Part, Record, about
from pixmo.records.places import Orientation, Point, Unit


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
