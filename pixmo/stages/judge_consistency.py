"""Ask a judge of each fact that a caption tells whether it agrees with what people said of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pixmo.ask import Answer
from pixmo.engines.chat.question import ChatQuestion
from pixmo.judge.ai2 import consistency_verdicts
from pixmo.stage import World, meaning
from pixmo.stages._judging import (
    MOST_CHARS,
    NO_STATEMENTS,
    NO_TRANSCRIPTS,
    TEXTS,
    TOO_LONG,
    JudgeStage,
    n_chars,
    rows_of,
    texts_of,
)
from pixmo.stages._verdicts import Task, check_repeats, first_questions, judged, later_questions, schema_of

PREFIX = "consistency"


@dataclass(frozen=True)
class JudgeConsistency(JudgeStage):
    """Asks for all statements of a caption at once, `repeats` times; of a video's, whether the caption by people states them."""

    ask_name: ClassVar[str] = "consistency"

    repeats: int = meaning(1, "how often the judge is asked for each verdict")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_repeats(self.repeats)

    @property
    def needs(self) -> pa.Schema:
        """What was said of the picture, and the statements of the caption."""
        return pa.schema([("transcripts", TEXTS), ("statements", TEXTS), ("statements_text", pa.string())])

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
        return await judged(self, tasks, self.repeats, PREFIX, consistency_verdicts, world)

    def _task(self, row: dict[str, Any]) -> Task:  # Any: column values
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
