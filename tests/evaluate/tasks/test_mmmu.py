"""MMMU's choices and open answers."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.mmmu import Parsed, mmmu_choice_score, mmmu_open_score, parse_choice
from pixmo.evaluate.tasks.mmmu_open import parse_open

OPTIONS = ["larva", "adult larva", "pupa", "adult"]


@pytest.mark.parametrize(
    ("answer", "letter", "rule"),
    [
        ("B", "B", "letter"),
        ("B.", "B", "letter"),
        ("It must be (C), not (B).", "B", "bracket"),
        ("A or D", "D", "letter"),
        ("I think that A fits, and (C) too", "C", "bracket"),
        ("What the picture shows is a pupa", "C", "content"),
        ("Look.\nAnswer: C", "C", "letter"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_published_rules_are_read_in_their_order(answer, letter, rule, legacy):
    """Brackets before letters before words; of several the last; of those at one place the first."""
    assert parse_choice(answer, OPTIONS, legacy=legacy) == Parsed(letter, rule)


def test_words_of_the_longer_option_count():
    """Who writes `adult larva` does not mean `larva`; the original takes the option that begins last."""
    answer = "What the picture shows is an adult larva"
    assert parse_choice(answer, OPTIONS) == Parsed("B", "content")
    assert parse_choice(answer, OPTIONS, legacy=True) == Parsed("A", "content")


@pytest.mark.parametrize("answer", ["C: pupa", "C. pupa", "C) pupa"])
def test_letter_with_its_mark_is_read(answer):
    """A letter and its option is a letter; the original finds nothing in it and draws."""
    assert parse_choice(answer, OPTIONS) == Parsed("C", "mark")
    assert parse_choice(answer, OPTIONS, legacy=True).rule == "chance"


@pytest.mark.parametrize("answer", ["pupa", "", None, "no idea", "E", "E. none", "B.C."])
def test_unparsed_answer_is_wrong_and_told(answer):
    """Whatever the right letter is, an answer without one does not tell it."""
    for letter in "ABCD":
        assert mmmu_choice_score(answer, OPTIONS, letter) == (0, None, "unparsed")


def test_original_draws_letters_of_unparsed_answers_in_order():
    """One generator with the original's seed gives its letters: those of Python's `random.seed(42)`."""
    rng = Random(42)
    drawn = [parse_choice("no idea", OPTIONS, legacy=True, rng=rng).letter for _ in range(8)]
    assert drawn == ["A", "A", "C", "B", "B", "B", "A", "A"]
    assert parse_choice("no idea", OPTIONS, legacy=True).letter == "A"


def test_letters_stay_with_their_options():
    """An empty option has no letter and takes none away; in the original those after it move up."""
    assert mmmu_choice_score("C", ["larva", "", "pupa"], "C").correct == 1
    assert parse_choice("(B)", ["larva", "", "pupa"]).letter is None
    assert parse_choice("(B)", ["larva", "", "pupa"], legacy=True).letter == "B"


@pytest.mark.parametrize(
    ("answer", "answers", "correct"),
    [
        ("24", ["24"], 1),
        ("The result is 1,234.567", ["1234.57"], 1),
        ("x = 5", ["5"], 1),
        ("x = 5", ["6", "5.0"], 1),
        ("It is a bar chart", ["bar chart"], 1),
        ("It is a bar chart", ["pie chart"], 0),
        ("unknown", ["no"], 1),
        ("unknown", ["n"], 0),
        ("so n is the name", ["name"], 1),
        ("-3e2", ["-300"], 1),
        (None, ["5"], 0),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_open_answers_are_read_by_the_published_rules(answer, answers, correct, legacy):
    """Numbers to two decimals, texts by containing the reference, single letters only beside a space."""
    assert mmmu_open_score(answer, answers, legacy=legacy).correct == correct


def test_open_answers_are_split_into_sentences():
    """Each sentence may tell the answer; the original only sees the end of the last."""
    assert mmmu_open_score("The answer is 5. It is clear.", ["5"]).correct == 1
    assert mmmu_open_score("The answer is 5. It is clear.", ["5"], legacy=True).correct == 0


@given(st.text(alphabet="0123456789.,eE-+ \nxA", max_size=40))
def test_numbers_are_told_once_each(text):
    """What is read has no repeats, and is the same each time."""
    told = parse_open(text)
    assert len(told) == len(set(told))
    assert told == parse_open(text)


@pytest.mark.parametrize(
    "hostile",
    [
        "1" * 10**6,
        "1" * 10**6 + "x",
        "1," * 500_000,
        "1,111" * 200_000,
        "is " * 300_000,
        "-." * 500_000,
        "\n" * 10**6 + "x",
        "\x00\u202e\ud800",
    ],
    ids=["digits", "digits and a letter", "commas", "thousands", "words", "marks", "lines", "control"],
)
def test_hostile_predictions_are_wrong(hostile):
    """Megabytes of anything are read once and are wrong."""
    assert mmmu_open_score(hostile, ["24", "bar"]).correct == 0
    assert mmmu_choice_score(hostile, OPTIONS, "C").correct == 0


@pytest.mark.parametrize("options", [[], ["", ""], ["x"] * 27])
def test_options_must_be_there(options):
    """None, or more than there are letters, are refused."""
    with pytest.raises(BadRecord, match="between 1 and 26 options"):
        parse_choice("A", options)


def test_right_letter_must_be_an_options():
    """A true letter without an option is a wrong request, and so are no references."""
    with pytest.raises(BadRecord, match="no option has the letter 'E'"):
        mmmu_choice_score("A", OPTIONS, "E")
    with pytest.raises(BadRecord, match="no reference answers"):
        mmmu_open_score("A", [])
