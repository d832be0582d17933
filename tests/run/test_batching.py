"""Batch mode: gathered, handed in once, found again after a crash; what a batch leaves is asked in another."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pixmo.ask import ChatOutcome
from pixmo.engines.chat.question import ChatQuestion, Message
from pixmo.run import batching
from pixmo.run.asking import Journalled
from pixmo.run.batching import Batching
from pixmo.storage.store import Store
from tests.server.chat import ChatServer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "QUIET_S", 0.05)


def stage(server: ChatServer) -> Any:
    return SimpleNamespace(
        chat_settings=lambda: {"model": "m", "base_url": server.base_url}, check_answer=lambda question, text: "",
        batch_poll_s=0.05,
    )  # fmt: skip


def world(server: ChatServer, folder: Path) -> Journalled[ChatQuestion]:
    store = Store(folder)
    return Journalled(store, Batching(stage(server), store), ChatOutcome, "text")


def questions(*texts: str) -> list[ChatQuestion]:
    return [ChatQuestion((Message("user", text),), about=("0" * 64,)) for text in texts]


def written_down(folder: Path) -> list[Path]:
    return list((folder / "batches").glob("*.json"))


async def ask(world: Journalled[ChatQuestion], *texts: str) -> list[tuple[str, Any]]:
    try:
        return [(str(a.outcome), a.value) for a in await world.ask(questions(*texts))]
    finally:
        await world.close()


async def test_questions_of_several_callers_go_in_one_batch(tmp_path: Path) -> None:
    """Nothing is asked one by one; the answers are in the journal, with what they are about."""
    with ChatServer(answer=lambda body: body["messages"][-1]["content"].upper()) as server:
        first = world(server, tmp_path)
        told = await asyncio.gather(first.ask(questions("a", "b")), first.ask(questions("c")))
        await first.close()
        assert [[a.value for a in answers] for answers in told] == [["A", "B"], ["C"]]
        assert len(server.batches) == 1
        assert all(seen.batch for seen in server.log)
        assert await ask(world(server, tmp_path), "a", "c") == [("ok", "A"), ("ok", "C")]
        assert len(server.batches) == 1
    assert {line["about"][0] for line in Store(tmp_path).journal.lines()} == {"0" * 64}
    assert written_down(tmp_path) == []


async def test_a_run_that_died_finds_its_batch_again(tmp_path: Path) -> None:
    """Leaving while the batch is at work loses nothing: the next run collects it and hands in nothing."""
    with ChatServer() as server:
        server.batch_polls = 10**6
        first = world(server, tmp_path)
        task = asyncio.create_task(first.ask(questions("a", "b")))
        while not server.batches or json.loads(written_down(tmp_path)[0].read_bytes())["id"] is None:  # noqa: ASYNC110 – the server is in a thread
            await asyncio.sleep(0.02)
        task.cancel()
        await first.close()
        server.batch_polls = 0
        assert await ask(world(server, tmp_path), "a", "b") == [("ok", "a"), ("ok", "b")]
        assert len(server.batches) == 1


async def test_a_batch_of_questions_that_are_asked_again_is_found_after_a_death_too(tmp_path: Path) -> None:
    """That the journal has an older answer, opened for another try, does not cross the new batch out."""
    with ChatServer() as server:
        server.batch_end = "failed"
        await ask(world(server, tmp_path), "a")
        store = Store(tmp_path)
        store.journal.open_again([(line["key"], line["round"] + 1) for line in store.journal.lines()], "again")
        tried, server.batch_end, server.batch_polls = len(server.batches), "completed", 10**6
        second = world(server, tmp_path)
        task = asyncio.create_task(second.ask(questions("a")))
        while len(server.batches) == tried or list(server.batches.values())[-1]["polls"] < 2:  # noqa: ASYNC110 – the server is in a thread
            await asyncio.sleep(0.02)
        task.cancel()
        await second.close()
        server.batch_polls = 0
        assert await ask(world(server, tmp_path), "a") == [("ok", "a")]
        assert len(server.batches) == tried + 1


async def test_what_an_expired_batch_left_is_asked_in_another(tmp_path: Path) -> None:
    """What it answered is kept."""
    with ChatServer() as server:
        server.batch_end, server.batch_answered = "expired", 1
        assert await ask(world(server, tmp_path), "a", "b") == [("ok", "a"), ("ok", "b")]
        assert len(server.batches) == 2
        assert server.times("a") == 1


async def test_what_three_batches_left_is_given_up(tmp_path: Path) -> None:
    """With an outcome that may be retried."""
    with ChatServer() as server:
        server.batch_end = "failed"
        ((outcome, _),) = await ask(world(server, tmp_path), "a")
        assert ChatOutcome(outcome).worth_retrying
        assert len(server.batches) == 3
    assert written_down(tmp_path) == []
