"""What a judge said of a caption."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Finding, Part, Record, about
from pixmo.records.checks import of_picture, of_text, short
from pixmo.records.rules import found


class Verdict(enum.StrEnum):
    """What became of one statement."""

    YES = "yes"  # stated, or consistent
    NO = "no"  # not stated, or inconsistent
    CANNOT_TELL = "cannot_tell"  # the judge said so
    UNSCORED = "unscored"  # no valid answer; counted, never taken for a no


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Part):
    """One statement and its verdict."""

    statement_id: str = about("ties the verdict to the statement")
    text: str = about("the statement")
    verdict: Verdict = about("what became of it")
    reason: str | None = about("the judge's words", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Record):
    """All verdicts of one question about one caption."""

    KIND: ClassVar[str] = "judgement"

    image_url: str | None = about("where the picture was found", default=None)
    image_sha256: str | None = about("sha256 of the picture's file, 64 lower-case hexadecimal digits", default=None)
    model: str = about("whose caption it is")
    caption: str = about("the caption that was judged")
    judge: str = about("who judged: model and revision")
    protocol: str = about("the rules of judging; results of different protocols do not compare")
    metric: str = about("what was asked: `recall` or `consistency`")
    statements: tuple[Statement, ...] = about("each statement with its verdict")

    def findings(self) -> Iterator[Finding]:
        """Which picture, the caption, and statements that can be told apart."""
        yield from of_picture(self.image_url, self.image_sha256)
        yield from of_text(self.caption, "caption")
        seen: set[str] = set()
        for i, one in enumerate(self.statements):
            yield from of_text(one.text, f"statements[{i}].text")
            if one.statement_id in seen:
                yield found("statement_doubled", f"statements[{i}].statement_id", short(one.statement_id))
            seen.add(one.statement_id)
