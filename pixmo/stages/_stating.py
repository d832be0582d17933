"""How statements are asked for and told in columns: of a caption, or of what people said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.question import ChatQuestion
from pixmo.judge.ai2 import statements_of
from pixmo.judge.reading import Statements, read_statements
from pixmo.stage import World
from pixmo.stages._judging import TEXTS, USED, JudgeStage, outcome_of, said_by, usage_of


class Wanted(NamedTuple):
    """A row: what is asked, or the statements it has without asking and how that came."""

    question: ChatQuestion | None
    outcome: str = ""
    statements: Statements = Statements([], [])
    text: str | None = None


@dataclass(frozen=True)
class Named:
    """What the columns are called."""

    statements: str
    categories: str
    prefix: str

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        plain = [(f"{self.prefix}_{name}", pa.string()) for name in ("text", "outcome", "detail", "by")]
        return pa.schema(
            [(self.statements, TEXTS), (self.categories, TEXTS), *plain]
            + [(f"{self.prefix}_{name}", kind) for name, kind in USED]
        )


def check_statements(stage: JudgeStage, text: str) -> str:
    """Why an answer holds no statements that can be used; '' when it does."""
    if stage.is_ai2:
        return ""
    try:
        read_statements(text, stage.ask.has_categories)
    except ValueError as error:
        return str(error)
    return ""


async def stated(stage: JudgeStage, rows: Sequence[Wanted], named: Named, world: World) -> pa.RecordBatch:
    """The columns of all rows, those that need an answer asked together."""
    asked = questions_of(rows)
    answers = iter(await world.ask("chat", asked) if asked else ())
    told = [_told(stage, row, [next(answers)] if row.question else [], named) for row in rows]
    return pa.RecordBatch.from_pylist(told, named.schema)


def questions_of(rows: Iterable[Wanted]) -> list[ChatQuestion]:
    """What is asked over the rows, in order."""
    return [row.question for row in rows if row.question]


def _told(stage: JudgeStage, row: Wanted, answers: list[Answer[Any]], named: Named) -> dict[str, Any]:
    outcome, detail, statements, text = row.outcome, None, row.statements, row.text
    if answers:
        outcome, detail = outcome_of(answers)
    if outcome == ChatOutcome.OK:
        said = said_by(answers[0])
        if stage.is_ai2:
            statements, text = Statements(statements_of(said), []), said
        else:
            try:
                statements = read_statements(said, stage.ask.has_categories)
            except ValueError as error:  # an answer of an engine that checks less
                outcome, detail = str(ChatOutcome.UNPARSABLE), str(error)
    return {
        named.statements: statements.texts, named.categories: statements.categories, f"{named.prefix}_text": text,
        f"{named.prefix}_outcome": outcome, f"{named.prefix}_detail": detail,
    } | usage_of(answers, named.prefix)  # fmt: skip
