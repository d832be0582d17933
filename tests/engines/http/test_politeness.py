"""Who may be asked when: rules on plain state, time passed in."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.ask import Outcome
from pixmo.engines.http.politeness import FAILURES, STRIKES, Politeness, Rules, Signal, Verdict


@dataclass(eq=False)
class Item:
    site: str
    host: str = ""
    started: float = 0.0

    def __post_init__(self) -> None:
        self.host = self.host or self.site


def drained(polite: Politeness[Item], now: float) -> tuple[list[Item], list[tuple[Item, Verdict]]]:
    """All that can be started and answered now."""
    started, answered = [], []
    while move := polite.next(now):
        item, verdict = move
        if verdict is None:
            started.append(item)
        else:
            answered.append((item, verdict))
    return started, answered


def queued(rules: Rules, count: int, site: str = "a.test") -> tuple[Politeness[Item], list[Item]]:
    polite: Politeness[Item] = Politeness(rules, random.Random(1))
    items = [Item(site) for _ in range(count)]
    for item in items:
        polite.add(item, 0.0)
    return polite, items


def test_a_site_has_no_more_in_flight_than_it_may():
    """The fifth item waits until one of four has ended."""
    polite, items = queued(Rules(per_site=4, rate=0), 6)
    assert drained(polite, 0)[0] == items[:4]
    polite.ended(items[1], Signal.FINE, 1)
    assert drained(polite, 1)[0] == [items[4]]


def test_all_sites_together_have_no_more_in_flight_than_the_process_may():
    """`concurrency` bounds the sum."""
    polite: Politeness[Item] = Politeness(Rules(concurrency=3, per_site=2, rate=0))
    for number in range(10):
        polite.add(Item(f"{number}.test"), 0)
    assert len(drained(polite, 0)[0]) == 3


def test_starts_are_paced_without_a_burst():
    """At 20 per second the second start is 50 ms after the first, even after a long rest."""
    polite, items = queued(Rules(rate=20), 3)
    assert drained(polite, 0)[0] == items[:1]
    assert polite.wake_at() == pytest.approx(0.05)
    assert drained(polite, 0.049)[0] == []
    assert drained(polite, 5)[0] == items[1:2]
    assert drained(polite, 5.049)[0] == []
    assert drained(polite, 5.051)[0] == items[2:]


def test_sites_take_turns():
    """A long list of one site does not hold up the others."""
    polite: Politeness[Item] = Politeness(Rules(concurrency=1, per_site=9, rate=0))
    for site in ("a", "a", "a", "a", "b", "c", "b"):
        polite.add(Item(site), 0)
    order = []
    while started := drained(polite, 0)[0]:
        order.append(started[0].site)
        polite.ended(started[0], Signal.FINE, 0)
    assert order == ["a", "b", "c", "a", "b", "a", "a"]


def test_a_parked_site_starts_nothing_until_its_pause_is_over():
    """Retry-After parks the site; what is in flight may end meanwhile."""
    polite, items = queued(Rules(per_site=2, rate=0), 4)
    drained(polite, 0)
    polite.ended(items[0], Signal.THROTTLED, 1, retry_after=10)
    polite.ended(items[1], Signal.FINE, 2)
    assert drained(polite, 10.99)[0] == []
    assert polite.wake_at() == pytest.approx(11)
    assert drained(polite, 11.01)[0] == items[2:3]


def test_a_throttle_halves_both_limits_once_per_round():
    """Several refusals of requests sent together count as one."""
    polite, _ = queued(Rules(per_site=8, rate=0), 40)
    started, _ = drained(polite, 0)
    assert len(started) == 8
    for item in started:
        polite.ended(item, Signal.THROTTLED, 0.5, retry_after=1)
    assert len(polite._sites["a.test"].queue) == 32
    assert polite._sites["a.test"].limit == 4
    assert polite._sites["a.test"].rate == pytest.approx(40)  # eight in a tenth of a second at most, halved
    assert polite._sites["a.test"].strikes == 1


def test_limits_come_back_slowly():
    """Ten successes give back one place; ten seconds of successes double the rate, up to what was configured."""
    polite, _ = queued(Rules(per_site=4, rate=20), 5000)
    now = 0.0
    started, _ = drained(polite, now)
    polite.ended(started[0], Signal.THROTTLED, now, retry_after=1)
    site = polite._sites["a.test"]
    assert (site.limit, site.rate) == (2, pytest.approx(10))
    seen = []
    for _ in range(6000):
        now += 0.02
        for item in drained(polite, now)[0]:
            polite.ended(item, Signal.FINE, now)
        seen.append((site.limit, site.rate))
    assert [limit for limit, _ in seen] == sorted(limit for limit, _ in seen)
    assert seen[-1] == (4, 20)
    assert next(i for i, (_, rate) in enumerate(seen) if rate == 20) * 0.02 > 9


def test_without_retry_after_the_pause_doubles_and_the_site_is_closed_in_the_end():
    """1, 2, 4 … seconds; after eight rounds in vain the rest is answered without being sent."""
    polite, items = queued(Rules(per_site=1, rate=0, max_park_s=60), 20)
    now, pauses = 0.0, []
    for _ in range(STRIKES):
        started, answered = drained(polite, now)
        assert len(started) == 1
        assert not answered
        polite.ended(started[0], Signal.THROTTLED, now)
        pauses.append((polite._sites["a.test"].parked_until) - now)
        now = polite._sites["a.test"].parked_until
    assert all(2**n <= pause <= 1.25 * 2**n for n, pause in enumerate(pauses[:6]))
    assert pauses[6:] == [60, 60]
    started, answered = drained(polite, now)
    assert started == []
    assert len(answered) == len(items) - STRIKES
    assert {verdict.outcome for _, verdict in answered} == {Outcome.THROTTLED}


def test_a_success_between_forgives():
    """Only rounds in vain one after the other close a site."""
    polite, _ = queued(Rules(per_site=1, rate=0), 100)
    now = 0.0
    for _ in range(3 * STRIKES):
        for signal in (Signal.THROTTLED, Signal.FINE):
            now = max(now + 1, polite.wake_at() or 0)
            (item,) = drained(polite, now)[0]
            polite.ended(item, signal, now, retry_after=1 if signal is Signal.THROTTLED else None)
    assert polite.is_closed("a.test") is None


def test_who_asks_for_too_long_is_closed():
    """A Retry-After beyond max_park_s ends this site's part of the run at once, and holds no place."""
    polite, items = queued(Rules(max_park_s=60, rate=0, per_site=1), 5)
    (first,) = drained(polite, 0)[0]
    polite.ended(first, Signal.THROTTLED, 0, retry_after=3600)
    started, answered = drained(polite, 0)
    assert started == []
    assert [item for item, _ in answered] == items[1:]
    assert answered[0][1].retry_after == 3600
    assert "3600 s" in answered[0][1].detail
    polite.add(late := Item("a.test"), 99)
    assert drained(polite, 99)[1][0][0] is late


