"""Ask a judge which facts a caption tells: the statements whose consistency is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pixmo.engines.chat.question import ChatQuestion
from pixmo.stage import World
from pixmo.stages._judging import EMPTY_CAPTION, MOST_CHARS, TOO_LONG, JudgeStage, rows_of
from pixmo.stages._stating import Named, Wanted, check_statements, questions_of, stated

NAMED = Named("statements", "statement_categories", "statements")


@dataclass(frozen=True)
class StateCaption(JudgeStage):
    """Asks once per caption. An empty one states nothing; Ai2's script asks all the same, and so does protocol ai2."""

    ask_name: ClassVar[str] = "statements"

    @property
    def needs(self) -> pa.Schema:
        """The caption."""
        return pa.schema([("caption", pa.string())])

    @property
    def adds(self) -> pa.Schema:
        """The statements and how they came about."""
        return NAMED.schema

    def questions(self, batch: pa.RecordBatch) -> list[ChatQuestion]:
        """What is asked over these rows, in order."""
        return questions_of(map(self._wanted, rows_of(batch)))

    def check_answer(self, question: ChatQuestion, text: str) -> str:
        """Why a text holds no statements, for one repair; '' when it does."""
        return check_statements(self, text)

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """The statements of each row's caption."""
        return await stated(self, [self._wanted(row) for row in rows_of(batch)], NAMED, world)

    def _wanted(self, row: dict[str, Any]) -> Wanted:  # Any: column values
        caption = row["caption"] or ""
        if len(caption) > MOST_CHARS:
            return Wanted(None, TOO_LONG)
        if self.is_ai2:
            return Wanted(self.free_question(caption=caption))
        return Wanted(self.question({"caption": caption})) if caption.strip() else Wanted(None, EMPTY_CAPTION)
