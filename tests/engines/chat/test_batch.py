"""Questions handed in as a file, answers collected when they are there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from pixmo.ask import ChatOutcome
from pixmo.engines.chat.batch import BatchClient, BatchId, BatchState
from pixmo.engines.chat.budget import BudgetSpent
from pixmo.engines.chat.engine import ChatEngine
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import BadSetting, PixmoError
from tests.engines.chat.asking import SCHEMA, question, settings
from tests.server.chat import ChatServer

PRICES = {"usd_per_mtok_in": 1000.0, "usd_per_mtok_out": 1000.0}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A chat server that repeats what the user said."""
    with ChatServer() as running:
        yield running


def keyed(told: ChatSettings, count: int, schema: str = ""):
    """As many questions with their names."""
    engine = ChatEngine(told)
    asked = [question(f"q{n}", schema) for n in range(count)]
    return [(engine.key(q), q) for q in asked]


async def over(client: BatchClient, batch: BatchId) -> BatchState:
    """The state of a batch when nothing more comes."""
    while not (state := await client.poll(batch)).is_over:  # noqa: ASYNC110 – polling is the protocol
        await asyncio.sleep(0)
    return state


async def test_a_batch_answers_each_question_under_its_name(server):
    """As asking one by one would, with the batch named; in whatever order the answers lie in the file."""
    told = settings(server, **PRICES)
    part = keyed(told, 20)
    async with BatchClient(told) as client, ChatEngine(told) as engine:
        batch = await client.submit(part, "captions-0")
        state = await over(client, batch)
        found = {key: answer async for key, answer in client.collect(batch, dict(part))}
        single = await engine.ask(part[3][1])
    assert (state.status, state.total, state.completed) == ("completed", 20, 20)
    assert {key: a.value for key, a in found.items()} == {key: q.messages[0].content for key, q in part}
    answer = found[part[3][0]]
    assert {**answer.facts, "request_id": "req_test"} == {**single.facts, "batch": batch}
    assert (answer.outcome, answer.cost) == (single.outcome, single.cost)


async def test_it_is_unfinished_before_it_is_over(server):
    """Polls tell so, and collecting too early is a wrong request."""
    server.batch_polls = 2
    told = settings(server)
    async with BatchClient(told) as client:
        batch = await client.submit(keyed(told, 1), "b")
        states = [(await client.poll(batch)).status for _ in range(2)]
        assert states == ["in_progress"] * 2
        server.batch_polls = 9
        with pytest.raises(PixmoError, match="is not over but in_progress"):
            [a async for a in client.collect(batch, {})]


async def test_faults_of_single_questions_are_theirs(server):
    """A bad request is an answer; what may pass, spoiled completions too, is given back to be asked again."""
    told = settings(server)
    part = keyed(told, 6)
    server.script = ["ok", "400", "500", "429", "no_choices", "refusal"]
    async with BatchClient(told) as client:
        batch = await client.submit(part, "b")
        await over(client, batch)
        found = {key: answer async for key, answer in client.collect(batch, dict(part))}
    outcomes = [None if (a := found[key]) is None else a.outcome for key, _ in part]
    assert outcomes == [ChatOutcome.OK, ChatOutcome.CLIENT_ERROR, None, None, None, ChatOutcome.REFUSED]


async def test_answers_of_another_shape_are_unparsable(server):
    """With the text in the facts: it was paid. There is no repair in a batch."""
    told = settings(server)
    part = keyed(told, 2, SCHEMA)
    server.answer = lambda body: '{"a": 1}'
    server.script = ["wrong_schema", "ok"]
    async with BatchClient(told) as client:
        batch = await client.submit(part, "b")
        await over(client, batch)
        found = {key: answer async for key, answer in client.collect(batch, dict(part))}
    first, second = (found[key] for key, _ in part)
    assert (first.outcome, first.facts["text"]) == (ChatOutcome.UNPARSABLE, '{"wrong": true}')
    assert second.value == '{"a": 1}'