def test_a_strained_site_is_slowed_but_not_parked():
    """503 without Retry-After halves the limits."""
    polite, _ = queued(Rules(per_site=4, rate=0), 50)
    started, _ = drained(polite, 0)
    polite.ended(started[0], Signal.STRAINED, 1)
    site = polite._sites["a.test"]
    assert (site.limit, site.strikes, site.parked_until) == (2, 0, 1)


def test_a_dead_host_is_given_up_and_probed():
    """After ten failures in a row the host's rest has the same answer; one probe goes out every 30 s."""
    polite, items = queued(Rules(per_site=1, rate=0, probe_every_s=30), FAILURES + 3)
    why = Verdict(Outcome.CONNECT, "refused")
    for number in range(FAILURES):
        (item,) = drained(polite, number)[0]
        polite.ended(item, Signal.UNREACHABLE, number, why=why)
    started, answered = drained(polite, FAILURES)
    assert started == []
    assert answered == [(item, why) for item in items[FAILURES:]]
    more = [Item("a.test") for _ in range(4)]
    for item in more:
        polite.add(item, FAILURES + 29)
    started, answered = drained(polite, FAILURES + 29)
    assert started == more[:1]  # the probe; the others are not kept waiting for it
    assert [item for item, _ in answered] == more[1:]
    polite.ended(more[0], Signal.FINE, FAILURES + 30)
    polite.add(healed := Item("a.test"), FAILURES + 31)
    assert drained(polite, FAILURES + 31) == ([healed], [])


