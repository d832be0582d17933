"""What comes back for what an endpoint says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pixmo.ask import ChatOutcome
from pixmo.engines.chat.engine import ChatEngine
from pixmo.engines.chat.question import ChatQuestion, Message
from tests.engines.chat.asking import SCHEMA, ask, ask_all, question, settings
from tests.server.chat import Body, ChatServer


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A chat server that repeats what the user said."""
    with ChatServer() as running:
        yield running


async def test_an_answer_tells_all_that_made_it(server):
    """The facts are plain JSON: text, model as answered, prompt, parameters, tokens, cost, ids, tries."""
    told = settings(server, temperature=0.5, seed=7, usd_per_mtok_in=1, usd_per_mtok_out=10)
    async with ChatEngine(told) as engine:
        answer = await engine.ask(question("a red cup", prompt="caption@12ab"))
    assert (answer.outcome, answer.value, answer.detail) == (ChatOutcome.OK, "a red cup", "")
    assert json.loads(json.dumps(answer.facts)) == {
        "text": "a red cup",
        "model": "m-0001",
        "prompt": "caption@12ab",
        "params": {"model": "m", "max_tokens": 100, "temperature": 0.5, "seed": 7, "structured": "none"},
        "tokens_in": 7,
        "tokens_out": 3,
        "cost_usd": pytest.approx(37e-6),
        "finish_reason": "stop",
        "tries": 1,
        "repaired": False,
        "request_id": "req_test",
        "system_fingerprint": "fp_test",
    }
    assert answer.cost == pytest.approx(37e-6)


async def test_without_a_price_there_is_no_cost(server):
    """Null, not nothing."""
    answer = await ask(settings(server))
    assert answer.facts["cost_usd"] is None
    assert answer.cost == 0.0


async def test_tokens_that_are_not_told_are_unknown_and_paid_at_their_worst(server):
    """Some servers tell no usage: tokens are null, and what it may have cost stands apart."""
    server.tells_usage = False
    answer = await ask(settings(server, usd_per_mtok_in=0, usd_per_mtok_out=10))
    assert (answer.facts["tokens_in"], answer.facts["tokens_out"], answer.facts["cost_usd"]) == (None, None, 0.0)
    assert answer.facts["unsure_usd"] == answer.cost == pytest.approx(100 * 10 / 1e6)


@pytest.mark.parametrize(
    ("fault", "outcome", "detail"),
    [
        ("refusal", ChatOutcome.REFUSED, "I cannot help with that."),
        ("filtered", ChatOutcome.REFUSED, ""),
        ("cut", ChatOutcome.CUT, ""),
        ("400", ChatOutcome.CLIENT_ERROR, "400: This request is too long."),
        ("403", ChatOutcome.FORBIDDEN, "403: The server had an error."),
        ("422", ChatOutcome.CLIENT_ERROR, "422: The server had an error."),
    ],
)
async def test_what_will_not_change_is_asked_once(server, fault, outcome, detail):
    """A refusal, a full answer and a bad request are what they are."""
    server.script = [fault]
    answer = await ask(settings(server))
    assert (answer.outcome, answer.value, answer.detail) == (outcome, None, detail)
    assert server.times() == 1


async def test_what_was_said_before_a_cut_is_kept(server):
    """An answer that reached its length was paid: its text stands in the facts."""
    answer = await ask(settings(server, max_tokens=1), "a long description")
    assert (answer.outcome, answer.facts["text"], answer.facts["finish_reason"]) == (ChatOutcome.CUT, "a lo", "length")


# shapes


def of_shape(body: Body) -> str:
    """An answer of the asked shape."""
    return '{"a": 1}'


@pytest.mark.parametrize("fault", ["prose", "wrong_schema"])
async def test_an_answer_of_another_shape_is_repaired_once(server, fault):
    """The model gets its answer back with the reason, in the same conversation."""
    server.answer, server.script = of_shape, [fault]
    answer = await ask(settings(server), "how many", SCHEMA)
    assert (answer.outcome, answer.value, answer.facts["repaired"]) == (ChatOutcome.OK, '{"a": 1}', True)
    assert (answer.facts["tries"], server.times()) == (2, 2)
    first, second = (seen.body["messages"] for seen in server.log)
    assert [m["role"] for m in second] == ["user", "assistant", "user"]
    assert second[:1] == first
    assert "cannot be used" in second[2]["content"]


async def test_tokens_and_cost_of_a_repair_are_added(server):
    """Both answers are paid."""
    server.answer, server.script = of_shape, ["prose"]
    answer = await ask(settings(server, usd_per_mtok_in=1, usd_per_mtok_out=1), "how many", SCHEMA)
    assert (answer.facts["tokens_in"], answer.facts["tokens_out"]) == server.tokens()
    assert answer.cost == pytest.approx(sum(server.tokens()) / 1e6)


async def test_a_second_answer_of_another_shape_is_unparsable_and_kept(server):
    """Its raw text stands in the facts, its fault in the detail."""
    server.script = ["prose", "prose"]
    answer = await ask(settings(server), "how many", SCHEMA)
    assert (answer.outcome, answer.value) == (ChatOutcome.UNPARSABLE, None)
    assert answer.facts["text"] == "Here you are: nothing"
    assert answer.detail.startswith("it is no JSON")
    assert server.times() == 2


