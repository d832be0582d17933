"""How verdicts are asked for and told in columns.

Each verdict is tied to its statement's id. One that is missing, doubled or malformed is asked for once more, together with the
others of its kind and without those that are settled; what is missing then stays `unscored`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.question import ChatQuestion
from pixmo.errors import BadSetting
from pixmo.judge.asks import id_of, numbered
from pixmo.judge.reading import read_verdicts
from pixmo.records.judgement import Verdict
from pixmo.stage import World, meaning
from pixmo.stages._judging import (
    MOST_CHARS,
    NO_STATEMENTS,
    TEXTS,
    TOO_LONG,
    USED,
    JudgeStage,
    outcome_of,
    rows_of,
    said_by,
    usage_of,
)

MOST_AT_ONCE = 60  # statements in one question
DETAIL_FAULTS = 5


class Task(NamedTuple):
    """A row: statements, and what they are held against. Where `instead` says why nothing is asked, `verdict` is that of each."""

    statements: Sequence[str]
    against: dict[str, Any]  # Any: plain JSON; of protocol ai2 the values of the prompt's placeholders
    instead: str = ""
    verdict: Verdict = Verdict.UNSCORED


class _Part(NamedTuple):
    """One question of a row: in which repeat, about which statements (none in protocol ai2), for the how-manieth time."""

    row: int
    repeat: int
    numbers: Sequence[int]
    question: ChatQuestion


@dataclass
class _Repeat:
    """What came of a row's questions in one repeat."""

    answers: list[Answer[Any]] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    lines: list[Verdict] | None = None  # of protocol ai2


def schema_of(prefix: str) -> pa.Schema:
    """The columns: lists with a value per repeat, and what all repeats took."""
    return pa.schema(
        [
            (f"{prefix}_verdicts", pa.list_(TEXTS)), (f"{prefix}_outcome", TEXTS), (f"{prefix}_text", TEXTS),
            (f"{prefix}_detail", TEXTS), (f"{prefix}_by", pa.string()),
            *((f"{prefix}_{name}", kind) for name, kind in USED),
        ]
    )  # fmt: skip


@dataclass(frozen=True)
class VerdictStage(JudgeStage):
    """A stage that asks for verdicts on the statements of each row, `repeats` times; `ask_name` begins the names of its columns."""

    repeats: int = meaning(1, "how often the judge is asked for each verdict")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.repeats <= 100:
            raise BadSetting(f"repeats must be from 1 to 100, not {self.repeats!r}")

    def lines(self, text: str) -> list[Verdict]:
        """The verdicts in an answer of protocol ai2."""
        raise NotImplementedError

    def task(self, row: dict[str, Any]) -> Task:  # Any: column values
        """The statements of a row, and what they are held against."""
        raise NotImplementedError

    @property
    def adds(self) -> pa.Schema:
        """A verdict per repeat and statement, and how they came about."""
        return schema_of(self.ask_name)

    def questions(self, batch: pa.RecordBatch) -> list[ChatQuestion]:
        """What is asked over these rows at first, in order."""
        return [part.question for part in _first(self, self._tasks(batch))]

    def later_questions(self, batch: pa.RecordBatch, answers: Sequence[Answer[Any] | None]) -> list[ChatQuestion]:
        """What is asked once more after these answers to `questions`, None for those that have none yet."""
        if self.is_ai2:
            return []
        tasks = self._tasks(batch)
        rows = [[_Repeat() for _ in range(self.repeats)] for _ in tasks]
        there = [(part, a) for part, a in zip(_first(self, tasks), answers, strict=True) if a is not None]
        for part, answer in there:
            _enter(self, part, answer, rows)
        return [part.question for part in _later(self, tasks, [part for part, _ in there], rows)]

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """The verdicts of each row."""
        tasks = self._tasks(batch)
        rows = [[_Repeat() for _ in range(self.repeats)] for _ in tasks]
        parts = list(_first(self, tasks))
        await _ask(self, parts, rows, world)
        await _ask(self, _later(self, tasks, parts, rows), rows, world)
        told = [_told(self, task, row) for task, row in zip(tasks, rows, strict=True)]
        return pa.RecordBatch.from_pylist(told, self.adds)

    def _tasks(self, batch: pa.RecordBatch) -> list[Task]:
        return [self.task(row) for row in rows_of(batch)]


