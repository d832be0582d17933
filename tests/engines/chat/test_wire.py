"""Bytes of an endpoint are a completion, or are told for what they are."""

from __future__ import annotations

import json

import pytest

from pixmo.engines.chat.question import Message
from pixmo.engines.chat.settings import ChatSettings
from pixmo.engines.chat.wire import NoCompletion, completion_of, parameters, repair


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "no JSON"), (b"{", "no JSON"), (b"[" * 100_000, "no JSON"), (b"\xff\xfe\x00", "no JSON"),
        (b" <!DOCTYPE html><p>", "HTML"), (b"null", "JSON that is no completion"), (b"[]", "JSON that is no completion"),
        (b'{"choices": [{"message": {"content": 5}}]}', "JSON that is no completion"),
        (b'{"choices": [{"message": null}]}', "JSON that is no completion"),
        (b'{"error": "a\\nb"}', "JSON that is no completion"),
    ],
    ids=lambda v: str(v)[:20],
)  # fmt: skip
def test_what_is_no_completion_is_told_in_one_line(body, what):
    """Whatever the bytes are."""
    with pytest.raises(NoCompletion) as told:
        completion_of(body)
    assert str(told.value).startswith(what)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("tokens", [None, -1, "7", 1.5, True, 2**60])
def test_a_count_of_tokens_that_is_none_is_unknown(tokens):
    """Nobody pays for a negative number of tokens, or for true."""
    said = {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": tokens, "completion_tokens": 3}}
    completion = completion_of(json.dumps(said).encode())
    assert (completion.tokens_in, completion.tokens_out) == (None, 3)


def test_the_limit_of_tokens_has_two_names():
    """OpenAI's own newer models refuse the old one, other servers may not know the new one."""
    assert "max_completion_tokens" in parameters(ChatSettings("m"))
    assert "max_tokens" in parameters(ChatSettings("m", base_url="http://localhost/v1"))


def test_the_reason_of_a_repair_is_bounded():
    """A check that says much does not cost more than was held for the repair."""
    told = repair((Message("user", "q"),), "a", "x" * 10_000)[-1].content
    assert len(told) < 700
