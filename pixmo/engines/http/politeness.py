"""Who may be asked when: queues per site, pure state and a clock that is passed in.

    add(item)                 puts an item into its site's queue
    next(now)                 the next thing to do: an item to start, or an item to answer without asking, or None
    ended(item, signal, now)  tells how a started item went; frees its place
    again(item, now, delay)   the item wants another try, after a delay that holds no place
    wake_at()                 when `next` may have something new although nothing ends

A *site* has at most `limit` items in flight, starts them at least 1/rate apart, and does not start any while it is
parked. Throttled (429, 503), it halves both and parks; successes bring both back slowly. It is closed for good when it
asks for too long a pause, or was parked eight times in a row in vain: then its items are answered without being sent.
A *host* that cannot be reached ten times in a row, or whose site never gave one proper answer to a hundred questions in
silence (or four hundred otherwise), is given up: its items get the same answer at once, one probe every `probe_every_s`
excepted. Sites that can start take turns. Each move costs O(log n) of the sites that wait.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pixmo.ask import Outcome

STRIKES = 8  # parks without a success between them, then the site is closed
FAILURES = 10  # to connect, in a row, then the host is given up
TROUBLES = 400  # failures of any other kind from a site that never answered properly; one without a status counts as 4
GROW_AFTER = 10  # successes per further place in flight
DOUBLING_S = 10.0  # a slowed site's rate doubles in this time of successes
SLOWEST = 0.1  # requests per second: no slower than this by halving
STRAINED_SLOWEST = 5.0  # nor than this, or a quarter of what was configured, by 503s that do not ask for a pause
UNLIMITED = 1000.0  # requests per second: a slowed site without a configured rate is free again from here


class Item(Protocol):
    """What is queued. `started` is kept by Politeness."""

    site: str
    host: str
    started: float


T = TypeVar("T", bound=Item)


class Signal(Enum):
    """How a started item went, as far as politeness cares."""

    FINE = auto()  # the site answered
    FAILED = auto()  # an answer, but no proper one: an error of the server, a broken body
    SILENT = auto()  # reached, and nothing came
    THROTTLED = auto()  # 429, or 503 with Retry-After
    STRAINED = auto()  # 503 without
    UNREACHABLE = auto()  # no connection, or the name does not resolve now
    NO_SUCH_HOST = auto()  # the name does not exist
    UNASKED = auto()  # nothing was sent


_REACHED = frozenset({Signal.FAILED, Signal.SILENT, Signal.STRAINED})


class Verdict(NamedTuple):
    """An answer without asking."""

    outcome: Outcome
    detail: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Rules:
    """The limits; see HttpSettings."""

    concurrency: int = 64
    per_site: int = 4
    rate: float = 20.0
    max_park_s: float = 60.0
    first_park_s: float = 1.0
    probe_every_s: float = 30.0


class _Place(Enum):
    RESTING = auto()  # nothing queued
    READY = auto()  # may start now
    ASLEEP = auto()  # may start at `wake`
    FULL = auto()  # may start when something ends


class _Site(Generic[T]):
    __slots__ = (
        "closed", "cut_at", "grown_at", "in_flight", "in_line", "is_good", "limit", "name", "next_start", "parked_until", "place",
        "queue", "rate", "recent", "streak", "strikes", "wake",
    )  # fmt: skip

    def __init__(self, name: str, rules: Rules) -> None:
        self.name = name
        self.queue: deque[T] = deque()
        self.place = _Place.RESTING
        self.in_line = False  # stands in the line of ready sites, maybe no longer rightly
        self.wake = 0.0
        self.in_flight = 0
        self.limit = rules.per_site
        self.rate = rules.rate  # 0: none
        self.next_start = float("-inf")
        self.parked_until = float("-inf")
        self.cut_at = float("-inf")  # items started before do not cut again
        self.grown_at = float("-inf")
        self.streak = 0  # successes since the limit moved
        self.strikes = 0  # parks since the last success
        self.recent: deque[float] = deque(maxlen=128)  # last starts, to know the rate when none is configured
        self.is_good = False  # has answered properly, as far as is remembered
        self.closed: Verdict | None = None

    def __repr__(self) -> str:
        return (
            f"_Site({self.name} {self.place.name} queued={len(self.queue)} in_flight={self.in_flight}/{self.limit} "
            f"rate={self.rate:.3g} strikes={self.strikes}{' closed' if self.closed else ''})"
        )

    def observed_rate(self, now: float) -> float:
        """Starts per second in the last ten seconds, at least over a tenth of one; infinite where too few say."""
        times = [at for at in self.recent if now - at <= 10]
        return len(times) / max(times[-1] - times[0], 0.1) if len(times) > 1 else float("inf")


@dataclass
class _Host:
    fails: int = 0  # to connect, in a row
    troubles: int = 0
    dead: Verdict | None = None
    probe_at: float = 0.0
    probe: Any = None  # Any: the item that was let through


class Politeness(Generic[T]):
    """The state of all sites and hosts of this process; see the module."""

    def __init__(self, rules: Rules, chance: random.Random | None = None) -> None:
        self.rules = rules
        self.in_flight = 0
        self._chance = chance or random.Random()  # jitter
        self._sites: dict[str, _Site[T]] = {}
        self._hosts: dict[str, _Host] = {}  # only those in trouble
        self._line: deque[_Site[T]] = deque()
        self._asleep: list[tuple[float, int, _Site[T]]] = []
        self._later: list[tuple[float, int, T]] = []
        self._answers: deque[tuple[T, Verdict]] = deque()
        self._count = 0

    def __repr__(self) -> str:
        return f"Politeness({len(self._sites)} sites, {self.in_flight} in flight, {len(self._later)} to try again)"

    def add(self, item: T, now: float, *, first: bool = False) -> None:
        """Queues an item, at the end or (a redirect, another try) in front."""
        site = self._sites.get(item.site)
        if site is None:
            site = self._sites[item.site] = _Site(item.site, self.rules)
        if first:
            site.queue.appendleft(item)
        else:
            site.queue.append(item)
        if first or site.place is _Place.RESTING:
            self._settle(site, now)

    def again(self, item: T, now: float, delay: float) -> None:
        """Queues an item in front of its site's queue, after a delay."""
        self._count += 1
        heapq.heappush(self._later, (now + delay, self._count, item))

    def next(self, now: float) -> tuple[T, Verdict | None] | None:
        """An item to start (None beside it), an item to answer with the verdict, or nothing to do now."""
        self._awake(now)
        if self._answers:
            return self._answers.popleft()
        while self.in_flight < self.rules.concurrency and self._line:
            site = self._line.popleft()
            site.in_line = False
            if site.place is not _Place.READY:  # parked, filled up or emptied while it stood in line
                self._settle(site, now)
                continue
            item = self._start(site, now)
            self._settle(site, now)
            return item, None
        return self._answers.popleft() if self._answers else None

    def ended(
        self, item: T, signal: Signal, now: float, retry_after: float | None = None, why: Verdict | None = None
    ) -> None:
        """A started item has ended; `why` is what its host's other items are told if it is given up."""
        site = self._sites[item.site]
        site.in_flight -= 1
        self.in_flight -= 1
        self._note_host(item, signal, now, why)
        if signal is Signal.FINE:
            self._grow(site, item, now)
        elif signal is Signal.THROTTLED or signal is Signal.STRAINED:
            self._throttled(site, item, signal, now, retry_after)
        elif signal is not Signal.UNASKED:
            site.streak = 0
        self._settle(site, now)

    def wake_at(self) -> float | None:
        """When `next` may have something new by the clock alone; None: never."""
        while self._asleep and not self._is_sleeper(self._asleep[0]):
            heapq.heappop(self._asleep)
        times = [heap[0][0] for heap in (self._asleep, self._later) if heap]
        return min(times) if times else None

    @property
    def waiting(self) -> bool:
        """Whether `next` would have something now."""
        return bool(self._answers) or (bool(self._line) and self.in_flight < self.rules.concurrency)

    def is_closed(self, site: str) -> Verdict | None:
        """The verdict of a site that was closed."""
        known = self._sites.get(site)
        return known.closed if known else None

    # starting

    def _start(self, site: _Site[T], now: float) -> T:
        item = site.queue.popleft()
        item.started = now
        site.in_flight += 1
        self.in_flight += 1
        site.recent.append(now)
        if site.rate:
            site.next_start = now + 1 / site.rate
        return item

    def _settle(self, site: _Site[T], now: float) -> None:
        """Puts the site where it belongs after anything changed."""
        if self._hosts or site.closed:
            self._answer_lost(site, now)
        start = site.next_start if site.next_start > site.parked_until else site.parked_until
        if not site.queue:
            site.place = _Place.RESTING
            self._forget(site, now)
        elif site.in_flight >= site.limit:
            site.place = _Place.FULL
        elif start > now:
            self._sleep(site, start)
        else:
            site.place = _Place.READY
            if not site.in_line:
                site.in_line = True
                self._line.append(site)

    def _sleep(self, site: _Site[T], until: float) -> None:
        if site.place is _Place.ASLEEP and site.wake == until:
            return
        site.place, site.wake = _Place.ASLEEP, until
        self._count += 1
        heapq.heappush(self._asleep, (until, self._count, site))

    def _is_sleeper(self, entry: tuple[float, int, _Site[T]]) -> bool:
        return entry[2].place is _Place.ASLEEP and entry[2].wake == entry[0]

    def _awake(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            self.add(heapq.heappop(self._later)[2], now, first=True)
        while self._asleep and self._asleep[0][0] <= now:
            entry = heapq.heappop(self._asleep)
            if self._is_sleeper(entry):
                self._settle(entry[2], now)

    def _forget(self, site: _Site[T], now: float) -> None:
        """Drops a site with nothing to remember: a list may name millions."""
        fresh = site.limit == self.rules.per_site and site.rate == self.rules.rate and not site.strikes
        if site.in_flight or site.closed or not fresh:
            return
        if max(site.next_start, site.parked_until) > now:
            self._sleep(site, max(site.next_start, site.parked_until))
        elif not site.in_line:
            self._sites.pop(site.name, None)

    # answers without asking

    def _answer_lost(self, site: _Site[T], now: float) -> None:
        """Answers what stands in front of the queue and will not be asked; the rest is seen when it comes in front."""
        while site.queue and (verdict := site.closed or self._verdict_on(site.queue[0], now)):
            self._answers.append((site.queue.popleft(), verdict))

    def _verdict_on(self, item: T, now: float) -> Verdict | None:
        if not self._hosts:
            return None
        host = self._hosts.get(item.host)
        if host is None or host.dead is None or host.probe is item:
            return None
        if now >= host.probe_at:
            host.probe, host.probe_at = item, now + self.rules.probe_every_s
            return None
        return host.dead

    def _note_host(self, item: T, signal: Signal, now: float, why: Verdict | None) -> None:
        if signal is Signal.UNASKED or signal is Signal.THROTTLED:
            return
        if signal is Signal.FINE:
            if self._hosts:
                self._hosts.pop(item.host, None)
            return
        site = self._sites[item.site]
        host = self._hosts.setdefault(item.host, _Host())
        if signal in _REACHED:
            host.fails = 0
            host.troubles += 0 if site.is_good else 4 if signal is Signal.SILENT else 1
        else:
            host.fails += 1
        if signal is Signal.NO_SUCH_HOST or host.fails >= FAILURES or host.troubles >= TROUBLES:
            host.dead = why or Verdict(Outcome.CONNECT, "")
            host.probe, host.probe_at = None, now + self.rules.probe_every_s
        elif not host.fails and not host.troubles:
            self._hosts.pop(item.host)

    # slowing down and coming back

    def _throttled(self, site: _Site[T], item: T, signal: Signal, now: float, retry_after: float | None) -> None:
        if retry_after is not None and retry_after > self.rules.max_park_s:
            asked = f"asked to wait {retry_after:.0f} s, more than {self.rules.max_park_s:.0f} s"
            site.closed = Verdict(Outcome.THROTTLED, asked, retry_after)
        park = retry_after or 0.0
        if item.started > site.cut_at:  # of several refused together, the first one counts
            site.cut_at = now
            site.streak = 0
            site.limit = max(1, site.limit // 2)
            rate = site.rate or UNLIMITED
            slowest = SLOWEST if signal is Signal.THROTTLED else (self.rules.rate / 4 or STRAINED_SLOWEST)
            site.rate = max(min(rate, site.observed_rate(now)) / 2, min(rate, slowest))
            site.grown_at = now
            if signal is Signal.THROTTLED:
                site.strikes += 1
                backoff = self.rules.first_park_s * 2 ** (site.strikes - 1) * self._chance.uniform(1, 1.25)
                park = max(park, min(backoff, self.rules.max_park_s))
        site.parked_until = max(site.parked_until, now + park)
        if site.strikes >= STRIKES and not site.closed:
            site.closed = Verdict(
                Outcome.THROTTLED, f"refused {STRIKES} times in a row, whatever the pause", retry_after
            )

    def _grow(self, site: _Site[T], item: T, now: float) -> None:
        site.is_good = True
        if item.started > site.cut_at:  # what was under way before the refusal says nothing about it
            site.strikes = 0
        if site.limit < self.rules.per_site:
            site.streak += 1
            if site.streak >= GROW_AFTER:
                site.limit, site.streak = site.limit + 1, 0
        if site.rate != self.rules.rate:
            passed = min(now - site.grown_at, 1.0)
            site.grown_at = now
            rate = site.rate * 2 ** (passed / DOUBLING_S)
            site.rate = self.rules.rate if rate >= (self.rules.rate or UNLIMITED) else rate

    def items(self) -> Iterator[T]:
        """All that is queued, for whoever has to give up."""
        for site in self._sites.values():
            yield from site.queue
        yield from (item for _, _, item in self._later)
        yield from (item for item, _ in self._answers)
