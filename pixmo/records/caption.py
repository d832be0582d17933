"""A caption of a picture, and what was said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Record, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption(Record):
    """One dense caption."""

    KIND: ClassVar[str] = "caption"

    image_url: str | None = about("where the picture was found", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    caption: str = about("the caption")
    transcripts: tuple[str, ...] = about("what people said of the picture, one text per recording")
