"""VQA score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.answers import final_answer
from pixmo.evaluate.tasks.vqa import direct_answer_score, vqa_score, vqa_scores
from pixmo.evaluate.tasks.vqa_words import normalise
from tests.evaluate.tasks.golden_metrics import METRICS, brief, told

EXAMPLES = METRICS["vqa_score"]
WORDS = [
    "a",
    "the",
    "two",
    "none",
    "dont",
    "don't",
    "U.S.A.",
    "1,000",
    "2.5",
    "left/right",
    "red",
    "Red.",
    "-",
    "?",
    " ",
    "\n",
]
texts = st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=6).map(" ".join)


@pytest.mark.parametrize("example", EXAMPLES, ids=told)
def test_score_is_the_original_or_corrected_one(example):
    """By default the corrected value, with `legacy` that of the original."""
    prediction, answers = example["prediction"], example["answers"]
    assert vqa_score(prediction, answers, legacy=True) == pytest.approx(example["score"], abs=1e-6)
    assert vqa_score(prediction, answers) == pytest.approx(example.get("corrected", example["score"]), abs=1e-6)


@pytest.mark.parametrize("example", EXAMPLES, ids=told)
def test_leave_one_out_is_the_formula_of_the_challenge(example):
    """The mean over the ten subsets of nine references."""
    score = vqa_score(example["prediction"], example["answers"], leave_one_out=True, legacy=True)
    assert score == pytest.approx(example["leave_one_out"], abs=1e-6)


@pytest.mark.parametrize("example", EXAMPLES, ids=told)
def test_prediction_is_normalised_as_by_the_original(example):
    """The normal form is the same text."""
    assert normalise(final_answer(example["prediction"]), legacy=True) == example["normalised_prediction"]


@given(
    st.lists(st.tuples(texts | st.none(), st.lists(texts, min_size=1, max_size=10)), max_size=20),
    st.booleans(),
    st.booleans(),
)
def test_many_at_once_are_the_same_as_one_by_one(examples, leave_one_out, legacy):
    """The fast function and the simple one agree to the last bit."""
    how = {"leave_one_out": leave_one_out, "legacy": legacy}
    many = vqa_scores([p for p, _ in examples], [a for _, a in examples], **how)
    assert many.dtype == np.float64
    assert many.tolist() == [vqa_score(p, a, **how) for p, a in examples]


@given(texts, st.integers(0, 10))
def test_leave_one_out_equals_its_definition(text, n_matches):
    """The closed formula is the mean over subsets, each counted by hand."""
    answers = [text] * n_matches + ["something else"] * (10 - n_matches)
    subsets = [answers[:i] + answers[i + 1 :] for i in range(10)]
    by_hand = sum(vqa_score(f"Answer: {text}", subset) for subset in subsets) / 10
    assert vqa_score(f"Answer: {text}", answers, leave_one_out=True) == pytest.approx(by_hand)


def test_white_space_between_lines_is_no_answer():
    """Empty lines do not outvote the answer, as they do in the original."""
    assert vqa_score("red\n\n\nbecause of the light", ["red"] * 10) == 1
    assert vqa_score("red\n\n\nbecause of the light", ["red"] * 10, legacy=True) == 0


def test_no_prediction_is_an_empty_one():
    """None and the empty text score alike."""
    assert vqa_score(None, ["yes"] * 10) == vqa_score("", ["yes"] * 10) == 0


@pytest.mark.parametrize("answers", [[], "yes"])
def test_without_a_list_of_references_there_is_no_score(answers):
    """No references, or one text instead of a list, is a wrong request."""
    with pytest.raises(BadRecord, match="reference answers"):
        vqa_score("yes", answers)
    with pytest.raises(BadRecord, match="reference answers"):
        vqa_scores(["yes"], [answers])


def test_lists_of_different_lengths_are_refused():
    """Each prediction has its references."""
    with pytest.raises(BadRecord, match="2 predictions for 1 examples"):
        vqa_scores(["yes", "no"], [["yes"]])


@pytest.mark.parametrize(
    "hostile",
    ["a" * 10**6, "a, " * 300_000, "." * 10**6, "\n" * 10**6 + "x\ny", "\x00\x1b[2J\u202e", "-" * 10**6],
    ids=brief,
)
def test_hostile_predictions_have_a_score(hostile):
    """Megabytes and control characters are wrong answers, nothing more."""
    assert vqa_scores([hostile], [["red"] * 10]).tolist() == [0.0]


def test_direct_answers_are_only_compared_without_case():
    """A-OKVQA does not normalise: `the cat` is not `cat`."""
    assert direct_answer_score(" Cat", ["cat", "CAT ", "dog"]) == pytest.approx(2 / 3)
    assert direct_answer_score("the cat", ["cat"] * 10) == 0
