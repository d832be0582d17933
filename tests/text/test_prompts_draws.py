"""Chances that come out the same wherever and whenever a row is written."""

from __future__ import annotations

from pixmo.text.prompts_draws import RandomDraws


def drawn(draws):
    """A few of each kind."""
    return [draws.index(43), draws.uniform(), draws.normal(0, 25), draws.index(1), draws.index(57)]


def test_a_row_draws_the_same_wherever_it_stands():
    """Its name and the seed decide, nothing else."""
    assert drawn(RandomDraws.for_row("a")) == drawn(RandomDraws.for_row("a"))
    assert drawn(RandomDraws.for_row("a")) != drawn(RandomDraws.for_row("b"))
    assert drawn(RandomDraws.for_row("a")) != drawn(RandomDraws.for_row("a", seed=1))


def test_draws_are_numpys():
    """Those of RandomState, written down once, so that text does not change with a release."""
    draws = RandomDraws(137)
    assert (draws.index(43), draws.uniform()) == (30, 0.5061460218470099)


def test_indexes_cover_all_there_is():
    """From 0 to n-1."""
    draws = RandomDraws(0)
    assert {draws.index(3) for _ in range(100)} == {0, 1, 2}
