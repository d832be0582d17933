"""Intervals: drawn by picture, the same for the same seed, and wide enough to hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from pixmo.evaluate.statistics.formulas import columns_of, f1_of_means, mean
from pixmo.evaluate.statistics.resample import estimate, resampled, resampled_sums
from scripts.bench_coverage import coverage


def of(values, statistic=mean, samples=4_000, seed=1):
    """The estimate of one number per picture."""
    columns = columns_of(np.asarray(values, float))
    return estimate(columns, resampled_sums(columns, samples, seed), statistic)


@pytest.mark.slow
def test_intervals_cover_the_truth_at_the_rate_they_promise():
    """Of 2,000 simulated evaluations of 200 pictures, 93 to 97 % of the intervals of each number hold its truth."""
    for name, share in coverage(runs=2_000, pictures=200, samples=2_000).items():
        assert 0.93 <= share <= 0.97, name


def test_a_mean_has_the_interval_another_implementation_gives():
    """SciPy's BCa interval of the same values, but for the draws."""
    values = np.random.default_rng(3).beta(7, 2, 150)
    ours, theirs = of(values, samples=10_000), bootstrap((values,), np.mean, rng=5).confidence_interval
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)


def test_pictures_without_a_valid_value_stand_outside():
    """NaN changes neither the mean nor its interval, as long as the valid pictures are the same number of draws."""
    values = np.random.default_rng(4).random(100)
    with_gaps = np.insert(values, [3, 50, 99], np.nan)
    assert of(with_gaps).value == of(values).value
    assert (of(with_gaps).low, of(with_gaps).high) == pytest.approx((of(values).low, of(values).high), abs=0.01)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], (None, None, None)),
        ([np.nan, np.nan], (None, None, None)),
        ([0.5], (0.5, None, None)),
        ([0.5, np.nan], (0.5, None, None)),
        ([1.0, 1.0, 1.0], (1.0, 1.0, 1.0)),
    ],
    ids=["no picture", "none valid", "one", "one valid", "all equal"],
)
def test_what_few_pictures_say(values, told):
    """No value without a valid picture, no interval with one; pictures that all agree have an interval without width."""
    assert of(values) == told


def test_the_same_seed_draws_the_same_pictures():
    """Whatever stands beside a column, its sums are the same bits; another seed gives others."""
    values = columns_of(np.random.default_rng(5).random(300))
    alone, beside = resampled_sums(values, 100, 7), resampled({"a": values[:, ::-1], "b": values}, 100, 7)
    assert np.array_equal(alone, beside["b"])
    assert not np.array_equal(alone, resampled_sums(values, 100, 8))


def test_sums_do_not_depend_on_the_order_they_are_added_in():
    """Pictures in another order with their draws give the same sums to the last bit."""
    values = columns_of(np.random.default_rng(6).random(1_001))
    order = np.random.default_rng(7).permutation(1_001)
    weights = np.random.default_rng(8).integers(0, 5, (50, 1_001)).astype(float)
    from pixmo.evaluate.statistics.resample import exact

    assert np.array_equal(weights @ exact(values), weights[:, order] @ exact(values[order]))


def test_cap_f1_is_made_of_two_means_over_their_own_pictures():
    """The harmonic mean of the mean recall and the mean consistency, each over its valid pictures."""
    recall, consistency = np.array([0.2, 0.6, 0.4]), np.array([0.9, np.nan, 0.7])
    columns = np.concatenate([columns_of(recall), columns_of(consistency)], axis=1)
    found = estimate(columns, resampled_sums(columns, 500, 1), f1_of_means)
    assert found.value == pytest.approx(2 * 0.4 * 0.8 / 1.2)
    assert found.low <= found.value <= found.high


def test_pictures_count_and_not_statements():
    """Four repeats of each picture's statements give no narrower interval of a pooled share than one."""
    yes = np.random.default_rng(9).integers(0, 11, 80).astype(float)
    once, four_times = (np.stack([yes * k, np.full(80, 10.0 * k)], axis=1) for k in (1, 4))
    narrow, wide = (estimate(c, resampled_sums(c, 1_000, 2), mean) for c in (four_times, once))
    assert narrow == wide
