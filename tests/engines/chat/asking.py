"""How these tests ask: impatient settings with prices, one question of a text."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pixmo.ask import Answer
from pixmo.engines.chat.engine import ChatEngine
from pixmo.engines.chat.question import ChatQuestion, Message
from pixmo.engines.chat.settings import ChatSettings
from tests.server.chat import ChatServer

SCHEMA = (
    '{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false}'
)


def settings(server: ChatServer, **changes: Any) -> ChatSettings:
    """For this server, with changes."""
    given: dict[str, Any] = {
        "model": "m",
        "max_tokens": 100,
        "timeout_s": 0.3,
        "retries": 3,
        "retry_base_s": 0.02,
        "key_env": "PIXMO_TEST_KEY",
    }
    return ChatSettings(**(given | {"base_url": server.base_url} | changes))


def question(text: str, schema: str = "", **more: Any) -> ChatQuestion:
    """One that says this."""
    return ChatQuestion((Message("user", text),), schema=schema, **more)


async def ask_all(told: ChatSettings, texts: Sequence[str], **more: Any) -> list[Answer[str]]:
    """The answers to all of them, asked at once."""
    async with ChatEngine(told) as engine:
        return await asyncio.gather(*(engine.ask(question(text), **more) for text in texts))


async def ask(told: ChatSettings, text: str = "what is it", schema: str = "", **more: Any) -> Answer[str]:
    """The answer to one question."""
    async with ChatEngine(told) as engine:
        return await engine.ask(question(text, schema), **more)
