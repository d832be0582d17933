"""Multiple choice (AI2D, ScienceQA, A-OKVQA) and RealWorldQA: which of the options an answer means.

The rules are the published ones, and `legacy=True` gives the same but for empty lines (`final_answer`). What they do not tell is told
here: by which rule an option was selected. `nearest` always finds one, be the answer about something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz.distance.Levenshtein import distance

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.answers import final_answer
from pixmo.evaluate.tasks.vqa_words import normalise

LETTERS = ("A", "B", "C", "D")
RULES = ("same", "part", "nearest")


class Selected(NamedTuple):
    """The number of an option, from 0, and the rule that found it, one of RULES."""

    option: int
    rule: str


def select_option(prediction: str | None, options: Sequence[str], *, legacy: bool = False) -> Selected:
    """The option that is the same as the answer; else the only one the answer is a part of; else the one with the fewest edits.

    Without case and outer white space; the first of equally near ones. The cost of edits is the product of both lengths.
    Raises BadRecord for no options, and for two that are the same.
    """
    told = final_answer(prediction, legacy=legacy).lower().strip()
    small = [option.lower().strip() for option in options]
    if not small or len(set(small)) != len(small):
        raise BadRecord(
            f"options must be there, each different from the others without case and white space: {list(options)!r}"
        )
    if told in small:
        return Selected(small.index(told), "same")
    parts = [number for number, option in enumerate(small) if told in option]
    if len(parts) == 1:
        return Selected(parts[0], "part")
    edits = [distance(option, told) for option in small]
    return Selected(edits.index(min(edits)), "nearest")


def choice_score(prediction: str | None, options: Sequence[str], answer: int, *, legacy: bool = False) -> float:
    """1.0 where the selected option is number `answer`, from 0; else 0.0. Raises BadRecord as `select_option`, and for no such number."""
    if not 0 <= answer < len(options):
        raise BadRecord(f"the right option is number {answer} of {len(options)}, counted from 0")
    return float(select_option(prediction, options, legacy=legacy).option == answer)


def real_world_qa_score(prediction: str | None, answer: str, *, multiple_choice: bool, legacy: bool = False) -> float:
    """RealWorldQA: the option among A to D, or the same text after VQA's normalising.

    Raises BadRecord where a multiple-choice answer is none of A to D.
    """
    if multiple_choice:
        if answer not in LETTERS:
            raise BadRecord(
                f"the answer of a multiple-choice question is one of {', '.join(LETTERS)}, not {answer[:40]!r}"
            )
        return choice_score(prediction, LETTERS, LETTERS.index(answer), legacy=legacy)
    told = normalise(final_answer(prediction, legacy=legacy), legacy=legacy)
    return float(told == normalise(answer, legacy=legacy))
