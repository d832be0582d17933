"""Counting."""

from __future__ import annotations

import pytest

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.counting import count_score, count_summary
from tests.evaluate.tasks.golden_metrics import METRICS, brief, told

EXAMPLES = METRICS["counting"]
PARTS = ("parsed", "correct", "close", "valid")


@pytest.mark.parametrize("example", EXAMPLES, ids=told)
def test_score_is_the_original_or_corrected_one(example):
    """By default the corrected values, with `legacy` those of the original."""
    original = {part: example[part] for part in PARTS}
    assert count_score(example["prediction"], example["count"], legacy=True)._asdict() == original
    assert count_score(example["prediction"], example["count"])._asdict() == example.get("corrected", original)


def test_summary_is_that_of_the_original():
    """Means over all, and the mean of the accuracies of each true count."""
    expected = METRICS["counting_aggregate"]
    summary = count_summary((e["count"], count_score(e["prediction"], e["count"], legacy=True)) for e in EXAMPLES)
    for part in ("correct", "close", "valid", "per_category_average"):
        assert getattr(summary, part) == pytest.approx(expected[part], abs=1e-6)
    assert {str(count): share for count, share in summary.correct_per_count.items()} == pytest.approx(
        expected["correct_per_count"], abs=1e-6
    )
    assert list(summary.correct_per_count) == sorted(summary.correct_per_count)


def test_points_count_where_they_are_asked_to():
    """Molmo2's answers are points; those without any are read as text."""
    points = '<points coords="1 1 100 200 2 300 400 3 500 600">cups</points>'
    assert count_score(points, 3, by_points=True).correct == 1
    assert count_score(points, 3).valid == 0
    assert count_score("There are none.", 0, by_points=True).correct == 1


@pytest.mark.parametrize(
    "hostile", [None, "", "9" * 10**6, "three " * 200_000 + "!", "\x00", "\u202e3\ud800"], ids=brief
)
def test_hostile_predictions_tell_no_number(hostile):
    """Megabytes, control characters and numbers of thousands of digits are no numbers."""
    assert count_score(hostile, 3, by_points=True) == (None, 0, 0, 0)


def test_nothing_cannot_be_summarised():
    """Without examples there is no mean."""
    with pytest.raises(BadRecord, match="no counts"):
        count_summary([])
