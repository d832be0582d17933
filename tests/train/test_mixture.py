"""Which row comes when."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pixmo.dataset.load import load
from pixmo.train.mixture import Mixture, Place, Turns
from tests.train.runs import shapes


def test_sources_come_by_their_shares() -> None:
    """3 to 1 over 4,000 places, to within four standard deviations; the same for shares of any sum."""
    drawn = Counter(place.source for step in range(40) for place in Mixture([3, 1], 7).places(step, 100))
    assert abs(drawn[0] - 3000) < 4 * (4000 * 0.75 * 0.25) ** 0.5
    assert drawn == Counter(p.source for step in range(40) for p in Mixture([0.75, 0.25], 7).places(step, 100))


def test_visits_of_a_source_are_counted_without_a_gap() -> None:
    """However the draw falls, each source is met from its first row on, one after the other."""
    mixture = Mixture([0.2, 0.5, 0.3], 0)
    places = [place for step in range(20) for place in mixture.places(step, 16)]
    for source in range(3):
        visits = [place.visit for place in places if place.source == source]
        assert visits == list(range(len(visits)))


def test_places_depend_on_seed_and_step_only() -> None:
    """Asked in order, from the middle, or backwards: the same; another seed gives others."""
    in_order = Mixture([1, 2], 5)
    expected = [in_order.places(step, 8) for step in range(12)]
    assert Mixture([1, 2], 5).places(11, 8) == expected[11]
    assert [in_order.places(step, 8) for step in reversed(range(12))] == expected[::-1]
    assert Mixture([1, 2], 6).places(11, 8) != expected[11]


def test_places_stay_what_they_were() -> None:
    """Written down once: a run may go on with a later version of this code, or of numpy."""
    assert Mixture([1, 2], 5).places(2, 4) == [Place(1, 4), Place(1, 5), Place(1, 6), Place(1, 7)]


@pytest.fixture
def turns(tmp_path: Path) -> Turns:
    """Of ten rows in three row groups."""
    return Turns(load(shapes(tmp_path / "set.parquet", 10), as_="caption"), 3)


def test_each_epoch_has_every_row_once_in_an_order_of_its_own(turns: Turns) -> None:
    """Two epochs differ, and neither is the order of the file."""
    epochs = [[turns.row(visit) for visit in range(10 * epoch, 10 * epoch + 10)] for epoch in range(3)]
    orders = [[row for row, _ in epoch] for epoch in epochs]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({tuple(order) for order in [*orders, list(range(10))]}) == 4
    assert [{number for _, number in epoch} for epoch in epochs] == [{0}, {1}, {2}]


def test_threads_in_many_epochs_at_once_get_the_same_rows(turns: Turns) -> None:
    """A small set is gone through several times within the steps that are made ahead."""
    visits = [visit % 200 for visit in range(0, 200 * 37, 37)]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(turns.row, visits))
    assert together == [turns.row(visit) for visit in visits]
