"""Answers kept by Ai2's script: how they are called, and what is in them."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from pixmo.errors import BadSource
from pixmo.judge.ai2_cache import ai2_completion, ai2_file_names, ai2_key

MESSAGES = [{"role": "user", "content": "a “b”"}]


@pytest.mark.parametrize(
    ("message", "kwargs", "told"),
    [
        ("a “b”", {}, "m::::a “b”"),
        (MESSAGES, {}, 'm::::[{"role": "user", "content": "a \\u201cb\\u201d"}]'),
        ("a “b”", {"temperature": 0}, 'm::::"a \\u201cb\\u201d"::::{"temperature": 0}'),
        (
            MESSAGES,
            {"top_p": 1, "seed": 2},
            'm::::[{"role": "user", "content": "a \\u201cb\\u201d"}]::::{"seed": 2, "top_p": 1}',
        ),
    ],
)
def test_a_key_is_the_digest_of_model_message_and_parameters(
    message: object, kwargs: dict[str, object], told: str
) -> None:
    """A plain prompt stands as it is when nothing was sent with it, else as JSON."""
    assert ai2_key("m", message, kwargs) == sha256(told.encode()).hexdigest()  # type: ignore[arg-type]


def test_an_answer_is_looked_for_as_it_was_asked() -> None:
    """With temperature 0, or, as repetition was, without any parameter."""
    asked, repetition = ai2_file_names("m", "p")
    assert asked == sha256(b'm::::"p"::::{"temperature": 0}').hexdigest() + "-v1.json"
    assert repetition == sha256(b"m::::p").hexdigest() + "-v1.json"


def test_a_kept_completion_tells_text_model_and_tokens() -> None:
    """Tokens that are not told are unknown."""
    told = {"choices": [{"message": {"content": "1. Stated"}}], "model": "gpt-4o-2024-05-13"}
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": None}
    assert ai2_completion(json.dumps(told | {"usage": usage}).encode(), "x") == {
        "text": "1. Stated", "model": "gpt-4o-2024-05-13", "tokens_in": 10, "tokens_out": 3,
    }  # fmt: skip
    assert ai2_completion(json.dumps(told).encode(), "x")["tokens_in"] is None


def test_a_kept_completion_can_be_written_whatever_is_in_it() -> None:
    """Halves of characters become question marks, impossible numbers unknown."""
    told = {
        "choices": [{"message": {"content": "1. Stated \ud800"}}],
        "model": "m\udfff",
        "usage": {"prompt_tokens": 10**30},
    }
    found = ai2_completion(json.dumps(told).encode(), "x")
    assert (found["text"], found["model"], found["tokens_in"]) == ("1. Stated ?", "m?", None)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}', b"\xff"]
)
def test_a_damaged_file_is_told_by_name(data: bytes) -> None:
    """What to do about it too."""
    with pytest.raises(BadSource, match=r"abc-v1\.json: no completion .* delete the file"):
        ai2_completion(data, "abc-v1.json")
