"""Two models on the same pictures."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import ttest_rel

from pixmo.evaluate.statistics.formulas import columns_of, f1_of_means, mean
from pixmo.evaluate.statistics.paired import detectable, p_value, paired, pictures_needed
from pixmo.evaluate.statistics.resample import resampled_sums


def both(first, second):
    """Columns of two models' values, of the pictures where both are valid."""
    valid = np.isfinite(first) & np.isfinite(second)
    return np.concatenate([columns_of(np.where(valid, v, np.nan)) for v in (first, second)], axis=1)


def compared(first, second, statistic=mean):
    columns = both(np.asarray(first, float), np.asarray(second, float))
    return paired(columns, resampled_sums(columns, 2_000, 1), statistic, 2_000, 1)


def test_few_pictures_are_swapped_in_every_way():
    """p is the share of all 2^n swaps that give at least the difference seen: counted out here."""
    differences = np.array([0.3, 0.1, -0.05, 0.2, 0.15])
    as_large = [
        abs(np.dot(signs, differences)) >= abs(differences.sum()) - 1e-9 for signs in product((1, -1), repeat=5)
    ]
    assert compared(np.full(5, 0.4), 0.4 + differences).p == pytest.approx(np.mean(as_large))


def test_many_pictures_give_about_the_p_of_a_t_test():
    """As both test the same, on differences that are nearly normal."""
    draw = np.random.default_rng(2)
    first = draw.random(300)
    second = first + 0.015 + 0.1 * draw.normal(size=300)
    found, theirs = compared(first, second), ttest_rel(second, first)
    assert found.p == pytest.approx(theirs.pvalue, abs=0.01)
    assert found.difference.low < found.difference.value < found.difference.high
    assert found.spread == pytest.approx((second - first).std(ddof=1), rel=1e-4)


def test_equal_models_do_not_differ():
    """A difference of 0 has p = 1 and needs no number of pictures."""
    values = np.random.default_rng(3).random(50)
    found = compared(values, values)
    assert (found.difference, found.p, found.spread) == ((0, 0, 0), 1.0, 0.0)
    assert pictures_needed(0.0, 0.0) is None


def test_p_is_even_where_nothing_differs_but_chance():
    """Of 400 comparisons of equal models about 5 % fall below 0.05: not more than 8, not less than 2.5."""
    draw = np.random.default_rng(4)
    found = [p_value(both(draw.random(40), draw.random(40)), mean, 400, 1) for _ in range(400)]
    assert 0.025 <= np.mean(np.array(found) <= 0.05) <= 0.08


def test_only_pictures_both_have_are_compared():
    """A picture without a valid value of one model is no difference at all."""
    found = compared([0.2, 0.4, np.nan, 0.6], [0.3, np.nan, 0.9, 0.8])
    assert (found.pictures, found.difference.value) == (2, pytest.approx(0.15, abs=1e-6))


@pytest.mark.parametrize(("pictures", "value"), [(0, None), (1, 0.25)])
def test_one_picture_shows_no_spread(pictures, value):
    """No p-value and no interval of one picture; nothing at all of none."""
    found = compared([0.5] * pictures + [np.nan], [0.75] * pictures + [0.1])
    assert found == ((value, None, None), None, pictures, None)


def test_the_number_of_pictures_is_that_of_the_normal_formula():
    """Spread 0.2, difference 0.02, power 0.8 at 0.05: 785 pictures, which then just show this difference."""
    assert pictures_needed(0.2, 0.02) == 785
    assert detectable(0.2, 785) == pytest.approx(0.02, rel=1e-3)
    assert pictures_needed(0.2, -0.02) == 785


def test_so_many_pictures_show_the_difference_in_four_runs_of_five():
    """Simulated: with the pictures it names, p is below 0.05 in 80 % of runs, give or take 7 points."""
    spread, difference = 0.1, 0.03
    needed, draw = pictures_needed(spread, difference), np.random.default_rng(6)
    shown = 0
    for _ in range(300):
        first = draw.random(needed)
        shown += p_value(both(first, first + difference + spread * draw.normal(size=needed)), mean, 400, 1) <= 0.05
    assert 0.73 <= shown / 300 <= 0.87


def test_cap_f1_is_compared_by_changing_places_picture_by_picture():
    """For means over different valid pictures a swap moves values and their validity together."""
    draw = np.random.default_rng(5)
    recall, consistency = draw.random((2, 60)), draw.random((2, 60))
    consistency[1, :10] = np.nan
    one, other = (np.concatenate([columns_of(recall[i]), columns_of(consistency[i])], axis=1) for i in (0, 1))
    columns = np.concatenate([one, other], axis=1)
    found = paired(columns, resampled_sums(columns, 1_000, 1), f1_of_means, 1_000, 1)
    means = [(recall[i].mean(), np.nanmean(consistency[i])) for i in (0, 1)]
    first, second = (2 * r * c / (r + c) for r, c in means)
    assert found.difference.value == pytest.approx(second - first, abs=1e-6)
    assert 0 < found.p <= 1
