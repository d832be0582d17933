"""What may pass is asked again, what never will ends the run in one line, and money is never passed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from pixmo.ask import ChatOutcome
from pixmo.engines.chat.budget import BudgetSpent
from pixmo.engines.chat.engine import ChatEngine
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import PixmoError
from tests.engines.chat.asking import ask, ask_all, question, settings
from tests.server.chat import ChatServer

PRICES = {"usd_per_mtok_in": 1000.0, "usd_per_mtok_out": 1000.0}  # 0.001 USD a token


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A chat server that repeats what the user said."""
    with ChatServer() as running:
        yield running


@pytest.mark.parametrize(
    "fault", ["429", "500", "502", "503", "409", "408", "reset", "malformed", "no_choices", "hang"]
)
async def test_what_may_pass_is_asked_again(server, fault):
    """One fault, then the answer."""
    server.script = [fault]
    answer = await ask(settings(server))
    assert (answer.value, answer.facts["tries"], server.times()) == ("what is it", 2, 2)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("429", ChatOutcome.THROTTLED), ("500", ChatOutcome.SERVER_ERROR), ("reset", ChatOutcome.CONNECT),
        ("hang", ChatOutcome.TIMEOUT), ("malformed", ChatOutcome.SERVER_ERROR),
    ],
)  # fmt: skip
async def test_what_does_not_pass_is_given_up_after_the_retries(server, fault, outcome):
    """Two retries: three requests, and the last fault is the outcome."""
    server.script = ["ok"] + [fault] * 9
    async with ChatEngine(settings(server, retries=2, timeout_s=0.1)) as engine:
        await engine.ask(question("first"))
        answer = await engine.ask(question("what"))
    assert (answer.outcome, answer.value, answer.facts["tries"], server.times("what")) == (outcome, None, 3, 3)
    assert answer.detail


@pytest.mark.parametrize("said", ["429:0.4", "429:date:1.4", "429:ms:400", "503:0.4"])
async def test_a_wait_that_was_asked_for_is_kept(server, said):
    """In seconds, as a date (of whole seconds), in milliseconds."""
    server.script = [said]
    await ask(settings(server))
    assert server.log[1].at - server.log[0].at >= 0.39


async def test_an_endpoint_that_asks_for_an_hour_is_given_up(server):
    """Nobody waits that long for one answer; another run may."""
    server.script = ["429:3600"]
    answer = await ask(settings(server))
    assert (answer.outcome, server.times()) == (ChatOutcome.THROTTLED, 1)


async def test_an_endpoint_that_refuses_is_asked_more_slowly(server):
    """Under a storm of refusals fewer are in flight than before, and at last all are answered."""
    server.script, server.latency_s = ["429"] * 60, 0.01
    async with ChatEngine(settings(server, concurrency=32, retries=9, timeout_s=5)) as engine:
        answers = await asyncio.gather(*(engine.ask(question(f"q{n}")) for n in range(64)))
        assert "cuts" in repr(engine)
        assert engine._gate.width.cuts > 0
    assert {a.outcome for a in answers} == {ChatOutcome.OK}


async def test_requests_per_minute_are_kept(server):
    """At 600 a minute, six requests are a tenth of a second apart."""
    await ask_all(settings(server, requests_per_min=600), [f"q{n}" for n in range(6)])
    assert server.log[-1].at - server.log[0].at >= 0.45


async def test_tokens_per_minute_count_what_was_used(server):
    """A worst case of some 300 tokens is held for each question, and what it did not use is given back."""
    told = settings(server, tokens_per_min=6000, concurrency=1)
    async with ChatEngine(told) as engine, asyncio.timeout(15):  # at their worst they would take 22 s
        for n in range(10):
            await engine.ask(question(f"q{n}"))
    used = sum(server.tokens()) / 10 * 9  # before the last one
    assert server.log[-1].at - server.log[0].at >= used / 100 - 0.05


# wrong requests


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("401", "127.0.0.1 does not accept the key in PIXMO_TEST_KEY"),
        ("404", "127.0.0.1 has no model 'm'"),
        ("402", "no money or quota is left"),
        ("429:quota", "no money or quota is left"),
        ("html", "answers with a web page"),
        ("405", "is no chat API"),
    ],
)
async def test_what_is_wrong_for_all_ends_the_run_at_once(server, fault, told):
    """One line that names it; what waits is not sent."""
    server.script, server.latency_s = [fault] * 99, 0.01
    async with ChatEngine(settings(server, concurrency=2)) as engine:
        asked = [engine.ask(question(f"q{n}")) for n in range(20)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(a, PixmoError) and told in str(a) and "\n" not in str(a) for a in answers)
    assert server.times() <= 2


