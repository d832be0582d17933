"""The connections of this process: one TLS context, one pool, one session, no clocks of their own."""

from __future__ import annotations

import resource
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any

import aiohttp

from pixmo.engines.http.flight import CURRENT, Phase
from pixmo.engines.http.resolve import VettedResolver
from pixmo.engines.http.settings import HttpSettings

BUFFER = 2**18  # bytes aiohttp holds of a body before it stops reading; a picture of usual size never stops it
IDLE_HOSTS = 2048  # with connections kept open, some 15 kB each
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)  # the watch has them


@cache
def tls_context() -> ssl.SSLContext:
    """The one TLS context of this process: loading the certificates costs more than a handshake."""
    return ssl.create_default_context()


class Connector(aiohttp.TCPConnector):
    """Tells the flight when its connection stands, and keeps no more idle hosts than the process has files for."""

    clock: Callable[[], float]
    idle_hosts: int

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # Any: aiohttp's own types
        """A connection from the pool or a new one; the flight's headers are waited for from here on."""
        connection = await super().connect(req, traces, timeout)
        flight = CURRENT.get()
        if flight is not None:
            flight.enter(Phase.HEAD, self.clock())
        return connection

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        # aiohttp has no bound of its own: at 600 new hosts per second the default 15 s would hold 9,000 sockets
        crowded = len(self._conns) >= self.idle_hosts and key not in self._conns
        super()._release(key, protocol, should_close=should_close or crowded)


def make_connector(settings: HttpSettings, resolver: VettedResolver, clock: Callable[[], float]) -> Connector:
    """The pool; made inside the running loop."""
    connector = Connector(
        limit=0,  # politeness bounds what is in flight
        resolver=resolver,
        use_dns_cache=False,  # the resolver has a cache, and filters each time
        keepalive_timeout=15.0,
    )
    connector.clock = clock
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    spare = IDLE_HOSTS if files == resource.RLIM_INFINITY else (files - settings.concurrency - 64) // 2
    connector.idle_hosts = max(8, min(IDLE_HOSTS, spare))
    return connector


def make_session(settings: HttpSettings, connector: Connector) -> aiohttp.ClientSession:
    """A session without cookies, time-outs, decoding or retries of its own: all that is decided elsewhere."""
    session = aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            "User-Agent": settings.user_agent,
            "Accept": "image/*,*/*;q=0.8",
            "Accept-Encoding": "identity",
        },
        timeout=_NO_TIMEOUT,
        auto_decompress=False,
        trust_env=False,  # aiohttp would read ~/.netrc and the environment in a thread, per request
        read_bufsize=BUFFER,
        max_field_size=32_768,
        max_line_size=32_768,
    )
    # aiohttp asks again by itself, at once, when a kept connection turns out closed. That would be a request nobody
    # has paced: a host that resets everything would see twice the rate. Fetcher gives that try back, in its turn.
    session._retry_connection = False
    return session
