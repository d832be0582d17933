"""MMMU: the letter, or the words and numbers, that a free answer tells.

Differences from the original that `legacy=True` undoes:
an answer without any letter is wrong and told as unparsed, where the original draws a letter by chance;
a letter with its mark (`B. larva`) is read;
letters are those of the options as given, where the original leaves out empty options and moves the letters after them up;
who writes `adult larva` means that option and not `larva`, which begins later;
open answers are split into sentences, where the original looks for capitals after it made them small and finds no sentence's end.
Kept as published: ` A ` is a letter, be it the article; the last candidate counts; a text answer is right if it contains the reference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from string import ascii_uppercase
from typing import NamedTuple

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.answers import final_answer, require_answers
from pixmo.evaluate.tasks.mmmu_open import normal_forms, parse_open

RULES = ("bracket", "letter", "mark", "content", "chance", "unparsed")
SEED = 42
CONTENT_WORDS = 5  # an answer needs more to be searched for the words of an option
_OUTER = ",.!?;:'"
_LETTER_WITH_MARK = re.compile(r"\s*([A-Z])[.:)](?!\w)")


class Parsed(NamedTuple):
    """The letter that is meant, None if none, and the rule that found it, one of RULES."""

    letter: str | None
    rule: str


def parse_choice(
    prediction: str | None, options: Sequence[str], *, legacy: bool = False, rng: Random | None = None
) -> Parsed:
    """The letter an answer tells: `(B)`, else ` B `, else `B.` at its beginning, else the words of an option in a longer answer.

    Of several the one that stands last. `legacy`: where there is none, one drawn from `rng`: give one `Random(42)` to a whole run, in the
    original's order, and the letters are the original's, unless other code drew from the process's generator in between.
    Raises BadRecord for no options, and for more than 26.
    """
    named = _named(options, legacy)
    text = final_answer(prediction, legacy=legacy)
    for mark in _OUTER:
        text = text.strip(mark)
    text = f" {text} "
    if found := _last(text, {letter: f"({letter})" for letter in named}, not legacy):
        return Parsed(found, "bracket")
    if found := _last(text, {letter: f" {letter} " for letter in named}, not legacy):
        return Parsed(found, "letter")
    if not legacy and (marked := _LETTER_WITH_MARK.match(text)) and marked[1] in named:
        return Parsed(marked[1], "mark")
    if len(text.split()) > CONTENT_WORDS and (
        found := _last(text.lower(), {letter: option.lower() for letter, option in named.items()}, not legacy)
    ):
        return Parsed(found, "content")
    return Parsed((rng or Random(SEED)).choice(list(named)), "chance") if legacy else Parsed(None, "unparsed")


def _named(options: Sequence[str], legacy: bool) -> dict[str, str]:
    """Options by letter, without empty ones."""
    if legacy:
        options = [option for option in options if option]
    if not any(options) or len(options) > len(ascii_uppercase):
        raise BadRecord(f"a question has between 1 and {len(ascii_uppercase)} options, not {len(options)}")
    return {letter: option for letter, option in zip(ascii_uppercase, options, strict=False) if option}


def _last(text: str, wanted: dict[str, str], by_end: bool) -> str | None:
    """The letter whose text ends last, the longest of those that end there; or begins last, which takes `larva` for `adult larva`."""
    places = {letter: (text.rfind(part), len(part)) for letter, part in wanted.items() if part in text}
    if not places:
        return None
    return max(places, key=lambda letter: (sum(places[letter]), places[letter][1]) if by_end else places[letter][:1])


class MmmuScore(NamedTuple):
    """1.0 or 0.0; what was read of the answer, None if nothing; and the rule that read it, one of RULES or `open`."""

    correct: float
    parsed: str | None
    rule: str


def mmmu_choice_score(
    prediction: str | None, options: Sequence[str], answer: str, *, legacy: bool = False, rng: Random | None = None
) -> MmmuScore:
    """Whether an answer tells the letter `answer`. Raises BadRecord as `parse_choice`, and where no option has that letter."""
    if answer not in _named(options, legacy):
        raise BadRecord(f"no option has the letter {answer[:40]!r}")
    letter, rule = parse_choice(prediction, options, legacy=legacy, rng=rng)
    return MmmuScore(float(letter == answer), letter, rule)


def mmmu_open_score(prediction: str | None, answers: Sequence[str], *, legacy: bool = False) -> MmmuScore:
    """Whether an answer tells one of `answers`: a number to two decimals, or a text that contains it. Raises BadRecord without any."""
    require_answers(answers)
    told = parse_open(final_answer(prediction, legacy=legacy), legacy=legacy)
    right = [form for answer in answers for form in normal_forms(answer)]
    is_right = any(_tells(part, form) for part in told for form in right)
    return MmmuScore(float(is_right), "; ".join(str(part) for part in told) or None, "open")


def _tells(told: str | float, right: str | float) -> bool:
    if isinstance(told, str) and isinstance(right, str):
        return right in told
    return told == right
