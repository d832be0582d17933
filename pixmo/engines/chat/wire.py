"""What goes over the wire: the body of a request, and what its answer says. Nothing is sent here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pixmo.ask import ChatOutcome
from pixmo.engines.chat.estimate import REASON_CHARS
from pixmo.engines.chat.question import ChatQuestion, Message
from pixmo.engines.chat.settings import OPENAI, ChatSettings
from pixmo.engines.chat.shape import parse_schema

DETAIL_CHARS = 300


class NoCompletion(Exception):
    """Bytes that are no completion; `str` says what they are instead."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said, with what the endpoint said about it; tokens are None where it did not tell."""

    text: str
    refusal: str
    finish_reason: str
    model: str
    tokens_in: int | None
    tokens_out: int | None
    system_fingerprint: str | None
    request_id: str | None = None

    @property
    def outcome(self) -> ChatOutcome:
        """OK when there is a text to judge."""
        if self.refusal or self.finish_reason == "content_filter":
            return ChatOutcome.REFUSED
        return ChatOutcome.CUT if self.finish_reason == "length" else ChatOutcome.OK


def parameters(settings: ChatSettings) -> dict[str, Any]:
    """What is sent beside messages and schema, the same for all questions."""
    # OpenAI's own newer models refuse the old name; most other servers know only that
    limit = "max_completion_tokens" if settings.base_url.rstrip("/") == OPENAI else "max_tokens"
    told = {"model": settings.model, limit: settings.max_tokens}
    optional = {"temperature": settings.temperature, "top_p": settings.top_p, "seed": settings.seed}
    return told | {name: value for name, value in optional.items() if value is not None}


def body_of(settings: ChatSettings, question: ChatQuestion, messages: tuple[Message, ...]) -> dict[str, Any]:
    """The body of a request for `messages`: the question's own, or those of its repair."""
    told = [{"role": m.role, "content": m.content} for m in messages]
    body = parameters(settings) | {"messages": told}
    if question.draw and settings.seed is not None:
        body["seed"] = settings.seed + question.draw
    if not question.schema:
        return body
    if settings.structured == "json_schema":
        shape = {"name": question.schema_name, "schema": parse_schema(question.schema), "strict": True}
        return body | {"response_format": {"type": "json_schema", "json_schema": shape}}
    asked = len(question.messages) - 1  # the schema belongs to the question, not to a repair
    told[asked]["content"] += f"\n\nAnswer with JSON of this JSON Schema, and nothing else:\n{question.schema}"
    return body | ({"response_format": {"type": "json_object"}} if settings.structured == "json_object" else {})


def repair(messages: tuple[Message, ...], text: str, why: str) -> tuple[Message, ...]:
    """The messages that ask once more, after an answer that was not what was asked."""
    reason = why if len(why) <= REASON_CHARS else why[: REASON_CHARS - 1] + "…"
    told = f"That answer cannot be used: {reason}.\nGive the whole answer again, corrected, and nothing beside it."
    return (*messages, Message("assistant", text), Message("user", told))


def completion_of(body: bytes, request_id: str | None = None) -> Completion:
    """The completion these bytes are. Raises NoCompletion."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise NoCompletion("HTML" if looks_like_html(body) else f"no JSON ({len(body)} bytes)") from None
    try:
        choice = said["choices"][0]
        message, usage = choice["message"], said.get("usage") or {}
        return Completion(
            text=_text(message.get("content")),
            refusal=_text(message.get("refusal")),
            finish_reason=_text(choice.get("finish_reason")),
            model=_text(said.get("model")),
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
            system_fingerprint=_text(said.get("system_fingerprint")) or None,
            request_id=_text(request_id or said.get("id"))[:200] or None,
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        raise NoCompletion(f"JSON that is no completion: {one_line(body.decode('utf-8', 'replace'))}") from None


def looks_like_html(body: bytes) -> bool:
    """Whether a body begins as web pages do."""
    return body[:200].lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml"))


def one_line(text: str) -> str:
    """The text in one line of bearable length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * DETAIL_CHARS]).split())
    return line if len(line) <= DETAIL_CHARS else line[: DETAIL_CHARS - 1] + "…"


def _text(value: object) -> str:
    """A string that can be written: half characters become question marks."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("no string")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None
