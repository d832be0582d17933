"""A caption of a picture, and what was said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Finding, Record, about
from pixmo.records.checks import of_picture, of_refusal, short
from pixmo.records.rules import found

SHORTEST, LONGEST = 10, 1000  # words
SMALLEST_RATIO, LARGEST_RATIO = 0.1, 5.0  # of the caption's words to those spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption(Record):
    """One dense caption."""

    KIND: ClassVar[str] = "caption"

    image_url: str | None = about("where the picture was found", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    caption: str = about("the caption")
    transcripts: tuple[str, ...] = about("what people said of the picture, one text per recording")

    def findings(self) -> Iterator[Finding]:
        """Which picture, what the caption says, and how it fits what was said."""
        yield from of_picture(self.image_url, self.image_sha256)
        words = len(self.caption.split())
        if not words:
            yield found("caption_empty", "caption", short(self.caption))
            return
        if words < SHORTEST:
            yield found("caption_short", "caption", f"{words} words")
        if words > LONGEST:
            yield found("caption_long", "caption", f"{words} words")
        yield from of_refusal(self.caption, "caption")
        yield from self._said(words)

    def _said(self, words: int) -> Iterator[Finding]:
        if not self.transcripts:
            yield found("no_transcripts", "transcripts", "")
            return
        for i, transcript in enumerate(self.transcripts):
            if not transcript.strip():
                yield found("transcript_empty", f"transcripts[{i}]", short(transcript))
            elif transcript.split() == self.caption.split():
                yield found("caption_is_transcript", f"transcripts[{i}]", short(transcript))
        spoken = sum(len(t.split()) for t in self.transcripts)
        if spoken and not SMALLEST_RATIO <= words / spoken <= LARGEST_RATIO:
            yield found("transcript_ratio", "caption", f"{words} words of {spoken} spoken")
