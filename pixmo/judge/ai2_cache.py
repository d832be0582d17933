"""Answers that Ai2's script kept: `<data>/gpt4-cache/<key>-v1.json`, a whole completion each, named after what was asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pixmo.errors import BadSource

ASKED_WITH: Mapping[str, Any] = {
    "temperature": 0
}  # all questions but the one about repetition, which had no parameters


def ai2_key(model: str, message: str | list[dict[str, str]], kwargs: Mapping[str, Any] | None = None) -> str:
    """The name of an answer: `message` is a prompt or a list of messages, `kwargs` are the parameters sent with it."""
    if isinstance(message, str) and not kwargs:
        told = f"{model}::::{message}"
    elif not kwargs:
        told = f"{model}::::{json.dumps(message)}"
    else:
        told = f"{model}::::{json.dumps(message)}::::{json.dumps(dict(kwargs), sort_keys=True)}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def ai2_file_names(model: str, prompt: str) -> tuple[str, str]:
    """The files in which the answer to a prompt may stand: asked with temperature 0, and as repetition was asked."""
    return f"{ai2_key(model, prompt, ASKED_WITH)}-v1.json", f"{ai2_key(model, prompt)}-v1.json"


def ai2_completion(data: bytes, where: str) -> dict[str, Any]:
    """`text`, `model`, `tokens_in`, `tokens_out` of a kept completion. Raises BadSource for a damaged file."""
    try:
        told = json.loads(data)
        text, usage = told["choices"][0]["message"]["content"], told.get("usage") or {}
        if not isinstance(text, str):
            raise TypeError("no text")
        model = told.get("model")
        return {
            "text": _whole(text), "model": _whole(model) if isinstance(model, str) else None,
            "tokens_in": _count(usage.get("prompt_tokens")), "tokens_out": _count(usage.get("completion_tokens")),
        }  # fmt: skip
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise BadSource(f"{where}: no completion as Ai2's script keeps them; delete the file to ask anew") from None


def _whole(text: str) -> str:
    """The text with question marks for halves of characters, which JSON can write and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None
