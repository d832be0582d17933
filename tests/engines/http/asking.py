"""How these tests ask: impatient settings, and all replies of a list of URLs by key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from pixmo.engines.http.fetch import Ask, Fetcher, Reply
from pixmo.engines.http.resolve import NoSuchHost
from pixmo.engines.http.settings import HttpSettings

IMPATIENT = HttpSettings(
    allow_hosts=("127.0.0.1",),
    requests_per_s=0,
    per_host=16,
    retries=1,
    retry_base_s=0.02,
    first_park_s=0.02,
    connect_timeout_s=2,
    first_byte_timeout_s=0.4,
    idle_timeout_s=0.4,
    total_timeout_s=5,
    speed_window_s=0.4,
    max_bytes=2_000_000,
    trust_env=False,
)


def settings(**changes: Any) -> HttpSettings:
    """The impatient settings with changes."""
    return replace(IMPATIENT, **changes)


async def loopback(host: str) -> Sequence[str]:
    """A resolver for which every name is here, except those under `.invalid`."""
    if host.endswith(".invalid"):
        raise NoSuchHost("no such host")
    return ["127.0.0.1"]


async def ask_all(urls: Iterable[str], limit_s: float = 20, **options: Any) -> dict[str, Reply]:
    """The replies of all URLs, each delivered exactly once. Options starting with a setting's name change settings."""
    of_fetcher = {k: options.pop(k) for k in ("owns", "resolve", "clock", "tls", "chance") if k in options}
    replies: dict[str, Reply] = {}

    def deliver(ask: Ask, reply: Reply) -> None:
        assert ask.key not in replies, f"delivered twice: {ask}"
        replies[ask.key] = reply

    of_fetcher.setdefault("resolve", loopback)
    asks = [Ask(url, url) for url in urls]
    async with Fetcher(settings(**options), deliver, **of_fetcher) as fetcher, asyncio.timeout(limit_s):
        fetcher.submit(asks)
        await fetcher.idle()
        assert fetcher.pending == 0
    return replies


async def ask(url: str, **options: Any) -> Reply:
    """The reply to one URL."""
    return (await ask_all([url], **options))[url]
