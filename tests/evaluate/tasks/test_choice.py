"""Multiple choice and RealWorldQA."""

from __future__ import annotations

import pytest

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.choice import choice_score, real_world_qa_score, select_option
from tests.evaluate.tasks.golden_metrics import METRICS, brief, told


@pytest.mark.parametrize("example", METRICS["multiple_choice"], ids=told)
def test_selected_option_is_that_of_the_original(example):
    """The same option as the original's rules select."""
    assert select_option(example["prediction"], example["options"]).option == example["index"]
    assert choice_score(example["prediction"], example["options"], example["index"]) == 1


@pytest.mark.parametrize("example", METRICS["multiple_choice_errors"], ids=told)
def test_options_that_are_the_same_are_refused(example):
    """Options must differ without case and white space."""
    with pytest.raises(BadRecord, match="each different"):
        select_option(example["prediction"], example["options"])


@pytest.mark.parametrize(
    ("answer", "rule"), [("Cat ", "same"), ("at", "part"), ("It is the cat", "nearest"), ("", "nearest")]
)
def test_rule_that_selected_is_told(answer, rule):
    """An answer that only comes near an option is known as such."""
    assert select_option(answer, ["dog", "cat", "bird"]).rule == rule


@pytest.mark.parametrize(("options", "answer"), [([], 0), (["a", "b"], 2), (["a", "b"], -1)])
def test_right_option_must_be_there(options, answer):
    """A number that is no option's is a wrong request."""
    with pytest.raises(BadRecord, match="counted from 0"):
        choice_score("a", options, answer)


def test_no_options_are_refused():
    """Something must be there to select."""
    with pytest.raises(BadRecord, match="options must be there"):
        select_option("a", [])


@pytest.mark.parametrize("hostile", ["z" * 10**6, "\x00" * 10**6, "\ud800\u202e"], ids=brief)
def test_hostile_predictions_select_the_nearest(hostile):
    """Whatever is answered, the published rules find an option, in time that grows with the length of the answer."""
    assert select_option(hostile, ["aa", "bbbb", "c"]).rule == "nearest"


@pytest.mark.parametrize(
    ("prediction", "answer", "multiple_choice", "score"),
    [
        ("b", "B", True, 1),
        ("Answer: C", "C", True, 1),
        ("D", "C", True, 0),
        ("The two.", "2", False, 1),
        ("two dogs", "2", False, 0),
        (None, "2", False, 0),
    ],
)
def test_real_world_qa(prediction, answer, multiple_choice, score):
    """Letters are selected as options, other answers compared after VQA's normalising."""
    assert real_world_qa_score(prediction, answer, multiple_choice=multiple_choice) == score


def test_real_world_qa_has_options_up_to_d():
    """A true answer that is no option is a wrong request."""
    with pytest.raises(BadRecord, match="one of A, B, C, D"):
        real_world_qa_score("E", "E", multiple_choice=True)
