"""Clocks."""

from __future__ import annotations

import math

import pytest

from pixmo.evaluate.tasks.clock import clock_score
from tests.evaluate.tasks.golden_metrics import METRICS, brief, told


def parts_of(example, *, legacy):
    """The parts of a score that were asked."""
    time = (example["hour"], example["minute"], example["second"])
    score = clock_score(example["prediction"], *time, real_image=example["real_image_test"], legacy=legacy)
    return {part: value for part, value in score._asdict().items() if value is not None}


@pytest.mark.parametrize("example", METRICS["clock"], ids=told)
def test_score_is_the_original_or_corrected_one(example):
    """By default the corrected values, with `legacy` those of the original: nan where it fails."""
    corrected = example.get("corrected", example["scores"])
    original = dict.fromkeys(corrected, math.nan) if example["scores"] is None else example["scores"]
    assert parts_of(example, legacy=False) == corrected
    assert parts_of(example, legacy=True) == pytest.approx(original, nan_ok=True)


@pytest.mark.parametrize(
    ("prediction", "hour", "minute", "real_image", "close"),
    [
        ("3:03", 3, 0, False, 1),
        ("3:04", 3, 0, False, 0),
        ("3:59", 3, 0, True, 1),
        ("3:59", 3, 0, False, 0),
        ("11:59", 12, 0, True, 1),
    ],
)
def test_how_far_minutes_may_be_off(prediction, hour, minute, real_image, close):
    """Within 3 minutes; of real pictures within 1, over the full hour as well."""
    assert clock_score(prediction, hour, minute, real_image=real_image).all_close == close


@pytest.mark.parametrize("hour", range(24))
def test_each_hour_of_a_day_is_told_with_am_and_pm(hour):
    """Twelve PM is noon and twelve AM midnight."""
    told_time = f"{(hour - 1) % 12 + 1}:30 {'AM' if hour < 12 else 'PM'}"
    assert clock_score(told_time, hour, 30).all_correct == 1


@pytest.mark.parametrize(
    ("prediction", "hour", "correct"), [("12:05 PM", 0, 0), ("12:05 AM", 12, 1), ("12:05", 0, 1), ("0:05", 12, 0)]
)
def test_noon_is_not_midnight(prediction, hour, correct):
    """12 PM never is; 12 AM is both, for the data's own texts call noon AM; 12 alone is both, for a face of twelve hours."""
    assert clock_score(prediction, hour, 5).hour_correct == correct


@pytest.mark.parametrize("real_image", [False, True])
@pytest.mark.parametrize(
    "hostile",
    [None, "", ":" * 10**6, "9" * 10**6 + ":9", "\x00:\x00", "\u202e\ud800:", "1" * 18 + ":" + "1" * 18],
    ids=brief,
)
def test_hostile_predictions_are_wrong(hostile, real_image):
    """Megabytes, control characters and numbers that no clock shows are wrong answers, nothing more."""
    assert clock_score(hostile, 10, 20, real_image=real_image).overall_close == 0
