"""Counting (CountBenchQA, PixMo-Count): the number an answer tells, right, nearly right, or none at all.

Difference from the original that `legacy=True` undoes: `none` is zero, where a backspace in the original's pattern kept its rule from
ever finding one (`pixmo.text.counting`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

from pixmo.errors import BadRecord
from pixmo.text.counting import parse_count
from pixmo.text.molmo2 import parse_points

CLOSE = 1


class CountScore(NamedTuple):
    """One answer: the number it tells, if any; exactly right; off by one at most; whether there is a number."""

    parsed: int | None
    correct: float
    close: float
    valid: float


def count_score(prediction: str | None, count: int, *, by_points: bool = False, legacy: bool = False) -> CountScore:
    """How an answer counts `count` things. `by_points`: points in it, where there are any, are counted instead, as Molmo2 does."""
    text = prediction or ""
    parsed = len(parse_points(text)) if by_points else 0
    told = parsed or parse_count(text, legacy=legacy)
    if told is None:
        return CountScore(None, 0.0, 0.0, 0.0)
    return CountScore(told, float(told == count), float(abs(told - count) <= CLOSE), 1.0)


class CountSummary(NamedTuple):
    """Means over all examples; the share that is correct for each true count, in order; and the mean of these shares."""

    correct: float
    close: float
    valid: float
    correct_per_count: dict[int, float]
    per_category_average: float


def count_summary(scores: Iterable[tuple[int, CountScore]]) -> CountSummary:
    """The summary of (true count, score) pairs. Raises BadRecord without any."""
    by_count: dict[int, list[CountScore]] = defaultdict(list)
    for count, score in scores:
        by_count[count].append(score)
    if not by_count:
        raise BadRecord("no counts to summarise")
    every = [score for group in by_count.values() for score in group]
    per_count = {count: fmean(score.correct for score in by_count[count]) for count in sorted(by_count)}
    return CountSummary(
        fmean(score.correct for score in every),
        fmean(score.close for score in every),
        fmean(score.valid for score in every),
        per_count,
        fmean(per_count.values()),
    )
