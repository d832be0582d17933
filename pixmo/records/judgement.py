"""What a judge said of a caption."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Part, Record, about


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
