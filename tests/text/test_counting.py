"""Numbers in answers: golden ones of the original code, and no number that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.text.counting import parse_count
from pixmo.text.molmo1 import format_points

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "prompts.json").read_text(encoding="utf-8"))
COUNTED = GOLDEN["v1_parse_count"]


@pytest.mark.parametrize("case", COUNTED, ids=range(len(COUNTED)))
def test_golden_answers_are_read(case):
    """As the original does, but `none` is 0; `legacy` reads no number there."""
    assert parse_count(case["text"]) == case.get("corrected", case["count"])
    assert parse_count(case["text"], legacy=True) == case["count"]


def test_some_golden_answers_are_corrected():
    """Else the test above would not tell the two ways apart."""
    assert sum("corrected" in case for case in COUNTED) == 3


def test_none_is_a_word_of_its_own():
    """Not a part of another one."""
    assert parse_count("None whatsoever") == 0
    assert parse_count("nonesuch, nonetheless") is None


@pytest.mark.parametrize("answer", ["9" * 5000, "a total of " + "9" * 5000 + " birds", "0" * 19])
def test_a_number_too_long_is_none(answer):
    """Python refuses to read thousands of digits; so do we, without failing."""
    assert parse_count(answer) is None


@given(st.integers(1, 40))
def test_counting_by_pointing_tells_the_number(count):
    """The sentence that points and counts is read as its count."""
    assert parse_count(format_points([(1, 2)] * count, "cups", mode="point_count")) == count


@given(st.text())
def test_no_answer_fails(text):
    """A number or None."""
    assert parse_count(text) is None or isinstance(parse_count(text), int)
