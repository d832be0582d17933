"""A question about a picture and its answer, maybe after earlier turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Finding, Record, about
from pixmo.records.checks import of_picture, of_refusal, of_text, short
from pixmo.records.conversation import is_marked, turns
from pixmo.records.rules import found


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

    def findings(self) -> Iterator[Finding]:
        """Which picture, whether the conversation can be read, and whether `messages` say the same."""
        yield from of_picture(self.image_url, self.image_sha256)
        yield from of_refusal(self.answer, "answer")
        earlier = turns(self.question) if is_marked(self.question) else (self.question,)
        if earlier is None:
            yield found("conversation_unreadable", "question", short(self.question))
        elif not is_marked(self.question):
            yield from of_text(self.question, "question")
        yield from of_text(self.answer, "answer")
        if earlier is not None and self.messages is not None and self.messages != (*earlier, self.answer):
            yield found("messages_differ", "messages", f"{len(self.messages)} messages, {len(earlier) + 1} turns")