def test_a_dead_host_does_not_take_its_site_along():
    """Hosts of one site die alone."""
    polite: Politeness[Item] = Politeness(Rules(per_site=1, rate=0))
    hosts = ["dead.a.test", "dead.a.test", "live.a.test", "dead.a.test", "live.a.test"]
    items = [Item("a.test", host) for host in hosts]
    for item in items:
        polite.add(item, 0)
    (first,) = drained(polite, 0)[0]
    polite.ended(first, Signal.NO_SUCH_HOST, 0, why=Verdict(Outcome.NO_SUCH_HOST, ""))
    started, answered = drained(polite, 0)
    assert started == [items[2]]
    assert [item for item, _ in answered] == [items[1], items[3]]
    polite.ended(items[2], Signal.FINE, 0)
    assert drained(polite, 0)[0] == [items[4]]


def test_a_host_that_never_answers_is_given_up():
    """A hundred questions into silence are enough, or four hundred answered with errors; the run has to end."""
    for signal, enough in ((Signal.SILENT, 100), (Signal.FAILED, 400), (Signal.STRAINED, 400)):
        polite, items = queued(Rules(per_site=1, rate=0), enough + 50)
        for number in range(enough):
            now = max(float(number), polite.wake_at() or 0.0)
            (item,) = drained(polite, now)[0]
            polite.ended(item, signal, now, why=Verdict(Outcome.TIMEOUT, "given up"))
        started, answered = drained(polite, enough)
        assert started == []
        assert [item for item, _ in answered] == items[enough:]


def test_a_site_that_has_answered_is_not_given_up_for_some_bad_pages():
    """Silence counts only where nothing else was ever heard."""
    polite, _ = queued(Rules(per_site=1, rate=0), 500)
    for number in range(499):
        (item,) = drained(polite, number)[0]
        polite.ended(item, Signal.FINE if number == 0 else Signal.SILENT, number)
    assert len(drained(polite, 500)[0]) == 1


def test_a_site_that_only_says_503_is_not_slowed_to_a_standstill():
    """Without a pause asked for, the rate is halved to a quarter of what was configured, no further."""
    polite, _ = queued(Rules(per_site=1, rate=20), 50)
    for number in range(20):
        (item,) = drained(polite, number)[0]
        polite.ended(item, Signal.STRAINED, number + 0.01)
    assert polite._sites["a.test"].rate == pytest.approx(5)


def test_a_site_that_needs_no_memory_is_forgotten():
    """A list may name millions of sites."""
    polite: Politeness[Item] = Politeness(Rules(rate=20))
    for number in range(100):
        polite.add(Item(f"{number}.test"), number)
        (item,) = drained(polite, number)[0]
        polite.ended(item, Signal.FINE, number + 0.5)
    drained(polite, 200)
    assert len(polite._sites) == 0


def test_pacing_is_not_forgotten_with_the_site():
    """An item that comes just after the last one ended still waits its turn."""
    polite: Politeness[Item] = Politeness(Rules(rate=1))
    polite.add(first := Item("a.test"), 0)
    assert drained(polite, 0)[0] == [first]
    polite.ended(first, Signal.FINE, 0.1)
    polite.add(Item("a.test"), 0.1)
    assert drained(polite, 0.9)[0] == []
    assert len(drained(polite, 1)[0]) == 1


