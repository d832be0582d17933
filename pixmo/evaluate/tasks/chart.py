"""Relaxed accuracy (ChartQA) and exact match.

Differences from the original that `legacy=True` undoes: a target of zero is a number like any other, where the original compares it as
a text, so that `0.0` missed `0`; and `nan` and `inf` are words, where the original reads numbers that equal nothing, not themselves.
Kept as published: no thousands separators, units or currency signs are read, and of a percentage only the prediction `12%` of `0.12`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pixmo.evaluate.tasks.answers import final_answer, require_answers

TOLERANCE = 0.05
LONGEST = 400
"""Characters of the longest text that is read as a number: more than any double needs."""


def relaxed_accuracy(prediction: str | None, answers: Sequence[str], *, legacy: bool = False) -> float:
    """1.0 where the answer is within 5 % of a reference's number, or the same text without case; else 0.0. Best over the references.

    `12%` is 0.12. Raises BadRecord without references.
    """
    require_answers(answers)
    told = final_answer(prediction, legacy=legacy)
    return float(any(_is_near(told, answer, legacy) for answer in answers))


def _is_near(told: str, answer: str, legacy: bool) -> bool:
    number, target = _number(told, legacy), _number(answer, legacy)
    if number is None or target is None or (legacy and target == 0):
        return told.lower() == answer.lower()
    if target == 0:
        return number == 0
    return abs(number - target) / abs(target) <= TOLERANCE


def _number(text: str, legacy: bool) -> float | None:
    if len(text) > LONGEST:
        return None
    try:
        number = float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
    return number if legacy or math.isfinite(number) else None


def exact_match(prediction: str | None, answers: Sequence[str], *, legacy: bool = False) -> float:
    """1.0 where the answer is a reference, without case; else 0.0. Raises BadRecord without references."""
    require_answers(answers)
    told = final_answer(prediction, legacy=legacy).lower()
    return float(any(told == answer.lower() for answer in answers))
