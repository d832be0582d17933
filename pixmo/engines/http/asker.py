"""One question over the wire: a request, its headers judged, its body within bounds. Redirects are the caller's."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohttp
from multidict import istr

from pixmo.ask import Outcome
from pixmo.engines.http.body import LARGE, LARGE_AT_ONCE, Meter, decoded, is_encoded
from pixmo.engines.http.connector import make_connector, make_session, tls_context
from pixmo.engines.http.consent import optout
from pixmo.engines.http.flight import CURRENT, Flight, Phase, Watch
from pixmo.engines.http.guard import Guard, Refusal, Target
from pixmo.engines.http.proxies import Proxies
from pixmo.engines.http.resolve import NameCache, NameTrouble, NoSuchHost, VettedResolver
from pixmo.engines.http.settings import HttpSettings
from pixmo.engines.http.verdicts import REDIRECTS, of_exception, of_status, retry_after_s

log = logging.getLogger(__name__)

DRAIN = 2**16  # bytes of an unwanted body that are read to keep its connection
CLOSE_S = 0.5  # for saying goodbye at the end

_ENCODING, _LOCATION, _RETRY_AFTER, _TYPE, _LENGTH = map(
    istr, ("Content-Encoding", "Location", "Retry-After", "Content-Type", "Content-Length")
)
_KEPT = ((_TYPE, "content_type"), (istr("ETag"), "etag"), (istr("Last-Modified"), "last_modified"))


class Attempt(NamedTuple):
    """How one request went. `facts` are plain JSON; `location` is set for a redirect that names a place."""

    outcome: Outcome
    facts: dict[str, Any]
    body: bytes | None = None
    location: str | None = None
    retry_after: float | None = None

    @property
    def status(self) -> int | None:
        """The HTTP status, where there was one."""
        return self.facts.get("status")

    @property
    def detail(self) -> str:
        """One line, maybe empty."""
        return str(self.facts.get("detail", ""))


class Asker:
    """The session of this process and all it needs. Made and closed inside the running loop."""

    def __init__(
        self,
        settings: HttpSettings,
        guard: Guard,
        names: NameCache,
        clock: Callable[[], float],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings, self._guard, self._names, self._clock = settings, guard, names, clock
        self.watch = Watch(settings, clock)
        self._proxies = Proxies() if settings.trust_env else None
        self._extra = settings.extra_headers()
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._meter = Meter(settings.max_mbit) if settings.max_mbit else None
        self._connector = make_connector(settings, VettedResolver(names, guard, _is_proxied), clock)
        self._tls = tls
        self._surprises: set[type[Exception]] = set()
        self._session = make_session(settings, self._connector)

    async def close(self) -> None:
        """Closes all connections, without waiting for slow peers."""
        self.watch.close()
        await self._names.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connector.close(abort_ssl=True)
        except TimeoutError:
            log.info("connections left behind")
        await self._session.close()

    async def ask(self, target: Target, *, heed_optout: bool = True) -> Attempt:
        """The answer of this URL to one GET. Cancelled by the watch it is an outcome, by others it is cancelled."""
        task = asyncio.current_task()
        assert task is not None  # coroutines run in tasks
        flight = Flight(task, self._clock())
        CURRENT.set(flight)
        self.watch.add(flight)
        try:
            return await self._ask(target, flight, heed_optout)
        except asyncio.CancelledError:
            if flight.late is None:
                raise
            task.uncancel()
            return _failed(flight, flight.late)
        except Exception as error:  # noqa: BLE001  # the border to aiohttp: what hostile bytes raise ends a row, not the run
            return _failed(flight, self._explain(error, flight))
        finally:
            self.watch.remove(flight)

    def _explain(self, error: Exception, flight: Flight) -> Refusal:
        found = of_exception(error, in_body="status" in flight.facts)
        if found is None:
            kind = type(error)
            log.warning("unexpected error of the HTTP client", exc_info=kind not in self._surprises)
            self._surprises.add(kind)  # one traceback of each kind says it all
            found = Refusal(Outcome.RESET, f"{type(error).__name__}: {error}"[:200])
        return found

    async def _ask(self, target: Target, flight: Flight, heed_optout: bool) -> Attempt:
        proxy = self._proxies.of(target.url) if self._proxies else None
        if proxy is not None:
            if refusal := await self._judge_behind_proxy(target):
                return _failed(flight, refusal)
            flight.proxied = True
        headers = self._headers_for(target) if self._extra else None
        tls = True if target.url.scheme == "http" else self._tls or tls_context()
        response = await self._session.get(target.url, headers=headers, allow_redirects=False, proxy=proxy, ssl=tls)
        try:
            return await self._take(response, flight, heed_optout)
        finally:
            if not response.closed:  # it is, where the body was read to its end
                response.close()

    def _headers_for(self, target: Target) -> dict[str, str] | None:
        """The user's headers for this host, or this host and port."""
        return self._extra.get(target.host) or self._extra.get(f"{target.host}:{target.url.port}")

    async def _judge_behind_proxy(self, target: Target) -> Refusal | None:
        try:
            found = await self._names(target.host) if target.address is None else ()
        except (NoSuchHost, NameTrouble):
            return None  # this machine cannot know; the proxy resolves and connects
        if found and not any(self._guard.admits(target.host, address) for address in found):
            return Refusal(Outcome.REFUSED_ADDRESS, ", ".join(found[:3]))
        return None

    async def _take(self, response: aiohttp.ClientResponse, flight: Flight, heed_optout: bool) -> Attempt:
        flight.enter(Phase.BODY, self._clock())
        headers, status, facts = response.headers, response.status, flight.facts
        facts["status"] = status
        for name, key in _KEPT:
            if (value := headers.get(name)) is not None:
                facts[key] = _text(value[:300])
        if 200 <= status < 300:
            if status == 206:  # nobody asked for a part
                return _failed(flight, Refusal(Outcome.TRUNCATED, "206, a part"))
            return await self._take_body(response, flight, heed_optout)
        await self._drain(response, flight)
        if status in REDIRECTS and _LOCATION in headers:
            return Attempt(Outcome.BAD_REDIRECT, facts, location=headers[_LOCATION])
        wait = retry_after_s(headers) if status in (429, 503) else None
        if wait is not None:
            facts["retry_after"] = wait
        if status == 503 or 300 <= status < 400:
            facts["detail"] = f"{status}"
        return Attempt(of_status(status, says_when=wait is not None), facts, retry_after=wait)

    async def _take_body(self, response: aiohttp.ClientResponse, flight: Flight, heed_optout: bool) -> Attempt:
        headers, facts, limit = response.headers, flight.facts, self._settings.max_bytes
        said = optout(headers.getall, self._settings.agent_token)
        if said is not None:
            facts["optout"] = _text(said)
            if heed_optout:
                await self._drain(response, flight)
                return Attempt(Outcome.OPTED_OUT, facts)
        declared = response.content_length
        if declared is not None:
            facts["declared"] = declared
            if declared > limit:
                facts["cut_at"] = limit
                return _failed(flight, Refusal(Outcome.TOO_LARGE, f"declares {declared} bytes"))
        data = await self._read(response, flight, declared or 0)
        facts["size"] = flight.size
        encoding = headers.get(_ENCODING)
        if encoding is not None and is_encoded(encoding) and isinstance(data, bytes) and data:
            data = decoded(data, encoding, limit)
        if isinstance(data, Refusal):
            if data.outcome is Outcome.TOO_LARGE:
                facts["cut_at"] = limit
            return _failed(flight, data)
        return Attempt(Outcome.OK, facts, data) if data else Attempt(Outcome.EMPTY, facts)

    async def _read(self, response: aiohttp.ClientResponse, flight: Flight, declared: int) -> bytes | Refusal:
        """The body, counted as it comes."""
        content, chunks, limit, has_token = response.content, [], self._settings.max_bytes, False
        try:
            if declared > LARGE:
                has_token = await self._hold(flight, self._large.acquire())
            while data := await content.readany():
                chunks.append(data)
                flight.size += len(data)
                if flight.size > limit:
                    return Refusal(Outcome.TOO_LARGE, f"more than {limit} bytes")
                if flight.size > LARGE and not has_token:
                    has_token = await self._hold(flight, self._large.acquire())
                if self._meter is not None and (due := self._meter.due(len(data), self._clock())) > 0.01:
                    await self._hold(flight, asyncio.sleep(due))
            return b"".join(chunks) if len(chunks) != 1 else chunks[0]
        finally:
            if has_token:
                self._large.release()

    async def _hold(self, flight: Flight, wait: Any) -> bool:  # Any: an awaitable of whatever
        flight.hold(self._clock())
        await wait
        flight.go_on(self._clock())
        return True

    async def _drain(self, response: aiohttp.ClientResponse, flight: Flight) -> None:
        """Reads a short rest so that the connection can be used again; closes it otherwise. Changes no outcome."""
        content = response.content
        if content.at_eof() or (response.content_length or 0) > DRAIN:
            return
        flight.enter(Phase.DRAIN, self._clock())
        left = DRAIN
        try:
            while left > 0 and (data := await content.readany()):
                left -= len(data)
        except asyncio.CancelledError:
            if flight.late is None:
                raise
            flight.task.uncancel()
        except (aiohttp.ClientError, OSError):
            return  # the status came, and that is what counts; the caller closes the connection


def _failed(flight: Flight, why: Refusal) -> Attempt:
    if flight.size:
        flight.facts["size"] = flight.size
    if why.detail:
        flight.facts["detail"] = why.detail
    return Attempt(why.outcome, flight.facts)


def _text(value: str) -> str:
    """A header's value as text that can be written: bytes that are no UTF-8 become replacement characters."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_proxied() -> bool:
    flight = CURRENT.get()
    return flight is not None and flight.proxied
