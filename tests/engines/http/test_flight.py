"""When a request has taken too long."""

from __future__ import annotations

import asyncio

from pixmo.ask import Outcome
from pixmo.engines.http.flight import DRAIN_S, Flight, Phase, overdue
from pixmo.engines.http.guard import Refusal
from pixmo.engines.http.settings import HttpSettings

SETTINGS = HttpSettings(
    connect_timeout_s=10, first_byte_timeout_s=20, idle_timeout_s=15, total_timeout_s=120, min_bytes_per_s=1000,
    speed_window_s=5,
)  # fmt: skip


async def flight(phase: Phase) -> Flight:
    task = asyncio.current_task()
    assert task
    found = Flight(task, 0.0)
    found.enter(phase, 0.0)
    return found


async def test_each_phase_has_its_own_clock():
    """Connecting 10 s, headers 20 s, draining 2 s; the reason names the clock."""
    limits = ((Phase.CONNECT, 10.0, "connect"), (Phase.HEAD, 20.0, "first byte"), (Phase.DRAIN, DRAIN_S, "drain"))
    for phase, limit, name in limits:
        flying = await flight(phase)
        assert overdue(flying, limit, SETTINGS) is None
        assert overdue(flying, limit + 0.1, SETTINGS) == Refusal(Outcome.TIMEOUT, name)


async def test_a_body_that_stops_is_idle():
    """Fifteen seconds without a byte, counted from the last one seen."""
    flying = await flight(Phase.BODY)
    flying.size = 50_000
    assert overdue(flying, 4.0, SETTINGS) is None
    for now in range(5, 20):
        assert overdue(flying, float(now), SETTINGS) is None
    assert overdue(flying, 19.5, SETTINGS) == Refusal(Outcome.TIMEOUT, "idle")


async def test_a_body_that_drips_is_too_slow():
    """Speed is judged over each window, so a fast beginning does not pay for a drip."""
    flying = await flight(Phase.BODY)
    for tick in range(1, 200):
        flying.size += 1_000_000 if tick == 1 else 10
        late = overdue(flying, tick / 4, SETTINGS)
        if late:
            assert late.outcome is Outcome.TOO_SLOW
            assert 5 <= tick / 4 <= 11
            return
    raise AssertionError("dripped on for ever")


async def test_a_steady_body_is_cut_by_the_total_only():
    """Just fast enough is fast enough, for two minutes."""
    flying = await flight(Phase.BODY)
    for tick in range(1, 480):
        flying.size += 300
        assert overdue(flying, tick / 4, SETTINGS) is None
    flying.size += 300
    assert overdue(flying, 120.1, SETTINGS) == Refusal(Outcome.TIMEOUT, "total")


async def test_our_own_waits_count_for_nobody():
    """While a body waits for a token or for bandwidth, no clock runs, nor does it catch up afterwards."""
    flying = await flight(Phase.BODY)
    flying.hold(1.0)
    assert overdue(flying, 1000.0, SETTINGS) is None
    flying.go_on(1000.0)
    assert overdue(flying, 1001.0, SETTINGS) is None
    assert overdue(flying, 1014.1, SETTINGS) == Refusal(Outcome.TIMEOUT, "idle")
