"""An answer that points at what it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Finding, Record, about
from pixmo.records.checks import Frame, of_picture, of_points, of_size, of_text
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.rules import found

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

    def findings(self) -> Iterator[Finding]:
        """Which picture, the texts, placeholders and their three lists, each place."""
        frame = Frame(self.unit, self.image_width_px, self.image_height_px)
        yield from of_picture(self.image_url, self.image_sha256)
        yield from of_text(self.question, "question")
        yield from of_text(self.response, "response")
        told = {"alt_text": len(self.alt_text), "inline_text": len(self.inline_text), "points": len(self.points)}
        if self.parsed_response is None:
            yield found("unparsed", "parsed_response", "null")
        else:
            told["parsed_response"] = self.parsed_response.count(PLACEHOLDER)
        if len(set(told.values())) > 1:
            yield found(
                "placeholders_differ", "parsed_response", ", ".join(f"{n} in {name}" for name, n in told.items())
            )
        yield from of_size(frame, any(self.points))
        for i, places in enumerate(self.points):
            yield from of_points(places, frame, f"points[{i}]")
