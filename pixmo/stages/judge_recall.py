"""Ask a judge of each fact that people told of a picture whether the caption tells it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pixmo.judge.ai2 import NO_CAPTION, recall_verdicts
from pixmo.records.judgement import Verdict
from pixmo.stages._judging import EMPTY_CAPTION, MOST_CHARS, NO_STATEMENTS, TEXTS, TOO_LONG
from pixmo.stages._verdicts import Task, VerdictStage


@dataclass(frozen=True)
class JudgeRecall(VerdictStage):
    """Asks for all statements of a picture at once, `repeats` times. An empty caption tells none of them, and nobody is asked."""

    ask_name: ClassVar[str] = "recall"

    @property
    def needs(self) -> pa.Schema:
        """The caption, and the statements of people."""
        return pa.schema([("caption", pa.string()), ("reference_statements", TEXTS), ("reference_text", pa.string())])

    def lines(self, text: str) -> list[Verdict]:
        """The verdicts in an answer of protocol ai2."""
        return recall_verdicts(text)

    def task(self, row: dict[str, Any]) -> Task:  # Any: column values
        """The statements of a row, and what they are held against."""
        caption, statements = row["caption"] or "", row["reference_statements"] or []
        if not statements and not (self.is_ai2 and row["reference_text"]):
            return Task([], {}, NO_STATEMENTS)
        if len(caption) > MOST_CHARS or len(row["reference_text"] or "") > MOST_CHARS:
            return Task(statements, {}, TOO_LONG)
        if self.is_ai2:
            listed = row["reference_text"] or listed_as_text(statements)
            return Task(statements, {"statements": listed.strip(), "caption": caption.strip() or NO_CAPTION})
        if not caption.strip():
            return Task(statements, {}, EMPTY_CAPTION, Verdict.NO)
        return Task(statements, {"caption": caption})


def listed_as_text(statements: list[str]) -> str:
    """A numbered list, as protocol ai2 tells statements that did not come as text."""
    return "\n".join(f"{number}. {statement}" for number, statement in enumerate(statements, 1))
