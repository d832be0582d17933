"""ANLS."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.anls import anls, anls_scores
from tests.evaluate.tasks.golden_metrics import METRICS, brief, told

texts = st.text(alphabet="abAB \nİß", max_size=9)


@pytest.mark.parametrize("example", METRICS["anls"], ids=told)
def test_score_is_the_original_or_corrected_one(example):
    """By default the corrected value, with `legacy` that of the original: nan where it fails."""
    expected = math.nan if example["score"] is None else example["score"]
    prediction, answers = example["prediction"], example["answers"]
    assert anls(prediction, answers, legacy=True) == pytest.approx(expected, abs=1e-6, nan_ok=True)
    assert anls(prediction, answers) == pytest.approx(example.get("corrected", expected), abs=1e-6)


def by_definition(prediction: str, answers: list[str]) -> float:
    """The formula with the edit distance filled in row by row."""

    def likeness(a: str, b: str) -> float:
        row = list(range(len(b) + 1))
        for i, x in enumerate(a, 1):
            before, row[0] = row[0], i
            for j, y in enumerate(b, 1):
                before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
        share = row[-1] / max(len(a), len(b)) if a or b else 0.0
        return 1 - share if share < 0.5 else 0.0

    return max(likeness(prediction.lower(), answer.lower()) for answer in answers)


@given(st.lists(st.tuples(texts, st.lists(texts, min_size=1, max_size=4)), max_size=10))
def test_many_at_once_are_by_definition(examples):
    """The fast function and the plain formula agree to the last bit."""
    many = anls_scores([f"Answer: {p}" for p, _ in examples], [a for _, a in examples])
    assert many.tolist() == [by_definition(p.strip(), a) for p, a in examples]


def test_no_prediction_is_an_empty_one():
    """None and the empty text score alike."""
    assert anls(None, ["abc"]) == anls("", ["abc"]) == 0


def test_without_references_there_is_no_score():
    """No references is a wrong request."""
    with pytest.raises(BadRecord, match="no reference answers"):
        anls("abc", [])


@pytest.mark.parametrize("hostile", ["a" * 10**6, "\x00" * 10**6, "\ud800\u202e\x1b[2J"], ids=brief)
def test_hostile_predictions_have_a_score(hostile):
    """Megabytes and control characters are wrong answers, nothing more."""
    assert anls_scores([hostile], [["abc", "a" * 5000]]).tolist() == [0.0]