@pytest.mark.parametrize("end", ["expired", "failed"])
async def test_an_end_before_all_are_answered_gives_the_rest_back(server, end):
    """What was answered is kept, the others are None."""
    server.batch_end, server.batch_answered = end, 3
    told = settings(server)
    part = keyed(told, 10)
    async with BatchClient(told) as client:
        batch = await client.submit(part, "b")
        state = await over(client, batch)
        found = {key: answer async for key, answer in client.collect(batch, dict(part))}
    assert state.status == end
    assert bool(state.detail) == (end == "failed")
    assert sum(a is not None for a in found.values()) == (3 if end == "expired" else 0)
    assert found.keys() == {key for key, _ in part}


async def test_a_cancelled_batch_keeps_what_was_done(server):
    """Cancelling asks for the end; the answers until then are collected."""
    server.batch_polls, server.batch_answered = 99, 2
    told = settings(server)
    part = keyed(told, 5)
    async with BatchClient(told) as client:
        batch = await client.submit(part, "b")
        await client.cancel(batch)
        assert (await over(client, batch)).status == "cancelled"
        found = [answer async for _, answer in client.collect(batch, dict(part))]
    assert sum(a is not None for a in found) == 2


async def test_a_batch_is_found_again_by_its_name(server):
    """Another process, after a crash: begun batches are found on whatever page, others are not."""
    told = settings(server)
    async with BatchClient(told) as client:
        begun = [await client.submit(keyed(told, 1), f"part-{n}") for n in range(5)]
    async with BatchClient(told) as client:
        assert await client.find("part-1") == begun[1]
        assert await client.find("part-9") is None


async def test_lines_that_are_none_and_strangers_are_passed_over(server):
    """A file with rubbish, a foreign name, a name twice, and a line separator inside a text."""
    told = settings(server)
    part = keyed(told, 2)
    server.answer = lambda body: "one\u2028two"
    async with BatchClient(told) as client:
        batch = await client.submit(part, "b")
        file = (await over(client, batch)).files[0]
        good = [json.dumps(json.loads(line), ensure_ascii=False).encode() for line in server.files[file].splitlines()]
        stranger = good[0].replace(part[0][0].encode(), b"x").replace(part[1][0].encode(), b"x")
        server.files[file] = b"\n".join([b"{", b"[]", b'{"custom_id": []}', stranger, good[0], good[0], b"", good[1]])
        found = [(key, a.value) async for key, a in client.collect(batch, dict(part))]
    assert sorted(found) == sorted((key, "one\u2028two") for key, _ in part)


def test_parts_are_within_the_limits():
    """By count and by bytes, in order, none lost; a question larger than a batch is a wrong request."""
    told = ChatSettings("m", base_url="http://localhost/v1")
    asked = keyed(told, 10)
    by_count = [len(part) for part in BatchClient(told, most_requests=4).parts(asked)]
    parts = list(BatchClient(told, most_bytes=700).parts(asked))
    assert by_count == [4, 4, 2]
    assert len(parts) > 1
    assert [pair for part in parts for pair in part] == asked
    with pytest.raises(BadSetting, match="a batch takes 50"):
        list(BatchClient(told, most_bytes=50).parts(asked))


async def test_a_batch_that_may_pass_the_budget_is_not_begun(server):
    """All its questions at their worst must fit; collected ones free what they did not use."""
    told = settings(server, budget_usd=2.0, **PRICES)  # some 0.25 each at the worst, some 0.006 in fact
    async with BatchClient(told) as client:
        with pytest.raises(BudgetSpent):
            await client.submit(keyed(told, 10), "a")
        assert (server.files, client.budget.held) == ({}, 0.0)
        for name in ("b", "c"):
            part = keyed(told, 6)
            batch = await client.submit(part, name)
            await over(client, batch)
            assert len([a async for a in client.collect(batch, dict(part))]) == 6
        assert client.budget.spent == pytest.approx(sum(server.tokens()) / 1000)


async def test_an_endpoint_without_batches_is_named():
    """One line, also where nothing listens."""
    with ChatServer() as server:
        told = settings(server, base_url=server.base_url.removesuffix("/v1"))
        async with BatchClient(told) as client:
            with pytest.raises(PixmoError, match="is no chat API"):
                await client.submit(keyed(told, 1), "a")
