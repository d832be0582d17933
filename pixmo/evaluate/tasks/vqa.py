"""VQA score: how many of ten people gave the answer of the model, three being enough.

Differences from the original that `legacy=True` undoes: all periods are removed, not the first 32 only (a regex flag was passed as the
number of replacements), and empty lines are no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pixmo.evaluate.tasks.answers import final_answer, require_answers, require_pairs
from pixmo.evaluate.tasks.vqa_words import normalise

ENOUGH = 3
SHORT = 100
"""Longest text, in characters, that is worth remembering."""


def vqa_score(
    prediction: str | None, answers: Sequence[str], *, leave_one_out: bool = False, legacy: bool = False
) -> float:
    """min(matches / 3, 1) after normalising, `matches` being the reference answers that are the same as the prediction.

    `leave_one_out` is the formula of the VQA challenge: the mean of this over the subsets that leave one reference out (0 for a single
    reference: nothing is left). Raises BadRecord without references.
    """
    require_answers(answers)
    told = normalise(final_answer(prediction, legacy=legacy), legacy=legacy)
    matches = sum(normalise(answer, legacy=legacy) == told for answer in answers)
    return _share(matches, len(answers), leave_one_out)


def _share(matches: int, n_answers: int, leave_one_out: bool) -> float:
    if not leave_one_out:
        return min(matches / ENOUGH, 1.0)
    without_a_match = matches * min((matches - 1) / ENOUGH, 1.0)
    without_another = (n_answers - matches) * min(matches / ENOUGH, 1.0)
    return (without_a_match + without_another) / n_answers


def vqa_scores(
    predictions: Sequence[str | None],
    answers: Sequence[Sequence[str]],
    *,
    leave_one_out: bool = False,
    legacy: bool = False,
) -> NDArray[np.float64]:
    """`vqa_score` of each prediction and its references, in order; fast, as references repeat and only different ones are normalised."""
    require_pairs(predictions, answers)
    known = _remembering(legacy)
    scores = np.empty(len(predictions))
    for i, (prediction, here) in enumerate(zip(predictions, answers, strict=True)):
        require_answers(here)
        told = normalise(final_answer(prediction, legacy=legacy), legacy=legacy)
        matches = sum(here.count(answer) for answer in set(here) if known(answer) == told)
        scores[i] = _share(matches, len(here), leave_one_out)
    return scores


def _remembering(legacy: bool) -> Callable[[str], str]:
    """`normalise` that remembers the last 65,536 short texts: a few megabytes, whatever comes."""

    @lru_cache(maxsize=2**16)
    def of_short(text: str) -> str:
        return normalise(text, legacy=legacy)

    return lambda text: of_short(text) if len(text) <= SHORT else normalise(text, legacy=legacy)


def direct_answer_score(prediction: str | None, answers: Sequence[str], *, legacy: bool = False) -> float:
    """The score of A-OKVQA's direct answers: min(matches / 3, 1), texts compared without case and outer white space, nothing else."""
    require_answers(answers)
    told = final_answer(prediction, legacy=legacy).lower().strip()
    return min(sum(answer.lower().strip() == told for answer in answers) / ENOUGH, 1.0)