async def test_nobody_there_is_told_by_address():
    """A port where nothing listens, on the first question."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(PixmoError, match=rf"^{url} cannot be reached"):
            await ask(ChatSettings("m", base_url=url, retry_base_s=0.01))


async def test_a_web_page_in_the_middle_may_pass(server):
    """Once the endpoint has spoken, a page of a proxy is a server error that is tried again."""
    server.script = ["ok", "html"]
    async with ChatEngine(settings(server)) as engine:
        await engine.ask(question("first"))
        assert (await engine.ask(question("second"))).value == "second"


async def test_a_key_that_is_missing_is_named_before_anything_is_sent(monkeypatch):
    """For an endpoint that is not one's own."""
    monkeypatch.delenv("PIXMO_TEST_KEY", raising=False)
    with pytest.raises(PixmoError, match=r"set the environment variable PIXMO_TEST_KEY"):
        await ask(ChatSettings("m", base_url="https://chat.example/v1", key_env="PIXMO_TEST_KEY"))


async def test_a_key_does_not_travel_readable(monkeypatch):
    """Not over http to another's host."""
    monkeypatch.setenv("PIXMO_TEST_KEY", "sk-very-secret")
    with pytest.raises(PixmoError, match="use https"):
        await ask(ChatSettings("m", base_url="http://chat.example/v1", key_env="PIXMO_TEST_KEY"))


async def test_the_key_is_sent_and_never_told(server, monkeypatch, caplog):
    """Not in facts, details, errors or logs, even when the endpoint repeats it."""
    caplog.set_level("DEBUG")
    monkeypatch.setenv("PIXMO_TEST_KEY", "sk-very-secret")
    server.answer, server.key = (lambda body: "your key is sk-very-secret"), "sk-very-secret"
    async with ChatEngine(settings(server)) as engine:
        answer = await engine.ask(question("which key"))
        server.key = "another"
        with pytest.raises(PixmoError) as told:
            await engine.ask(question("again"))
    assert set(server.authorizations) == {"Bearer sk-very-secret"}
    assert answer.value == "your key is [key]"
    for text in (repr(answer), repr(engine), str(told.value), caplog.text):
        assert "sk-very-secret" not in text


# money


async def test_a_budget_is_never_passed(server):
    """Time-outs, spoiled answers, repairs: what the server may charge stays within what is counted, and that in the budget."""
    server.shares = {"hang": 0.05, "malformed": 0.1, "500": 0.1}
    told = settings(server, budget_usd=20.0, timeout_s=0.1, **PRICES)
    async with ChatEngine(told) as engine:
        asked = (engine.ask(question(f"question {n}"), check=lambda text: "no") for n in range(200))
        answers = await asyncio.gather(*asked, return_exceptions=True)
    hung = sum(seen.fault == "hang" for seen in server.log)
    charged = sum(server.tokens()) * 0.001 + hung * 0.1
    assert charged <= engine.budget.spent <= 20.0
    assert {type(a) for a in answers if isinstance(a, BaseException)} == {BudgetSpent}
    assert sum(not isinstance(a, BaseException) for a in answers) > 10


async def test_a_question_that_cannot_fit_is_not_sent(server):
    """Its worst case is more than the whole budget."""
    with pytest.raises(BudgetSpent, match=r"the budget of 0[.]01 USD is spent"):
        await ask(settings(server, budget_usd=0.01, **PRICES))
    assert server.times() == 0


async def test_a_small_budget_is_used_up_one_after_the_other(server):
    """Room for one worst case at a time: the questions wait for each other and most are answered."""
    server.latency_s = 0.005
    told = settings(server, budget_usd=3.0, max_tokens=10, timeout_s=5, **PRICES)
    async with ChatEngine(told) as engine:
        answers = await asyncio.gather(*(engine.ask(question(f"q{n}")) for n in range(100)), return_exceptions=True)
    done = sum(not isinstance(a, BaseException) for a in answers)
    assert 0 < done < 100
    assert engine.budget.spent <= 3.0
    assert (engine.budget.held, engine.budget.holders) == (0.0, 0)


async def test_leaving_in_mid_flight_counts_the_worst_and_frees_the_place(server):
    """A cancelled request may have been charged."""
    server.script = ["hang"]
    async with ChatEngine(settings(server, timeout_s=9, budget_usd=9, **PRICES)) as engine:
        asked = asyncio.create_task(engine.ask(question("a")))
        while not server.in_flight:  # noqa: ASYNC110 – the server lives in another thread
            await asyncio.sleep(0.01)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert engine.budget.spent >= 0.1
        assert (engine.budget.held, engine._gate.in_flight) == (0.0, 0)
