"""An engine behind the journal: a question is asked once, a received answer is kept whatever happens next."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pixmo.ask import Answer, ChatOutcome
from pixmo.errors import PixmoError
from pixmo.ids import Digest, digest
from pixmo.run.asking import Journalled
from pixmo.storage.store import Store


class Scripted:
    """Answers with the question in capitals, after `gate` opens; what it was asked is counted."""

    def __init__(self, width: int = 4) -> None:
        self.width = width
        self.asked: Counter[str] = Counter()
        self.most = self.now = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing: dict[str, Exception] = {}
        self.outcome = ChatOutcome.OK
        self.closed = False
        self.patience_s = 5.0

    def key(self, question: str) -> Digest:
        return digest(f"scripted\n{question}".encode())

    async def ask(self, question: str) -> Answer[Any]:
        self.asked[question] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if question in self.failing:
                raise self.failing[question]
            await asyncio.sleep(0)
            await self.gate.wait()
            return Answer(self.outcome, None, "", {"text": question.upper()})
        finally:
            self.now -= 1

    async def close(self) -> None:
        self.closed = True


def journalled(folder: Path, engine: Scripted) -> Journalled[str]:
    return Journalled(Store(folder), engine, ChatOutcome, "text")


def texts(answers: list[Answer[Any]]) -> list[Any]:
    return [a.value for a in answers]


async def test_equal_questions_are_asked_once_and_answered_in_order(tmp_path: Path) -> None:
    """However many callers want them at the same time."""
    engine = Scripted()
    world = journalled(tmp_path, engine)
    both = await asyncio.gather(world.ask(["a", "b", "a"]), world.ask(["b", "c"]))
    assert [texts(answers) for answers in both] == [["A", "B", "A"], ["B", "C"]]
    assert engine.asked == Counter("abc")


async def test_no_more_are_in_flight_than_the_engine_takes(tmp_path: Path) -> None:
    """A thousand questions go four at a time."""
    engine = Scripted(width=4)
    answers = await journalled(tmp_path, engine).ask([str(n) for n in range(1000)])
    assert len(answers) == 1000
    assert engine.most == 4


async def test_an_answer_of_an_earlier_run_is_not_asked_for_again(tmp_path: Path) -> None:
    """Also one that says no: only a new round asks it again."""
    first = Scripted()
    first.outcome = ChatOutcome.REFUSED
    world = journalled(tmp_path, first)
    await world.ask(["a"])  # no close: as if the process had been killed
    second = Scripted()
    again = await journalled(tmp_path, second).ask(["a", "b"])
    assert [a.outcome for a in again] == [ChatOutcome.REFUSED, ChatOutcome.OK]
    assert second.asked == Counter("b")


async def test_an_opened_round_is_asked_once_more(tmp_path: Path) -> None:
    """As `pixmo retry` opens them; the newer answer counts."""
    engine = Scripted()
    engine.outcome = ChatOutcome.TIMEOUT
    await journalled(tmp_path, engine).ask(["a"])
    store = Store(tmp_path)
    store.journal.open_again([(engine.key("a"), 1)], "retry")
    engine.outcome = ChatOutcome.OK
    assert (await Journalled(store, engine, ChatOutcome).ask(["a"]))[0].outcome is ChatOutcome.OK
    assert engine.asked == Counter({"a": 2})
    assert (await journalled(tmp_path, engine).ask(["a"]))[0].outcome is ChatOutcome.OK
    assert engine.asked == Counter({"a": 2})


async def test_an_engine_that_cannot_go_on_sends_nothing_more_but_keeps_what_comes(tmp_path: Path) -> None:
    """A spent budget is raised at once; the paid answers in flight are in the journal all the same."""
    engine = Scripted(width=2)
    engine.gate.clear()
    engine.failing["stop"] = PixmoError("the budget is spent")
    world = journalled(tmp_path, engine)
    with pytest.raises(PixmoError, match="the budget is spent"):
        await world.ask(["paid", "stop", "never"])
    with pytest.raises(PixmoError, match="the budget is spent"):
        await world.ask(["late"])
    engine.gate.set()
    await world.close()
    assert engine.closed
    assert engine.asked == Counter({"paid": 1, "stop": 1})
    fresh = Scripted()
    assert texts(await journalled(tmp_path, fresh).ask(["paid", "never"])) == ["PAID", "NEVER"]
    assert fresh.asked == Counter({"never": 1})


async def test_a_caller_that_leaves_takes_no_answer_away_from_others(tmp_path: Path) -> None:
    """Cancelling one shard's wait leaves the questions in flight."""
    engine = Scripted()
    engine.gate.clear()
    world = journalled(tmp_path, engine)
    leaving, staying = asyncio.create_task(world.ask(["a"])), asyncio.create_task(world.ask(["a"]))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    engine.gate.set()
    assert texts(await staying) == ["A"]
    assert engine.asked == Counter("a")
