"""Several pictures in one row: questions about them together, points across them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Part, Record, about
from pixmo.records.docs import AskedOnce
from pixmo.records.places import Orientation, Point, Unit


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
