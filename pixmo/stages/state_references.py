"""Ask a judge which facts people told of a picture: the statements that recall is measured by, unless they are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pixmo.engines.chat.question import ChatQuestion
from pixmo.judge.ai2 import statements_of
from pixmo.judge.reading import Statements
from pixmo.stage import World
from pixmo.stages._judging import (
    GIVEN,
    MOST_CHARS,
    NO_TRANSCRIPTS,
    TEXTS,
    TOO_LONG,
    JudgeStage,
    n_chars,
    rows_of,
    texts_of,
)
from pixmo.stages._stating import Named, Wanted, check_statements, questions_of, stated

NEEDS = pa.schema(
    [("transcripts", TEXTS), ("given_statements", TEXTS), ("given_categories", TEXTS), ("given_text", pa.string())]
)
NAMED = Named("reference_statements", "reference_categories", "reference")


@dataclass(frozen=True)
class StateReferences(JudgeStage):
    """Given statements are taken as they are; else the judge is asked once per picture that has transcripts."""

    optional: ClassVar[tuple[str, ...]] = ("given_statements", "given_categories", "given_text")
    ask_name: ClassVar[str] = "references"

    @property
    def needs(self) -> pa.Schema:
        """What was said of the picture, and statements that are there already."""
        return NEEDS

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
        """The statements of each row's picture; equal pictures are asked about once."""
        return await stated(self, [self._wanted(row) for row in rows_of(batch)], NAMED, world)

    def _wanted(self, row: dict[str, Any]) -> Wanted:  # Any: column values
        if row["given_statements"] is not None or row["given_text"] is not None:
            return Wanted(None, GIVEN, _given(row), row["given_text"])
        transcripts = [t for t in row["transcripts"] or () if t is not None]
        if not texts_of(transcripts):
            return Wanted(None, NO_TRANSCRIPTS)
        if n_chars(transcripts) > MOST_CHARS:
            return Wanted(None, TOO_LONG)
        if self.is_ai2:
            return Wanted(self.free_question(transcripts="\n\n".join(transcripts), n_transcripts=str(len(transcripts))))
        return Wanted(self.question({"transcripts": texts_of(transcripts)}))


def _given(row: dict[str, Any]) -> Statements:  # Any: column values
    """Statements as they came; categories only where each has one."""
    if row["given_statements"] is None:
        return Statements(statements_of(row["given_text"]), [])
    statements: Sequence[str | None] = row["given_statements"]
    categories: Sequence[str | None] = row["given_categories"] or ()
    if len(categories) != len(statements):
        return Statements(texts_of(statements), [])
    kept = [(s, c or "") for s, c in zip(statements, categories, strict=True) if s is not None and s.strip()]
    return Statements([s for s, _ in kept], [c for _, c in kept])