def _first(stage: VerdictStage, tasks: Sequence[Task]) -> Iterator[_Part]:
    for number, task in enumerate(tasks):
        for repeat in range(0 if task.instead else stage.repeats):
            if stage.is_ai2:
                yield _Part(number, repeat, (), stage.free_question(draw=2 * repeat, **task.against))
                continue
            for numbers in _cut(task.statements):
                yield _Part(number, repeat, numbers, _question(stage, task, numbers, 2 * repeat))


def _question(stage: VerdictStage, task: Task, numbers: Sequence[int], draw: int) -> ChatQuestion:
    return stage.question(task.against | {"statements": numbered(task.statements, numbers)}, draw)


def _cut(statements: Sequence[str]) -> Iterator[list[int]]:
    """Numbers of statements, so many together as go into one question; one that is longer than that goes into none."""
    part: list[int] = []
    left = MOST_CHARS
    for number, statement in enumerate(statements):
        if len(statement) > MOST_CHARS:
            continue
        if len(part) == MOST_AT_ONCE or len(statement) > left:
            yield part
            part, left = [], MOST_CHARS
        part.append(number)
        left -= len(statement)
    if part:
        yield part


async def _ask(stage: VerdictStage, parts: Sequence[_Part], rows: Sequence[Sequence[_Repeat]], world: World) -> None:
    """Enters what comes of the questions."""
    answers = await world.ask("chat", [part.question for part in parts]) if parts else []
    for part, answer in zip(parts, answers, strict=True):
        _enter(stage, part, answer, rows)


def _enter(stage: VerdictStage, part: _Part, answer: Answer[Any], rows: Sequence[Sequence[_Repeat]]) -> None:
    of = rows[part.row][part.repeat]
    of.answers.append(answer)
    if answer.outcome is not ChatOutcome.OK:
        return
    if stage.is_ai2:
        of.lines = stage.lines(said_by(answer))
        return
    read = read_verdicts(said_by(answer), [id_of(n) for n in part.numbers], stage.ask.labels)
    of.verdicts |= read.verdicts
    of.faults = {k: v for k, v in of.faults.items() if k not in read.verdicts} | read.faults


def _later(
    stage: VerdictStage, tasks: Sequence[Task], parts: Sequence[_Part], rows: Sequence[Sequence[_Repeat]]
) -> list[_Part]:
    if stage.is_ai2:
        return []
    return [more for part in parts if (more := _again(stage, tasks[part.row], part, rows[part.row][part.repeat]))]


def _again(stage: VerdictStage, task: Task, part: _Part, of: _Repeat) -> _Part | None:
    """The statements of an answer whose verdicts cannot be used, once more; an answer of another shape was repaired already."""
    left = [n for n in part.numbers if id_of(n) in of.faults and id_of(n) not in of.verdicts]
    if not left:
        return None
    return part._replace(numbers=left, question=_question(stage, task, left, 2 * part.repeat + 1))


def _told(stage: VerdictStage, task: Task, row: Sequence[_Repeat]) -> dict[str, Any]:  # Any: column values
    prefix = stage.ask_name
    each = [_repeat_told(stage, task, of) for of in row]
    verdicts, outcomes, texts, details = (list(values) for values in zip(*each, strict=True))
    return {
        f"{prefix}_verdicts": verdicts, f"{prefix}_outcome": outcomes, f"{prefix}_text": texts, f"{prefix}_detail": details,
    } | usage_of([a for of in row for a in of.answers], prefix)  # fmt: skip


def _repeat_told(stage: VerdictStage, task: Task, of: _Repeat) -> tuple[list[str], str, str | None, str | None]:
    """Verdicts, outcome, text and detail of one repeat."""
    unscored = [str(task.verdict)] * len(task.statements)
    if not of.answers:
        return unscored, task.instead or (TOO_LONG if task.statements else NO_STATEMENTS), None, None
    outcome, detail = outcome_of(of.answers)
    if stage.is_ai2:
        text = said_by(of.answers[0]) if of.lines is not None else None
        return (unscored if of.lines is None else [str(v) for v in of.lines]), outcome, text, detail
    verdicts = [str(of.verdicts.get(id_of(n), task.verdict)) for n in range(len(task.statements))]
    if outcome == ChatOutcome.OK and not of.verdicts:
        outcome = str(ChatOutcome.UNPARSABLE)
    return verdicts, outcome, None, detail or _faults_told(of.faults)


def _faults_told(faults: dict[str, str]) -> str | None:
    told = [f"{at[:20]} {why}" for at, why in list(faults.items())[:DETAIL_FAULTS]]
    more = len(faults) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "") if told else None
