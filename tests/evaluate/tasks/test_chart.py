"""Relaxed accuracy and exact match."""

from __future__ import annotations

import pytest

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.chart import exact_match, relaxed_accuracy
from tests.evaluate.tasks.golden_metrics import METRICS, brief, told

EXAMPLES = METRICS["relaxed_accuracy"]


@pytest.mark.parametrize("example", EXAMPLES, ids=told)
def test_relaxed_accuracy_is_the_original_or_corrected_one(example):
    """By default the corrected value, with `legacy` that of the original."""
    prediction, answers = example["prediction"], example["answers"]
    assert relaxed_accuracy(prediction, answers, legacy=True) == example["score"]
    assert relaxed_accuracy(prediction, answers) == example.get("corrected", example["score"])


@pytest.mark.parametrize("example", EXAMPLES, ids=told)
def test_exact_match_is_that_of_the_original(example):
    """The same text without case."""
    assert exact_match(example["prediction"], example["answers"]) == example["exact_match"]


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity"])
def test_words_that_python_reads_as_numbers_are_words(word):
    """`nan` is the same as `NaN`; to the original it equals nothing."""
    assert relaxed_accuracy(word, [word.upper()]) == 1
    assert relaxed_accuracy(word, [word.upper()], legacy=True) == 0


@pytest.mark.parametrize("hostile", [None, "", "9" * 10**6, "%" * 10**6, "\x00\u202e", "1e999999"], ids=brief)
def test_hostile_predictions_are_wrong(hostile):
    """Megabytes, control characters and numbers beyond all numbers are wrong answers, nothing more."""
    assert relaxed_accuracy(hostile, ["12", "0"]) == exact_match(hostile, ["12"]) == 0


@pytest.mark.parametrize("metric", [relaxed_accuracy, exact_match])
def test_without_references_there_is_no_score(metric):
    """No references is a wrong request."""
    with pytest.raises(BadRecord, match="no reference answers"):
        metric("12", [])
