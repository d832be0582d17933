"""The engines of a run besides http: one per stage that asks, behind the journal, started when first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pixmo.ask import Answer, ChatOutcome, SpeechOutcome
from pixmo.errors import BadSetting
from pixmo.ids import Digest
from pixmo.run.asking import Journalled, answer_in
from pixmo.run.hearers import Hearers, Hearing, Listening, hear_key, listen_key
from pixmo.run.recipe import Step
from pixmo.stage import AnyStage, World
from pixmo.storage.journal import Journal
from pixmo.storage.journal_writer import Line
from pixmo.storage.store import Store

if TYPE_CHECKING:
    from pixmo.engines.chat.settings import ChatSettings
    from pixmo.run.chatting import Desk


class Askers:
    """What the stages of one run ask; `http` answers those that ask for pictures."""

    def __init__(self, store: Store, http: World, processes: int) -> None:
        self._store, self._http, self._processes = store, http, processes
        self._hearers: Hearers | None = None
        self._doors: dict[Step, _Door] = {}
        self._desks: dict[ChatSettings, Desk] = {}

    def of(self, step: Step) -> World:
        """What a step asks."""
        if not hasattr(step.stage, "asks"):
            return self._http
        if step not in self._doors:
            self._doors[step] = _Door(self._engine(step.stage))
        return self._doors[step]

    @property
    def engines(self) -> Mapping[str, Journalled[Any]]:  # Any: each kind has its own questions
        """The engines started so far, by the name of their stage."""
        return {step.use: door.engine for step, door in self._doors.items()}

    async def close(self) -> None:
        """Waits a while for what is in flight, then ends them all."""
        await asyncio.gather(*(door.engine.close() for door in self._doors.values()))
        for desk in self._desks.values():
            await desk.close()
        if self._hearers:
            await self._hearers.close()

    def _engine(self, stage: AnyStage) -> Journalled[Any]:  # Any: as above
        if stage.asks == "chat":
            from pixmo.engines.chat.settings import ChatSettings
            from pixmo.run.batching import Batching
            from pixmo.run.chatting import Chatting, Desk

            if getattr(stage, "batch", False):
                return Journalled(self._store, Batching(stage, self._store), ChatOutcome, "text")
            settings = ChatSettings(**stage.chat_settings())
            desk = self._desks[settings] = self._desks.get(settings) or Desk(settings)
            engine = Chatting(stage, desk)
            return Journalled(self._store, engine, ChatOutcome, "text")
        self._hearers = self._hearers or Hearers(self._processes)
        if stage.asks == "listen":
            return Journalled(self._store, Listening(self._hearers, self._store, stage), SpeechOutcome)
        if stage.asks == "hear":
            return Journalled(self._store, Hearing(self._hearers, self._store, stage), SpeechOutcome, "text")
        raise BadSetting(f"a stage asks {stage.asks!r}; known: chat, hear, listen")


class _Door:
    """One engine as a World."""

    def __init__(self, engine: Journalled[Any]) -> None:  # Any: as above
        self.engine = engine

    async def ask(self, engine: str, questions: Sequence[Any]) -> list[Answer[Any]]:  # Any: as above
        """See `pixmo.stage.World.ask`; the stage's own engine answers."""
        return await self.engine.ask(questions)


def question_keys(stage: AnyStage, batch: pa.RecordBatch, journal: Journal) -> list[Digest]:
    """The names of what a stage asks over these rows, without asking: also of what it asks once more after the answers it got."""
    questions = stage.questions(batch)
    if stage.asks == "listen":
        return [listen_key(stage, q) for q in questions]
    if stage.asks == "hear":
        return [hear_key(stage, q) for q in questions]
    from pixmo.run.chatting import chat_key

    keys = [chat_key(stage, q) for q in questions]
    if hasattr(stage, "later_questions"):
        answers = [_answered(journal.get(key)) for key in keys]
        keys += [chat_key(stage, q) for q in stage.later_questions(batch, answers)]
    return keys


def _answered(line: Line | None) -> Answer[Any] | None:
    return None if line is None or line.get("open") else answer_in(line, ChatOutcome, "text")
