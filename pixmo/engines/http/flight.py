"""One request in flight, and the watch over all of them: one coarse ticker instead of four timers per request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum, auto
from typing import Any

from pixmo.ask import Outcome
from pixmo.engines.http.guard import Refusal
from pixmo.engines.http.settings import HttpSettings

TICK_S = 0.25  # how late a time-out may come
DRAIN_S = 2.0  # how long the rest of an error page is read to keep its connection


class Phase(Enum):
    """What a flight waits for."""

    CONNECT = auto()  # name, connection, TLS
    HEAD = auto()  # the end of the headers
    BODY = auto()
    DRAIN = auto()  # the rest of a body nobody wants
    HELD = auto()  # us: a token or the bandwidth limit; no clock runs


class Flight:
    """The state of one request: what the watch looks at, and the facts gathered so far."""

    __slots__ = (
        "facts", "held_at", "late", "mark_at", "mark_size", "phase", "proxied", "seen", "seen_at", "since", "size",
        "started", "task",
    )  # fmt: skip

    def __init__(self, task: asyncio.Task[Any], now: float) -> None:
        self.task = task
        self.phase = Phase.CONNECT
        self.started = self.since = now
        self.size = self.seen = self.mark_size = 0  # bytes of body
        self.seen_at = self.mark_at = self.held_at = now
        self.late: Refusal | None = None  # why the watch cancelled it
        self.proxied = False
        self.facts: dict[str, Any] = {}  # Any: plain JSON

    def __repr__(self) -> str:
        return f"Flight({self.phase.name} size={self.size})"

    def enter(self, phase: Phase, now: float) -> None:
        """Begins a phase; its clocks start now."""
        self.phase, self.since = phase, now
        self.seen_at = self.mark_at = now

    def hold(self, now: float) -> None:
        """Stops the clocks: the wait that follows is ours."""
        self.phase, self.held_at = Phase.HELD, now

    def go_on(self, now: float) -> None:
        """Ends a hold; the body is read on."""
        held = now - self.held_at
        self.phase = Phase.BODY
        self.started += held
        self.since += held
        self.seen_at += held
        self.mark_at += held


def overdue(flight: Flight, now: float, settings: HttpSettings) -> Refusal | None:
    """What is to be said of a flight that took too long; None while it may go on. Updates what the watch has seen."""
    if flight.phase is Phase.HELD:
        return None
    if flight.phase is Phase.CONNECT and now - flight.since > settings.connect_timeout_s:
        return Refusal(Outcome.TIMEOUT, "connect")
    if flight.phase is Phase.HEAD and now - flight.since > settings.first_byte_timeout_s:
        return Refusal(Outcome.TIMEOUT, "first byte")
    if flight.phase is Phase.DRAIN and now - flight.since > DRAIN_S:
        return Refusal(Outcome.TIMEOUT, "drain")
    if flight.phase is Phase.BODY and (late := _overdue_body(flight, now, settings)):
        return late
    return Refusal(Outcome.TIMEOUT, "total") if now - flight.started > settings.total_timeout_s else None


def _overdue_body(flight: Flight, now: float, settings: HttpSettings) -> Refusal | None:
    if flight.size != flight.seen:
        flight.seen, flight.seen_at = flight.size, now
    elif now - flight.seen_at > settings.idle_timeout_s:
        return Refusal(Outcome.TIMEOUT, "idle")
    window = now - flight.mark_at
    if window < settings.speed_window_s:
        return None
    moved, flight.mark_at, flight.mark_size = flight.size - flight.mark_size, now, flight.size
    stalled = now - flight.seen_at > settings.speed_window_s / 2  # that is the idle clock's to judge
    if moved / window < settings.min_bytes_per_s and not stalled:
        return Refusal(Outcome.TOO_SLOW, f"below {settings.min_bytes_per_s} bytes/s")
    return None


class Watch:
    """Cancels the flights that are overdue. Its ticker runs only while something flies."""

    def __init__(self, settings: HttpSettings, clock: Callable[[], float]) -> None:
        self._settings, self._clock = settings, clock
        shortest = min(
            settings.connect_timeout_s,
            settings.first_byte_timeout_s,
            settings.idle_timeout_s,
            settings.total_timeout_s,
            settings.speed_window_s,
        )
        self._tick_s = max(min(TICK_S, shortest / 4), 0.005)
        self._flights: set[Flight] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, flight: Flight) -> None:
        """Watches over a flight."""
        self._flights.add(flight)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def remove(self, flight: Flight) -> None:
        """The flight has ended."""
        self._flights.discard(flight)

    def close(self) -> None:
        """Stops the ticker."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now = self._clock()
        for flight in self._flights:
            if flight.late is None and (late := overdue(flight, now, self._settings)):
                flight.late = late
                flight.task.cancel()
        if self._flights:
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)


CURRENT: ContextVar[Flight | None] = ContextVar("pixmo_flight", default=None)
"""The flight of the running task: how connector and resolver, deep inside aiohttp, know for whom they work."""