@dataclass
class Simulation:
    """Runs politeness against a world of drawn answers, and checks the rules at every step."""

    rules: Rules
    draw: random.Random
    now: float = 0.0
    polite: Politeness[Item] = field(init=False)
    flying: list[tuple[float, int, Item]] = field(default_factory=list)
    starts: dict[str, list[float]] = field(default_factory=dict)
    parked: dict[str, float] = field(default_factory=dict)
    done: dict[int, str] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.polite = Politeness(self.rules, self.draw)

    def run(self, items: list[Item]) -> None:
        for item in items:
            self.polite.add(item, self.now)
        for _ in range(100_000):
            self.move()
            times = [t for t in (self.polite.wake_at(), self.flying[0][0] if self.flying else None) if t is not None]
            if not times or len(self.done) == len(items):
                return
            self.now = max(self.now, min(times))
            while self.flying and self.flying[0][0] <= self.now:
                self.end(heapq.heappop(self.flying)[2])
        raise AssertionError("no end")

    def move(self) -> None:
        while move := self.polite.next(self.now):
            item, verdict = move
            if verdict is not None:
                self.answer(item)
                continue
            self.check_start(item)
            heapq.heappush(self.flying, (self.now + self.draw.choice([0.0, 0.01, 0.1, 3.0]), id(item), item))

    def check_start(self, item: Item) -> None:
        before = self.starts.setdefault(item.site, [])
        if self.rules.rate and before:
            assert self.now - before[-1] >= 1 / self.rules.rate - 1e-9, "over the rate"
        before.append(self.now)
        assert self.now >= self.parked.get(item.site, 0.0), "started while parked"
        flying = [i for _, _, i in self.flying if i.site == item.site]
        assert len(flying) < self.rules.per_site, "over the site's limit"
        assert len(self.flying) < self.rules.concurrency, "over the process's limit"
        assert item not in flying

    def end(self, item: Item) -> None:
        signal = self.draw.choice(list(Signal) + [Signal.FINE] * 8)
        wait = self.draw.choice([None, 0.5, 7.0, 100.0]) if signal is Signal.THROTTLED else None
        if wait is not None and wait <= self.rules.max_park_s:
            self.parked[item.site] = max(self.parked.get(item.site, 0.0), self.now + wait)
        self.polite.ended(item, signal, self.now, wait, Verdict(Outcome.CONNECT, ""))
        self.tries[id(item)] = self.tries.get(id(item), 0) + 1
        if signal is Signal.FINE or self.tries[id(item)] > 3:
            self.answer(item)
        elif self.draw.random() < 0.5:
            self.polite.again(item, self.now, self.draw.uniform(0, 5))
        else:
            self.polite.add(item, self.now, first=True)

    def answer(self, item: Item) -> None:
        assert id(item) not in self.done, "answered twice"
        self.done[id(item)] = item.site


@settings(max_examples=150, deadline=None)
@given(
    sites=st.lists(st.integers(0, 6), min_size=1, max_size=120),
    seed=st.integers(0, 2**32),
    per_site=st.integers(1, 5),
    concurrency=st.integers(1, 12),
    rate=st.sampled_from([0, 0.5, 20.0, 1000.0]),
)
def test_whatever_the_world_answers_the_rules_hold(
    sites: list[int], seed: int, per_site: int, concurrency: int, rate: float
):
    """Never above rate or limits, parked means parked, and every item is answered exactly once: nothing starves."""
    world = Simulation(Rules(concurrency, per_site, rate, max_park_s=60), random.Random(seed))
    items = [Item(f"{n % 3}.test", f"{n}.{n % 3}.test") for n in sites]
    world.run(items)
    assert len(world.done) == len(items)
    assert world.polite.in_flight == 0
    assert list(world.polite.items()) == []


def test_moves_stay_cheap_with_many_sites():
    """Twenty thousand sites of five items: every move is found without looking at the other sites."""
    polite: Politeness[Item] = Politeness(Rules(concurrency=64, rate=20))
    looked = 0
    for number in range(20_000):
        for _ in range(5):
            polite.add(Item(f"{number}.test"), 0)
    now = 0.0
    for _ in range(2_000):
        now += 0.001
        for item in drained(polite, now)[0]:
            looked += 1
            polite.ended(item, Signal.FINE, now)
        assert len(polite._asleep) <= 20_000
    assert looked > 2_000
