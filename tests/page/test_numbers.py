"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.page.numbers import compact, count, duration, share, size, ticks


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (12, "12"),
        (999, "999"),
        (999.7, "1k"),
        (1234, "1.23k"),
        (34_000_000, "34M"),
        (2e9, "2G"),
    ],
)
def test_compact(number: float, text: str) -> None:
    """Three digits and a unit; nothing is rounded to 1000 of a smaller one."""
    assert compact(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (70_000, "70 kB"), (1_250_000_000, "1.25 GB"), (3e15, "3000 TB")]
)
def test_size(number: float, text: str) -> None:
    """Decimal units, and the gap does not break."""
    assert size(number) == text.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0 %"), (10_000, "100 %"), (9_999, ">99.9 %"), (1, "<0.1 %"), (8_210, "82.1 %")]
)
def test_share_never_hides_the_last_one(part: int, text: str) -> None:
    """One missing of many is not 100 %, one of many not 0 %."""
    assert share(part, 10_000) == text.replace(" ", "\u00a0")
    assert share(0, 0) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.26, "0.3 s"), (42, "42 s"), (59.7, "1 min"), (200, "3 min 20 s"), (18_420, "5 h 7 min"), (187_200, "2 d 4 h")],
)
def test_duration(seconds: float, text: str) -> None:
    """Two units at most."""
    assert duration(seconds).replace("\u00a0", " ") == text


def test_count() -> None:
    """All digits, in threes."""
    assert count(1234567) == "1,234,567"


@given(st.integers(1, 10**9))
def test_ticks_of_counts_are_whole(top: int) -> None:
    """Half a picture is no number of pictures."""
    assert all(tick == int(tick) for tick in ticks(top, whole=True))


@given(st.floats(1e-6, 1e12), st.integers(2, 6))
def test_ticks_reach_the_top_in_even_steps(top: float, wanted: int) -> None:
    """From 0 to at least the top, not many more than wanted, evenly."""
    found = ticks(top, wanted)
    assert found[0] == 0
    assert found[-1] >= top * 0.999
    assert 2 <= len(found) <= wanted + 2
    assert found[-1] == pytest.approx(found[1] * (len(found) - 1))
