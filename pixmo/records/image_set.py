"""Several pictures in one row: questions about them together, points across them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Finding, Part, Record, about
from pixmo.records.checks import Frame, of_count, of_label, of_pictures, of_points
from pixmo.records.docs import AskedOnce, questions_found
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.rules import found


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSetQA(Record):
    """Questions about several pictures."""

    KIND: ClassVar[str] = "image_set_qa"

    image_urls: tuple[str, ...] | None = about(
        "where the pictures were found; null where they are embedded", default=None
    )
    image_sha256s: tuple[str | None, ...] | None = about("sha256 of each picture's file", default=None)
    set_id: str | None = about("the set's own name of the row", default=None)
    questions: tuple[AskedOnce, ...] = about("all questions")

    def findings(self) -> Iterator[Finding]:
        """Which pictures, and each question with its answer."""
        yield from of_pictures(self.image_urls, self.image_sha256s)
        yield from questions_found(self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointedAcross(Part):
    """One label and its places in each picture."""

    label: str = about("what is pointed at")
    points: tuple[tuple[Point, ...], ...] = about("the places in each picture, in the order of the pictures")
    count: int | None = about("how many there are in all, as published", minimum=0, default=None)
    collection_method: str | None = about("how people were asked", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSetPoints(Record):
    """Labels pointed at across several pictures."""

    KIND: ClassVar[str] = "image_set_points"

    image_urls: tuple[str, ...] | None = about(
        "where the pictures were found; null where they are embedded", default=None
    )
    image_sha256s: tuple[str | None, ...] | None = about("sha256 of each picture's file", default=None)
    labels: tuple[PointedAcross, ...] = about("all labels")
    unit: Unit = about("what the coordinates count")
    orientation: Orientation = about("which way up the pictures were")

    def findings(self) -> Iterator[Finding]:
        """Which pictures, each label, its number, and its places in each picture."""
        frame = Frame(self.unit, None, None)
        yield from of_pictures(self.image_urls, self.image_sha256s)
        for i, pointed in enumerate(self.labels):
            path = f"labels[{i}]"
            yield from of_label(pointed.label, f"{path}.label")
            yield from of_count(pointed.count, sum(map(len, pointed.points)), f"{path}.count")
            if self.image_urls is not None and len(pointed.points) != len(self.image_urls):
                told = f"places in {len(pointed.points)} of {len(self.image_urls)} pictures"
                yield found("lists_differ", f"{path}.points", told)
            for j, places in enumerate(pointed.points):
                yield from of_points(places, frame, f"{path}.points[{j}]")
