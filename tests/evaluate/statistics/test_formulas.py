"""Numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pixmo.evaluate.statistics.formulas import agreement, columns_of, f1_of_means, harmonic, kappa, mean


def test_kappa_is_agreement_beyond_chance():
    """The worked example of the textbook: 20 yes–yes, 5 yes–no, 10 no–yes, 15 no–no give 0.70 raw and 0.40."""
    table = np.array([20.0, 5, 10, 15])
    assert (float(agreement(table)), float(kappa(table))) == pytest.approx((0.7, 0.4))


def test_kappa_of_raters_who_always_say_the_same_is_not_defined():
    """Chance alone would agree as well: no number, not 0 and not 1; nor of no answers."""
    assert np.isnan(kappa(np.array([30.0, 0, 0, 0])))
    assert np.isnan(kappa(np.zeros(4)))
    assert np.isnan(agreement(np.zeros(9)))


def test_many_tables_at_once():
    """One kappa per row of sums."""
    tables = np.array([[20.0, 5, 10, 15], [10, 0, 0, 10], [0, 10, 10, 0]])
    assert kappa(tables) == pytest.approx([0.4, 1, -1])


@pytest.mark.parametrize(("one", "other", "both"), [(0.5, 1.0, 2 / 3), (0.0, 0.0, 0.0), (0.0, 0.8, 0.0)])
def test_the_harmonic_mean(one, other, both):
    """2ab / (a + b), and 0 where there is nothing."""
    assert float(harmonic(np.array(one), np.array(other))) == pytest.approx(both)


def test_no_mean_of_nothing():
    """NaN, also for an F1 of which one side has no valid picture."""
    none, some = columns_of(np.array([np.nan])).sum(0), columns_of(np.array([0.5])).sum(0)
    assert np.isnan(mean(none))
    assert np.isnan(f1_of_means(np.concatenate([some, none])))
