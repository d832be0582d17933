"""An engine behind the journal: a question is asked once, and an answer that was received is never asked for again.

As many questions are in flight as the engine takes; the others wait here. When the engine refuses to go on (a wrong key, a
spent budget) nothing new is sent, but what is in flight is waited for and kept: it may have been paid.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from pixmo.ask import Answer, AnyOutcome
from pixmo.ids import Digest
from pixmo.storage.journal_writer import Line
from pixmo.storage.store import Store

Q = TypeVar("Q")
Q_contra = TypeVar("Q_contra", contravariant=True)
SYNC_S = 2.0  # answers are made to survive a power cut so often; a killed process loses none
OWN = ("key", "round", "outcome", "detail")


class Asked(Protocol[Q_contra]):
    """An engine as it is seen from here."""

    @property
    def width(self) -> int:
        """How many questions it takes at once."""

    @property
    def patience_s(self) -> float:
        """How long its last answers are waited for when a run ends early."""

    def key(self, question: Q_contra) -> Digest:
        """The question's name: of the engine's fingerprint and all that changes the answer."""

    async def ask(self, question: Q_contra) -> Answer[Any]:
        """The answer. A PixmoError means that the engine cannot go on at all."""

    async def close(self) -> None:
        """Ends it."""


class Journalled(Generic[Q]):
    """One engine of a run; `outcomes` is the enumeration its answers end with."""

    def __init__(self, store: Store, engine: Asked[Q], outcomes: type[AnyOutcome], value: str = "") -> None:
        self.engine = engine
        self.asked = 0
        self.answered = 0  # questions that have their answer, also those that had it before
        self._store = store
        self._outcomes = outcomes
        self._value = value  # the fact that is the answer's value
        self._queue: deque[tuple[Digest, int, Q]] = deque()
        self._waiting: dict[Digest, asyncio.Future[Line]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._working = 0  # workers that still look at the queue: a task that has ended is counted no more, at once
        self._failed: Exception | None = None
        self._closed = False
        self._synced_at = monotonic()

    def __repr__(self) -> str:
        return f"Journalled({self.engine!r}, {len(self._queue)} waiting, {self._in_flight} in flight)"

    async def ask(self, questions: Sequence[Q]) -> list[Answer[Any]]:
        """One answer per question, in order; equal ones are asked once. Raises what ended the engine."""
        lines: list[Line | asyncio.Future[Line]] = []
        for at, question in enumerate(questions):
            lines.append(self._line(question))
            if at % 256 == 255:
                await asyncio.sleep(0)
        waited = {line for line in lines if isinstance(line, asyncio.Future)}
        if waited:
            done, pending = await asyncio.wait(
                waited, return_when=asyncio.FIRST_EXCEPTION
            )  # a caller that leaves cancels none
            if pending:
                raise next(error for f in done if (error := f.exception()) is not None)
        return [self._answer(line.result() if isinstance(line, asyncio.Future) else line) for line in lines]

    async def close(self) -> None:
        """Sends nothing more, keeps what still comes for a while, ends the engine."""
        self._closed = True
        if self._workers:
            await asyncio.wait(self._workers, timeout=self.engine.patience_s)
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for future in self._waiting.values():
            future.cancel()
        await self.engine.close()

    def _line(self, question: Q) -> Line | asyncio.Future[Line]:
        key = self.engine.key(question)
        if key in self._waiting:
            return self._waiting[key]
        line = self._store.journal.get(key)
        if line is not None and not line.get("open"):
            self.answered += 1
            return line
        future: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_looked_at)
        if self._failed is not None:
            future.set_exception(self._failed)
            return future
        self._waiting[key] = future
        self._queue.append((key, int(line["round"]) if line else 0, question))
        if self._working < self.engine.width:
            self._working += 1
            task = asyncio.create_task(self._work())
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)
        return future

    async def _work(self) -> None:
        try:
            await self._work_off()
        finally:
            self._working -= 1

    async def _work_off(self) -> None:
        while self._queue and not self._closed and self._failed is None:
            key, rnd, question = self._queue.popleft()
            self.asked += 1
            self._in_flight += 1
            try:
                answer = await self.engine.ask(question)
                line = self._kept(key, rnd, answer)
            except Exception as error:  # noqa: BLE001 – the border to whoever waits: each gets it, and it is raised there
                self._fail(key, error)
                return
            finally:
                self._in_flight -= 1
            self._waiting.pop(key).set_result(line)
            await self._sync_now_and_then()

    def _kept(self, key: Digest, rnd: int, answer: Answer[Any]) -> Line:
        facts = answer.facts or {}
        line: Line = {"key": key, "round": rnd, "outcome": str(answer.outcome), "detail": answer.detail, **facts}
        self._store.record(line)
        self.answered += 1
        return line

    def _fail(self, key: Digest, error: Exception) -> None:
        """What waits is told; what is in flight ends by itself."""
        self._failed = self._failed or error
        for waiting in [key, *(k for k, _, _ in self._queue)]:
            future = self._waiting.pop(waiting)
            if not future.done():
                future.set_exception(error)
        self._queue.clear()

    def _answer(self, line: Line) -> Answer[Any]:
        return answer_in(line, self._outcomes, self._value)

    async def _sync_now_and_then(self) -> None:
        if monotonic() - self._synced_at > SYNC_S:
            self._synced_at = monotonic()
            await asyncio.to_thread(self._store.sync)


def answer_in(line: Line, outcomes: type[AnyOutcome], value: str = "") -> Answer[Any]:
    """The answer that a line of the journal tells; `value` names the fact that is its value."""
    facts = {k: v for k, v in line.items() if k not in OWN}
    outcome = outcomes(line["outcome"])
    said = facts.get(value) if outcome == "ok" else None  # what a refusal said is a fact and no answer
    return Answer(outcome, said, line.get("detail") or "", facts)


def _looked_at(future: asyncio.Future[Any]) -> None:
    """Nobody may be left to look at an error that another caller got as well."""
    if not future.cancelled():
        future.exception()
