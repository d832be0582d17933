"""Tokens and money before anything is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.engines.chat.estimate import estimate, tokens_at_most, typical_tokens
from pixmo.engines.chat.question import Message
from pixmo.engines.chat.settings import ChatSettings
from tests.engines.chat.asking import ask_all, question, settings
from tests.server.chat import ChatServer

PRICES = {"usd_per_mtok_in": 1.0, "usd_per_mtok_out": 4.0}


@given(st.lists(st.text(max_size=50), min_size=1, max_size=3))
def test_at_most_is_more_than_all_bytes(texts):
    """No tokenizer makes more tokens of a text than it has bytes; and templates add some around each message."""
    messages = [Message("user", text) for text in texts]
    assert tokens_at_most(messages) >= sum(len(text.encode()) for text in texts) + 16 * len(texts)


def test_typical_is_typical():
    """Four ASCII characters to a token, one other character to one, four tokens around a message."""
    assert typical_tokens(question("a" * 400)) == 104
    assert typical_tokens(question("杯" * 10)) == 14


def test_an_estimate_is_of_all_questions():
    """Typical with the usual length of an answer; at most with every answer full and repaired."""
    told = estimate((question("a" * 400) for _ in range(10)), ChatSettings("m", max_tokens=100, **PRICES), usual_out=25)
    assert (told.questions, told.tokens_in, told.tokens_out) == (10, 1040, 250)
    assert told.usd == pytest.approx((1040 + 250 * 4) / 1e6)
    assert told.tokens_out_at_most == 2000
    assert told.usd_at_most == pytest.approx((told.tokens_in_at_most + 2000 * 4) / 1e6)


def test_without_a_price_only_tokens_are_told():
    """USD are None."""
    told = estimate([question("a")], ChatSettings("m", max_tokens=7))
    assert (told.tokens_out, told.usd, told.usd_at_most) == (7, None, None)


async def test_what_is_charged_is_within_the_estimate():
    """A real run, every answer repaired, costs no more than was told before."""
    with ChatServer() as server:
        told = settings(server, **PRICES)
        answers = await ask_all(told, [f"question {n}" for n in range(20)], check=lambda text: "say it otherwise")
        bound = estimate((question(f"question {n}") for n in range(20)), told)
        assert server.times() == 40
        assert sum(a.cost for a in answers) == pytest.approx(told.usd(*server.tokens()))
        assert told.usd(*server.tokens()) <= bound.usd_at_most
