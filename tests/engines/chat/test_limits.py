"""How many at once, how fast, how long to wait: decided without a clock."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pixmo.engines.chat.limits import LONGEST_BACKOFF_S, Pace, Width, backoff_s


def test_single_refusals_do_not_narrow():
    """With one refusal in ten, spread evenly, all places stay open."""
    width = Width(64)
    for n in range(1000):
        width.note(pressed=n % 10 == 0, sent_at_cuts=width.cuts)
    assert (width.limit, width.cuts) == (64, 0)


def test_a_burst_halves_once():
    """All 64 in flight are refused: one cut, since 48 of them were sent before it."""
    width = Width(64)
    cuts = [width.note(pressed=True, sent_at_cuts=0) for _ in range(64)]
    assert (cuts.count(True), width.limit) == (1, 32)


def test_a_refusing_endpoint_is_asked_one_by_one_at_last():
    """Never fewer than one place."""
    width = Width(8)
    for _ in range(200):
        width.note(pressed=True, sent_at_cuts=width.cuts)
    assert width.limit == 1


def test_answers_widen_by_one_a_round():
    """After a cut from 8 to 4, the next rounds of 4, 5, 6 and 7 answers give 8 again, and no more than 8."""
    width = Width(8)
    while not width.cuts:
        width.note(pressed=True, sent_at_cuts=0)
    limits = []
    for _ in range(4 + 5 + 6 + 7 + 20):
        width.note(pressed=False, sent_at_cuts=1)
        limits.append(width.limit)
    assert (limits[0], max(limits), limits[-1]) == (4, 8, 8)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=50), st.integers(1, 10_000))
def test_no_more_starts_than_the_rate_allows(amounts, per_min):
    """What was started before the last one fits into the time up to its start."""
    pace, now = Pace(per_min), 100.0
    start = now + [pace.due(amount, now) for amount in amounts][-1]
    assert sum(amounts[:-1]) <= (start - now) * per_min / 60 + 1e-6


def test_what_was_not_used_is_given_back():
    """60 a minute: after 10 taken and 9 given back, the next starts in one second."""
    pace = Pace(60)
    assert pace.due(10, 5.0) == 0.0
    pace.give_back(9)
    assert pace.due(1, 5.0) == 1.0


def test_no_rate_is_no_wait():
    """0 is no limit."""
    pace = Pace(0)
    assert [pace.due(10**9, 1.0) for _ in range(3)] == [0.0] * 3


@given(st.integers(1, 1000), st.integers())
def test_back_offs_double_within_bounds(failed, seed):
    """Between half and all of base times two to the failed tries, and never longer than half a minute."""
    longest = min(LONGEST_BACKOFF_S, 0.5 * 2.0 ** min(failed - 1, 20))
    assert longest / 2 <= backoff_s(failed, 0.5, random.Random(seed)) <= longest
