"""How well two lists of points agree."""

from __future__ import annotations

import pytest

from pixmo.annotate.agreement import agreed, radius_px

SIZE = (1000, 1000)  # a radius of 42 px: 4.2 %


def test_points_match_one_to_one() -> None:
    """Two points of one person near one of the other's are one match, not two."""
    found = agreed([[50, 50], [51, 51]], [[50, 50]], *SIZE)
    assert (found.matched, found.counts, found.f1) == (1, (2, 1), pytest.approx(2 / 3))


def test_as_many_as_can_be_are_matched() -> None:
    """Also where the nearest first would leave one alone."""
    assert agreed([[50, 50], [53, 50]], [[52.9, 50], [56, 50]], *SIZE).matched == 2


def test_how_near_depends_on_the_picture() -> None:
    """The same percentages are far on a picture with another shape, and a few pixels never count."""
    assert agreed([[0, 50]], [[4, 50]], 1000, 1000).matched == 1
    assert agreed([[0, 50]], [[4, 50]], 4000, 100).matched == 0
    assert agreed([[0, 50]], [[40, 50]], 20, 20).matched == 1
    assert radius_px(20, 20) == 8


def test_nothing_there_is_an_answer() -> None:
    """Two that say so agree; one alone does not."""
    assert agreed([], [], *SIZE).f1 == 1
    assert agreed([], [[1, 1]], *SIZE).f1 == 0


def test_distance_is_in_pixels() -> None:
    """Of those that matched."""
    assert agreed([[0, 0], [50, 50]], [[3, 0], [90, 90]], 1000, 500).distance_px == pytest.approx(30)
