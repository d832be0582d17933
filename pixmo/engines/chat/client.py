"""The connection to an endpoint: the `openai` client, with the key from the environment and no retries of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import PixmoError

if TYPE_CHECKING:
    import openai

NO_KEY = "none"  # sent where no key is needed: the client wants to have one
CONNECT_S = 20.0


def key_of(settings: ChatSettings) -> str:
    """The key, or '' where none is set and none is needed. Raises PixmoError where one is needed."""
    key = os.environ.get(settings.key_env, "").strip()
    if not key and not settings.is_own_host:
        raise PixmoError(f"no key for {settings.host}: set the environment variable {settings.key_env}")
    if key and not settings.is_own_host and settings.base_url.lower().startswith("http:"):
        raise PixmoError(
            f"the key in {settings.key_env} would travel readable to {settings.host}: use https in base_url"
        )
    if not (key.isascii() and key.isprintable()):
        raise PixmoError(f"the key in {settings.key_env} has characters that no key has: copy it again")
    return key


def open_client(settings: ChatSettings, key: str) -> openai.AsyncOpenAI:
    """A client to be closed by the caller. Its own clocks are for the connection; whole requests are timed by the caller."""
    import openai

    timeout = openai.Timeout(settings.timeout_s, connect=min(CONNECT_S, settings.timeout_s), pool=None)
    return openai.AsyncOpenAI(api_key=key or NO_KEY, base_url=settings.base_url, timeout=timeout, max_retries=0)
