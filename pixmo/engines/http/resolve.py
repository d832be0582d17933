"""Names to vetted addresses: a cache with negative answers, one question per name at a time, the connector's gate.

A `Resolve` is any `async (host) -> [address, …]` that raises NoSuchHost or NameTrouble; tests and special set-ups bring
their own. Addresses are filtered here for every new connection: a name that changes its mind (rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from aiohttp.abc import AbstractResolver, ResolveResult

from pixmo.engines.http.guard import Guard

TTL_S = 300.0  # getaddrinfo does not tell the record's own
NEGATIVE_TTL_S = 60.0
TROUBLE_TTL_S = 1.0  # a failing server is not asked by each of a thousand rows at once
CACHED_NAMES = 20_000
THREADS = 16


class NoSuchHost(OSError):
    """The name does not exist, or has no address."""


class NameTrouble(OSError):
    """The name could not be resolved now."""


class RefusedAddress(OSError):
    """The name leads to non-public addresses only."""


class Resolve(Protocol):
    """A resolver: the addresses of a host, as text."""

    async def __call__(self, host: str) -> Sequence[str]:
        """The addresses; raises NoSuchHost or NameTrouble."""


class SystemResolver:
    """`getaddrinfo` in daemon threads of its own: they neither hold up the process's end nor the loop's executor."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[str, asyncio.Future[list[str]]]] = queue.SimpleQueue()
        self._threads = 0
        self._open = 0

    async def __call__(self, host: str) -> list[str]:
        """The addresses of a host, IPv6 and IPv4, in the system's order."""
        future: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._open += 1
        if self._open > self._threads < THREADS:
            self._threads += 1
            threading.Thread(target=self._work, name="pixmo-dns", daemon=True).start()
        self._asked.put((host, future))
        try:
            return await future
        finally:
            self._open -= 1

    def _work(self) -> None:
        while True:
            host, future = self._asked.get()
            if future.cancelled():
                continue
            try:
                found: list[str] | OSError = addresses_now(host)
            except OSError as error:
                found = error
            try:
                future.get_loop().call_soon_threadsafe(_settle, future, found)
            except RuntimeError:  # the loop was closed meanwhile: nobody waits
                return


def addresses_now(host: str) -> list[str]:
    """`getaddrinfo`, blocking. Raises NoSuchHost or NameTrouble."""
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label over 63 bytes after IDNA
        raise NoSuchHost(str(error)) from error
    except socket.gaierror as error:
        kind = NoSuchHost if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else NameTrouble
        raise kind(error.strerror or str(error)) from error
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _settle(future: asyncio.Future[list[str]], found: list[str] | OSError) -> None:
    if future.done():
        return
    if isinstance(found, OSError):
        future.set_exception(found)
    else:
        future.set_result(found)


class _Known(NamedTuple):
    until: float
    found: Sequence[str] | OSError


class NameCache:
    """A Resolve with memory: answers for five minutes, "no such host" for one, and one question per name at a time."""

    def __init__(self, resolve: Resolve, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolve, self._clock = resolve, clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Sequence[str]]] = {}

    def __repr__(self) -> str:
        return f"NameCache({len(self._known)} names, {len(self._asking)} being asked)"

    async def __call__(self, host: str) -> Sequence[str]:
        """The addresses; raises what the resolver raised, also from memory."""
        known = self._known.get(host)
        if known and self._clock() < known.until:
            if isinstance(known.found, OSError):
                raise type(known.found)(*known.found.args)
            return known.found
        task = self._asking.get(host)
        if task is None:
            task = self._asking[host] = asyncio.create_task(self._ask(host))
            task.add_done_callback(lambda done: self._asked(host, done))
        return await asyncio.shield(task)  # who gives up waiting must not take the others' answer away

    async def _ask(self, host: str) -> Sequence[str]:
        return await self._resolve(host)

    def _asked(self, host: str, task: asyncio.Task[Sequence[str]]) -> None:
        self._asking.pop(host, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, OSError):
            return  # a bug in a resolver: whoever waits raises it
        ttl = TTL_S if error is None else NEGATIVE_TTL_S if isinstance(error, NoSuchHost) else TROUBLE_TTL_S
        self._known[host] = _Known(self._clock() + ttl, task.result() if error is None else error)
        self._known.move_to_end(host)
        if len(self._known) > CACHED_NAMES:
            self._known.popitem(last=False)

    async def close(self) -> None:
        """Gives up what is being asked."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class VettedResolver(AbstractResolver):
    """What the connector asks: only addresses that the guard admits. `exempt()` is true while the name is a proxy's."""

    def __init__(self, names: NameCache, guard: Guard, exempt: Callable[[], bool]) -> None:
        self._names, self._guard, self._exempt = names, guard, exempt

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Vetted addresses for aiohttp; raises RefusedAddress when none is left."""
        found = await self._names(host.rstrip("."))
        vetted = list(found) if self._exempt() else [a for a in found if self._guard.admits(host, a)]
        if not found:
            raise NoSuchHost("no address")
        if not vetted:
            raise RefusedAddress(", ".join(found[:3]))
        return [_result(host, port, address) for address in vetted]

    async def close(self) -> None:
        """Gives up what is being asked."""
        await self._names.close()


def _result(host: str, port: int, address: str) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
