"""An answer that points at what it speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Record, about
from pixmo.records.places import Orientation, Point, Unit

PLACEHOLDER = "<|POINT|>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation(Record):
    """A question, and an answer with places in it: the n-th placeholder of `parsed_response` stands for the n-th of the three lists."""

    KIND: ClassVar[str] = "explanation"

    image_url: str | None = about("where the picture was found", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    question: str = about("what is asked")
    response: str = about("the answer with its tags, as written")
    parsed_response: str | None = about(
        "the answer with <|POINT|> for each tag; null where tags could not be read", default=None
    )
    alt_text: tuple[str, ...] = about("what each tag points at")
    inline_text: tuple[str, ...] = about("the words inside each tag")
    points: tuple[tuple[Point, ...], ...] = about("the places of each tag")
    unit: Unit = about("what the coordinates count")
    orientation: Orientation = about("which way up the picture was")
    image_width_px: int | None = about("width of the picture the points were made in", "px", 1, default=None)
    image_height_px: int | None = about("height of the picture the points were made in", "px", 1, default=None)
