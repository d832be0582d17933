"""Many names, each a site of its own: python many_hosts.py fetcher|bare PORT NAMES PICTURES IN_FLIGHT.

`fetcher` is pixmo's, through its Python face, with its politeness as it comes; `bare` is a plain aiohttp loop. Both
resolve every name to loopback without asking anybody. Prints one line of JSON: pictures, total_bytes, seconds.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

LOOPBACK = "127.0.0.1"


def urls(port: int, names: int, pictures: int) -> list[str]:
    """Picture n lies at name n modulo so many; names end in .test, which is no public suffix: each is a site."""
    return [f"http://h{n % names:04}.test:{port}/{n}" for n in range(pictures)]


async def with_fetcher(asked: list[str], in_flight: int) -> tuple[int, int]:
    """(pictures, bytes) through pixmo's fetcher."""
    from pixmo.ask import Outcome
    from pixmo.engines.http.fetch import Ask, Fetcher, Reply
    from pixmo.engines.http.settings import HttpSettings

    pictures = total = 0

    def deliver(ask: Ask, reply: Reply) -> None:
        nonlocal pictures, total
        if reply.outcome is Outcome.OK and reply.body is not None:
            pictures += 1
            total += len(reply.body)

    async def resolve(host: str) -> Sequence[str]:
        return [LOOPBACK]

    settings = HttpSettings(concurrency=in_flight, allow_hosts=(LOOPBACK,), trust_env=False)
    async with Fetcher(settings, deliver, resolve=resolve) as fetcher:
        fetcher.submit([Ask(url, url) for url in asked])
        await fetcher.idle()
    return pictures, total


class Loopback(AbstractResolver):
    """Every name is here."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Loopback."""
        return [ResolveResult(hostname=host, host=LOOPBACK, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


async def with_bare_loop(asked: list[str], in_flight: int) -> tuple[int, int]:
    """(pictures, bytes) through a plain loop."""
    waiting, sizes = iter(asked), []

    async def worker(session: aiohttp.ClientSession) -> None:
        for url in waiting:
            async with session.get(url) as response:
                sizes.append(len(await response.read()))

    connector = aiohttp.TCPConnector(limit=in_flight, resolver=Loopback())
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(worker(session) for _ in range(in_flight)))
    return len(sizes), sum(sizes)


def main(who: str, port: int, names: int, pictures: int, in_flight: int) -> None:
    """Fetches and says how long it took, start-up not counted."""
    asked = urls(port, names, pictures)
    run = {"fetcher": with_fetcher, "bare": with_bare_loop}[who]
    if who == "fetcher":
        import pixmo.engines.http.fetch  # noqa: F401  # its import is not the fetcher's speed
    start = time.monotonic()
    done, total = asyncio.run(run(asked, in_flight))
    print(json.dumps({"pictures": done, "total_bytes": total, "seconds": time.monotonic() - start}))


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:6]))