async def test_a_check_of_the_caller_is_told_to_the_model(server):
    """What the check says is the reason the model gets."""
    answers = iter(["I see a cup", "A cup"])
    server.answer = lambda body: next(answers)
    answer = await ask(settings(server), check=lambda text: "it speaks of itself" if "I see" in text else "")
    assert (answer.value, answer.facts["repaired"]) == ("A cup", True)
    assert "it speaks of itself" in server.log[1].body["messages"][-1]["content"]


async def test_an_empty_answer_is_not_taken(server):
    """Spaces are no answer, with a schema or without."""
    server.answer = lambda body: "  "
    answer = await ask(settings(server))
    assert (answer.outcome, answer.detail) == (ChatOutcome.UNPARSABLE, "it is empty")


async def test_a_code_fence_is_no_fault(server):
    """JSON in Markdown is JSON; the text is told as it is used."""
    server.answer = lambda body: '```json\n{"a": 2}\n```'
    answer = await ask(settings(server), "how many", SCHEMA)
    assert (answer.value, answer.facts["text"], server.times()) == ('{"a": 2}', '{"a": 2}', 1)


@pytest.mark.parametrize(
    ("structured", "kind"), [("json_schema", "json_schema"), ("json_object", "json_object"), ("none", None)]
)
async def test_a_schema_is_sent_as_the_endpoint_takes_it(server, structured, kind):
    """By the API, as any JSON, or in words only; in words wherever the API does not carry it."""
    server.answer = of_shape
    await ask(settings(server, structured=structured), "how many", SCHEMA)
    body = server.log[0].body
    assert body.get("response_format", {}).get("type") == kind
    assert (SCHEMA in body["messages"][0]["content"]) == (structured != "json_schema")
    if kind == "json_schema":
        assert body["response_format"]["json_schema"] == {
            "name": "answer", "schema": json.loads(SCHEMA), "strict": True,
        }  # fmt: skip


async def test_text_that_cannot_be_written_is_mended(server):
    """Half a surrogate pair in an answer would break every file it is written to."""
    server.answer = lambda body: "a cup \ud83d"
    assert (await ask(settings(server))).value == "a cup ?"


async def test_what_is_not_set_is_not_sent(server):
    """None leaves a parameter to the model."""
    await ask(settings(server, temperature=None))
    assert server.log[0].body.keys() == {"model", "messages", "max_tokens"}


# keys


def key(told, asked: ChatQuestion) -> str:
    """The name of a question."""
    return ChatEngine(told).key(asked)


def test_a_key_is_of_all_that_changes_the_answer(server):
    """Model, parameters, messages, roles, schema and its name."""
    told, plain = settings(server), question("a")
    others = [
        key(settings(server, model="n"), plain), key(settings(server, temperature=1), plain),
        key(settings(server, max_tokens=9), plain), key(settings(server, seed=1), plain),
        key(settings(server, top_p=0.5), plain), key(settings(server, base_url="http://h/v1"), plain),
        key(told, question("b")), key(told, question("a", "{}")), key(told, question("a", "{}", schema_name="x")),
        key(told, ChatQuestion((Message("system", "a"),))), key(told, plain),
    ]  # fmt: skip
    assert len(set(others)) == len(others)


def test_a_key_is_of_nothing_else(server):
    """Effort, prices, the port of a server that was started again, and what the question tells about itself."""
    told, plain = settings(server), question("a")
    same = [
        key(settings(server, concurrency=1, timeout_s=9, retries=0, retry_base_s=1, key_env="X"), plain),
        key(settings(server, usd_per_mtok_in=1, usd_per_mtok_out=1, budget_usd=1, tokens_per_min=9), plain),
        key(settings(server, base_url="http://127.0.0.1:1/v1"), plain),
        key(told, question("a", prompt="p@1", about=("x",))),
    ]
    assert set(same) == {key(told, plain)}


async def test_many_are_asked_at_once_but_no_more_than_allowed(server):
    """With four places, forty questions are asked four at a time."""
    server.latency_s = 0.02
    answers = await ask_all(settings(server, concurrency=4, timeout_s=5), [f"q{n}" for n in range(40)])
    assert [a.value for a in answers] == [f"q{n}" for n in range(40)]
    assert (server.most_in_flight, server.times()) == (4, 40)


async def test_another_draw_is_another_question(server):
    """Asked again on purpose, a question has another name, and the next seed where one is sent."""
    first = question("q")
    again = replace(first, draw=2)
    async with ChatEngine(settings(server, seed=5)) as engine:
        assert engine.key(first) != engine.key(again)
        await engine.ask(first)
        await engine.ask(again)
    assert [seen.body["seed"] for seen in server.log] == [5, 7]


async def test_a_lenient_question_takes_any_json(server):
    """Parts that are wrong are whoever asked's to find; what is no JSON is repaired all the same."""
    server.script = ["wrong_schema", "prose", "wrong_schema"]
    asked = replace(question("q", SCHEMA), strict=False)
    async with ChatEngine(settings(server)) as engine:
        answer = await engine.ask(asked)
        other = await engine.ask(replace(asked, draw=1))
    assert (answer.outcome, answer.facts["repaired"]) == (ChatOutcome.OK, False)
    assert (other.outcome, other.facts["repaired"]) == (ChatOutcome.OK, True)
