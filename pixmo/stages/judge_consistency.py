"""Ask a judge of each fact that a caption tells whether it agrees with what people said of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pixmo.judge.ai2 import consistency_verdicts
from pixmo.records.judgement import Verdict
from pixmo.stages._judging import (
    MOST_CHARS,
    NO_STATEMENTS,
    NO_TRANSCRIPTS,
    TEXTS,
    TOO_LONG,
    n_chars,
    texts_of,
)
from pixmo.stages._verdicts import Task, VerdictStage


@dataclass(frozen=True)
class JudgeConsistency(VerdictStage):
    """Asks for all statements of a caption at once, `repeats` times; of a video's, whether the caption by people states them."""

    ask_name: ClassVar[str] = "consistency"

    @property
    def needs(self) -> pa.Schema:
        """What was said of the picture, and the statements of the caption."""
        return pa.schema([("transcripts", TEXTS), ("statements", TEXTS), ("statements_text", pa.string())])

    def lines(self, text: str) -> list[Verdict]:
        """The verdicts in an answer of protocol ai2."""
        return consistency_verdicts(text)

    def task(self, row: dict[str, Any]) -> Task:  # Any: column values
        """The statements of a row, and what they are held against."""
        statements, listed = row["statements"] or [], row["statements_text"] or ""
        if not statements and not (self.is_ai2 and listed):
            return Task([], {}, NO_STATEMENTS)
        transcripts = [t for t in row["transcripts"] or () if t is not None]
        if not texts_of(transcripts):
            return Task(statements, {}, NO_TRANSCRIPTS)
        if n_chars(transcripts) > MOST_CHARS or len(listed) > MOST_CHARS:
            return Task(statements, {}, TOO_LONG)
        if self.is_ai2:
            told = {"transcripts": "\n\n".join(transcripts), "n_transcripts": str(len(transcripts))}
            return Task(statements, told | {"statements": listed})
        return Task(statements, {"transcripts": texts_of(transcripts)})
