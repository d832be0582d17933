"""MathVista's answers, read without a model."""

from __future__ import annotations

import pytest

from pixmo.errors import BadRecord, UnknownName
from pixmo.evaluate.tasks.mathvista import Problem, mathvista_score

CHOICE = Problem("8/11", "multi_choice", "text", ("3/11", "8/11", "6/11", "3/5"))
INTEGER = Problem("1400", "free_form", "integer")
FLOAT = Problem("1.20", "free_form", "float", precision=1.0)
LIST = Problem("[2007, 2008]", "free_form", "list")
TEXT = Problem("blue", "free_form", "text")


@pytest.mark.parametrize(
    ("answer", "correct", "rule"),
    [
        ("8/11", 1, "same"),
        ("B", 1, "letter"),
        ("(b)", 1, "letter"),
        ("B.", 1, "letter"),
        ("B: 8/11", 1, "letter"),
        ("(B) 8/11", 1, "letter"),
        ("The correct answer is (B) 8/11.", 1, "letter"),
        ("Answer: B", 1, "letter"),
        ('So 3 of 5. The answer is "B".', 1, "letter"),
        ("D", 0, "letter"),
        ("E", 0, "nearest"),
        ("8 / 11", 1, "nearest"),
        (None, 0, "nearest"),
    ],
)
def test_option_is_told_by_its_text_or_letter(answer, correct, rule):
    """The same text, else a letter, else the nearest; which of them is told."""
    score = mathvista_score(answer, CHOICE)
    assert (score.correct, score.rule) == (correct, rule)


@pytest.mark.parametrize(
    ("answer", "problem", "correct", "rule"),
    [
        ("1400", INTEGER, 1, "whole"),
        ("1400.9", INTEGER, 1, "whole"),
        ("There are 1,400 of 2 kinds, in all 1,400.", INTEGER, 1, "last"),
        ("From 1400 to 1500", INTEGER, 0, "last"),
        ("many", INTEGER, 0, "none"),
        ("1.2", FLOAT, 1, "whole"),
        ("$1.24", FLOAT, 1, "last"),
        ("-1.2", FLOAT, 0, "whole"),
        ("[2007,2008]", LIST, 1, "whole"),
        ("Between 2007 and 2008: [2007, 2008].", LIST, 1, "last"),
        ("2007 and 2008", LIST, 0, "none"),
        (" blue ", TEXT, 1, "whole"),
        ('The answer is "blue".', TEXT, 1, "whole"),
        ("red", TEXT, 0, "whole"),
    ],
)
def test_free_answers_are_read_by_their_type(answer, problem, correct, rule):
    """The last number or list of an answer, brought to the form of the question's type on both sides."""
    score = mathvista_score(answer, problem)
    assert (score.correct, score.rule) == (correct, rule)


@pytest.mark.parametrize(
    ("answer", "problem", "correct"),
    [
        ("B", CHOICE, 1),
        ("The correct answer is (B)", CHOICE, 0),
        ("1400", INTEGER, 1),
        ("1400.9", INTEGER, 1),
        ("in all 1400", INTEGER, 0),
        ("1.2", FLOAT, 0),
        ("1.24", FLOAT._replace(answer="1.2"), 1),
        ("[2007,2008]", LIST, 0),
        ("[2007, 2008]", LIST, 1),
        ("blue", TEXT, 1),
        ("x:2", Problem("b:2", "multi_choice", "text", ("x", "b:2")), 0),
    ],
)
def test_legacy_is_molmos_way_without_a_key(answer, problem, correct):
    """Whole answers only; the nearest of the letters; references as they are."""
    assert mathvista_score(answer, problem, legacy=True).correct == correct


def test_colon_within_an_option_is_no_letters():
    """The option `ratio a:b` is not the first one, as it is to the original."""
    problem = Problem("ratio a:b", "multi_choice", "text", ("area", "ratio a:b"))
    assert mathvista_score("B", problem).correct == 1
    assert mathvista_score("B", problem, legacy=True).correct == 0


@pytest.mark.parametrize("problem", [CHOICE, INTEGER, FLOAT, LIST, TEXT], ids=lambda problem: problem.answer_type)
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "hostile",
    ["9" * 10**6, "1,111" * 200_000, "[" * 10**6, "answer " * 150_000, '"' * 10**6, "1e999", "nan", "\x00\u202e\ud800"],
    ids=["digits", "thousands", "brackets", "words", "quotes", "infinite", "nan", "control"],
)
def test_hostile_predictions_are_wrong(hostile, problem, legacy):
    """Megabytes of anything are read once and are wrong."""
    assert mathvista_score(hostile, problem, legacy=legacy).correct == 0


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        (CHOICE._replace(choices=()), BadRecord),
        (CHOICE._replace(question_type="multiple"), UnknownName),
        (TEXT._replace(answer_type="int"), UnknownName),
    ],
)
def test_problems_of_other_types_are_refused(problem, error):
    """Types are MathVista's, and a choice has options."""
    with pytest.raises(error):
        mathvista_score("1", problem)
