"""MathVista without a model: an answer is read by rules, brought to the type of the question, and compared.

Published scores let GPT-4 read the answers first; what rules read is told, and scores of the two are not comparable. `legacy=True` is
the way of Molmo's evaluator when it has no key, and there numbers must be the whole answer. Differences by default:
a letter is looked for (`(B)`, `B.`, `answer is B`) before the nearest option is taken, and an option once found is not read again, where the
original takes a colon within it for a letter's; the last number or list of an answer is read; references are brought to the same form,
so that `1.20` is `1.2` and `[1,2]` is `[1, 2]`.
Kept as published: whole numbers are cut off, not rounded: `8.9` is 8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz.distance.Levenshtein import distance

from pixmo.errors import BadRecord, UnknownName
from pixmo.evaluate.tasks.chart import LONGEST
from pixmo.evaluate.tasks.choice import select_option

QUESTION_TYPES = ("multi_choice", "free_form")
ANSWER_TYPES = ("text", "integer", "float", "list")
RULES = ("same", "letter", "nearest", "whole", "last", "none")

_QUOTED = re.compile(r'The answer is "([^"\n]*+)"\.')
_LETTER = re.compile(r"\(?([A-Za-z])\)?[.:]?")
_LETTER_AHEAD = re.compile(r"\(([A-Za-z])\)|([A-Z])[.:)](?!\w)")
_LETTER_TOLD = re.compile(r"[Aa]nswer(?: is)?:? *\(?([A-Z])\b")
_NUMBER = re.compile(r"(?:-|(?<![\d.]))(?:\d{1,3}(?:,\d{3})++(?![\d,])|\d++)(?:\.\d++)?|-?(?<!\d)\.\d++")
_LIST = re.compile(r"\[[^\[\]]*+\]")
_COLON = re.compile(r"([a-zA-Z]):")


class Problem(NamedTuple):
    """What MathVista tells of a question: the answer, its types, the options of a choice, and the decimals of a float."""

    answer: str
    question_type: str
    answer_type: str
    choices: Sequence[str] = ()
    precision: float | None = None


class Extracted(NamedTuple):
    """The part of an answer that is compared, and the rule that found it, one of RULES."""

    text: str
    rule: str


class MathVistaScore(NamedTuple):
    """1.0 or 0.0; what was compared, None where it is not of the question's type; and the rule that found it."""

    correct: float
    told: str | None
    rule: str


def mathvista_score(prediction: str | None, problem: Problem, *, legacy: bool = False) -> MathVistaScore:
    """Whether an answer is right by rules alone. Raises UnknownName for other types, BadRecord for a choice without options."""
    _require(problem)
    text, rule = extract_answer(prediction, problem, legacy=legacy)
    told = normalise_answer(text, problem, legacy=legacy)
    if legacy:
        return MathVistaScore(float(told == problem.answer), told, rule)
    right = (
        problem.answer.strip() if problem.question_type == "multi_choice" else normalise_answer(problem.answer, problem)
    )
    return MathVistaScore(float(told is not None and told == right), told, rule)


def _require(problem: Problem) -> None:
    if problem.question_type not in QUESTION_TYPES:
        raise UnknownName("type of question", problem.question_type, QUESTION_TYPES)
    if problem.answer_type not in ANSWER_TYPES:
        raise UnknownName("type of answer", problem.answer_type, ANSWER_TYPES)
    if problem.question_type == "multi_choice" and not problem.choices:
        raise BadRecord("a question of type multi_choice has no choices")


def extract_answer(prediction: str | None, problem: Problem, *, legacy: bool = False) -> Extracted:
    """The part of an answer that matters, by rules: an option, a number, a list, or all of it."""
    text = (prediction or "").strip()
    if legacy:
        return _extract_as_molmo(text, problem)
    if quoted := _QUOTED.search(text):
        text = quoted[1].strip()
    if problem.question_type == "multi_choice":
        return _option(text, problem.choices)
    if problem.answer_type == "text":
        return Extracted(text, "whole")
    found = (_LIST if problem.answer_type == "list" else _NUMBER).findall(text)
    if not found:
        return Extracted("", "none")
    return Extracted(found[-1].replace(",", "") if problem.answer_type != "list" else found[-1], _rule(text, found[-1]))


def _rule(text: str, found: str) -> str:
    return "whole" if text == found else "last"


def _option(text: str, choices: Sequence[str]) -> Extracted:
    small = [choice.strip().lower() for choice in choices]
    if text.lower() in small:
        return Extracted(choices[small.index(text.lower())], "same")
    found = _LETTER.fullmatch(text) or _LETTER_AHEAD.match(text) or _LETTER_TOLD.search(text)
    if found and (letter := next(group for group in found.groups() if group)):
        number = ord(letter.upper()) - ord("A")
        if number < len(choices):
            return Extracted(choices[number], "letter")
    return Extracted(_nearest(text, choices), "nearest")


def _nearest(text: str, choices: Sequence[str]) -> str:
    edits = [distance(text, choice) for choice in choices]
    return choices[edits.index(min(edits))]


def _extract_as_molmo(text: str, problem: Problem) -> Extracted:
    if problem.question_type == "multi_choice":
        option, rule = select_option(text, _letters(problem.choices), legacy=True)
        return Extracted(problem.choices[option], rule)
    return Extracted(text, "whole")


def _letters(choices: Sequence[str]) -> list[str]:
    return [chr(ord("A") + number) for number in range(len(choices))]


def normalise_answer(text: str, problem: Problem, *, legacy: bool = False) -> str | None:
    """An extracted answer in the form of its type: an option's text, a whole number, a rounded one, a list, a text; None if it is none."""
    if problem.question_type == "multi_choice":
        return _read_again(text, problem.choices) if legacy else text.strip()
    match problem.answer_type:
        case "integer":
            number = _number(text)
            return None if number is None else str(int(number))
        case "float":
            number = _number(text)
            return None if number is None else str(_rounded(number, problem.precision))
        case "list" if not legacy:
            return " ".join(text.replace(",", ", ").replace("[", " [ ").replace("]", " ] ").split())
    return text


def _read_again(text: str, choices: Sequence[str]) -> str:
    """The option a text means to the original: a letter before a colon, a letter alone, else the nearest."""
    text = text.strip()
    if found := _COLON.search(text):
        text = found[1].upper()
    letters = _letters(choices)
    return choices[letters.index(text)] if text in letters else _nearest(text, choices)


def _number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        number = float(text) if len(text) <= LONGEST else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < float("inf") else None


def _rounded(number: float, precision: float | None) -> float:
    return number if precision is None else round(number, int(precision))
