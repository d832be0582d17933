"""ANLS: how like the nearest reference an answer is written, for answers that are read off a document (DocVQA, InfoQA, ST-VQA).

Difference from the original that `legacy=True` undoes: two empty texts are the same (1.0), where the original divides by zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance.Levenshtein import distance

from pixmo.evaluate.tasks.answers import final_answer, require_answers, require_pairs


def anls(prediction: str | None, answers: Sequence[str], *, legacy: bool = False) -> float:
    """1 - edit distance / length of the longer text, best over the references; 0 where half or more would have to be edited.

    Without case; white space counts in references. A text twice as long as the reference scores 0 unread, so that the cost grows with
    the square of a reference's length and never with that of a prediction's. `legacy`: nan where the original divides by zero.
    Raises BadRecord without references.
    """
    require_answers(answers)
    told = final_answer(prediction, legacy=legacy)
    return max(_likeness(told, told.lower(), answer, legacy) for answer in answers)


def _likeness(told: str, told_small: str, answer: str, legacy: bool) -> float:
    answer_small = answer.lower()
    # The original compares small letters and counts the length of what was given: a few letters change their number on the way.
    longest = max(len(told), len(answer)) if legacy else max(len(told_small), len(answer_small))
    if not longest:
        return math.nan if legacy else 1.0
    if told_small == answer_small:
        return 1.0
    most = (longest - 1) // 2
    if abs(len(told_small) - len(answer_small)) > most:
        return 0.0
    edits = distance(told_small, answer_small, score_cutoff=most)
    return 1 - edits / longest if edits <= most else 0.0


def anls_scores(
    predictions: Sequence[str | None], answers: Sequence[Sequence[str]], *, legacy: bool = False
) -> NDArray[np.float64]:
    """`anls` of each prediction and its references, in order."""
    require_pairs(predictions, answers)
    return np.array([anls(told, here, legacy=legacy) for told, here in zip(predictions, answers, strict=True)], float)
