"""Ask a judge of each fact that people told of a picture whether the caption tells it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pixmo.ask import Answer
from pixmo.engines.chat.question import ChatQuestion
from pixmo.judge.ai2 import NO_CAPTION, recall_verdicts
from pixmo.records.judgement import Verdict
from pixmo.stage import World, meaning
from pixmo.stages._judging import EMPTY_CAPTION, MOST_CHARS, NO_STATEMENTS, TEXTS, TOO_LONG, JudgeStage, rows_of
from pixmo.stages._verdicts import Task, check_repeats, first_questions, judged, later_questions, schema_of

PREFIX = "recall"


@dataclass(frozen=True)
class JudgeRecall(JudgeStage):
    """Asks for all statements of a picture at once, `repeats` times. An empty caption tells none of them, and nobody is asked."""

    ask_name: ClassVar[str] = "recall"

    repeats: int = meaning(1, "how often the judge is asked for each verdict")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_repeats(self.repeats)

    @property
    def needs(self) -> pa.Schema:
        """The caption, and the statements of people."""
        return pa.schema([("caption", pa.string()), ("reference_statements", TEXTS), ("reference_text", pa.string())])

    @property
    def adds(self) -> pa.Schema:
        """A verdict per repeat and statement, and how they came about."""
        return schema_of(PREFIX)

    def questions(self, batch: pa.RecordBatch) -> list[ChatQuestion]:
        """What is asked over these rows at first, in order."""
        return first_questions(self, [self._task(row) for row in rows_of(batch)], self.repeats)

    def later_questions(self, batch: pa.RecordBatch, answers: Sequence[Answer[Any] | None]) -> list[ChatQuestion]:
        """What is asked once more after these answers to `questions`."""
        return later_questions(self, [self._task(row) for row in rows_of(batch)], self.repeats, answers)

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """The verdicts of each row."""
        tasks = [self._task(row) for row in rows_of(batch)]
        return await judged(self, tasks, self.repeats, PREFIX, recall_verdicts, world)

    def _task(self, row: dict[str, Any]) -> Task:  # Any: column values
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
