"""A question about a picture and its answer, maybe after earlier turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Record, about


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswer(Record):
    """One question, or one conversation: earlier turns then stand in `question`, marked [USER] and [ASSISTANT]."""

    KIND: ClassVar[str] = "qa"

    image_url: str | None = about("where the picture was found", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    question: str = about("what is asked, as published")
    answer: str = about("the last answer, as published")
    messages: tuple[str, ...] | None = about(
        "all turns, user first, then by turns; null where the set has none", default=None
    )
