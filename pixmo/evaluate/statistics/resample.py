"""Confidence intervals from resampled pictures.

A statement of a picture is no independent witness: what a picture shows decides many verdicts at once. So pictures are drawn, and with
a picture all that belongs to it: every model's caption, every statement, every repeat.

A *statistic* is a function of sums over pictures: a mean is the sum of values over the number of valid ones, cap-F1 of the means is made
of four sums, kappa of the cells of a table. It takes sums along its last axis and gives NaN where it is not defined. So one matrix
product per draw serves every number of a report, and leaving one picture out is a subtraction.

Sums are exact: columns are rounded to 2^-24, so no machine adds them up otherwise, in whatever order it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Key = TypeVar("Key")
Floats: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], Floats]
"""Sums over pictures, along the last axis, to one number each."""

SAMPLES = 10_000
_DRAWN_AT_ONCE = 2**19
_GRID = 2.0**24


class Estimate(NamedTuple):
    """A number with its interval. The value is None where it is not defined, the interval with fewer than two pictures."""

    value: float | None
    low: float | None
    high: float | None


def exact(columns: Floats) -> Floats:
    """The columns on a grid on which sums of up to 2^29 are exact in any order."""
    return np.round(np.asarray(columns, np.float64) * _GRID) / _GRID


def resampled_sums(columns: Floats, samples: int = SAMPLES, seed: int = 0) -> Floats:
    """Sums (samples, k) of columns (pictures, k) over as many pictures drawn with replacement.

    Equal numbers of pictures, samples and seed draw the same pictures, also in later versions of numpy: its RandomState is frozen.
    """
    pictures = len(columns)
    draw = np.random.RandomState(seed)
    columns, sums = exact(columns), np.zeros((samples, columns.shape[1]))
    step = max(1, _DRAWN_AT_ONCE // max(1, pictures))
    for start in range(0, samples if pictures else 0, step):
        rows = min(step, samples - start)
        drawn = draw.randint(0, pictures, (rows, pictures), dtype=np.int32) + np.arange(rows)[:, None] * pictures
        times = np.bincount(drawn.ravel(), minlength=rows * pictures).reshape(rows, pictures)
        sums[start : start + rows] = times.astype(np.float64) @ columns
    return sums


def resampled(blocks: Mapping[Key, Floats], samples: int = SAMPLES, seed: int = 0) -> dict[Key, Floats]:
    """`resampled_sums` of several blocks of columns over the same pictures, drawn once for all of them."""
    if not blocks:
        return {}
    sums = resampled_sums(np.concatenate(list(blocks.values()), axis=1), samples, seed)
    ends = np.cumsum([block.shape[1] for block in blocks.values()])[:-1]
    return dict(zip(blocks, np.split(sums, ends, axis=1), strict=True))


def estimate(columns: Floats, sums: Floats, statistic: Statistic, level: float = 0.95) -> Estimate:
    """The statistic of columns (pictures, k) with its interval from `resampled_sums` of them.

    The interval is BCa (Efron 1987): percentiles moved by the bias of the draws and by how much the spread grows with the value.
    Plain percentiles cover as well with 200 pictures, but a point or two worse with 50 or less and with means near 0 or 1.
    """
    columns = exact(columns)
    value = float(statistic(columns.sum(0)))
    drawn = statistic(sums)
    drawn = np.sort(drawn[np.isfinite(drawn)])
    if not np.isfinite(value) or len(drawn) == 0 or pictures_in(columns) < 2:
        return Estimate(value if np.isfinite(value) else None, None, None)
    low, high = np.quantile(drawn, _percentiles(columns, drawn, statistic, value, level))
    return Estimate(value, float(low), float(high))


def pictures_in(columns: Floats) -> int:
    """How many pictures add anything to the sums."""
    return int(np.count_nonzero(columns.any(axis=1)))


def without_each(columns: Floats, statistic: Statistic) -> Floats:
    """The statistic (pictures,) with each picture left out in turn; NaN where that leaves nothing."""
    columns = exact(columns)
    return statistic(columns.sum(0) - columns)


def _percentiles(columns: Floats, drawn: Floats, statistic: Statistic, value: float, level: float) -> Floats:
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    below = (np.searchsorted(drawn, value, "left") + np.searchsorted(drawn, value, "right")) / 2 / len(drawn)
    if not 0 < below < 1:
        return tails
    moved = ndtri(below) + ndtri(tails)
    return np.asarray(ndtr(ndtri(below) + moved / (1 - _acceleration(columns, statistic) * moved)))


def _acceleration(columns: Floats, statistic: Statistic) -> float:
    without = without_each(columns[columns.any(axis=1)], statistic)
    pull = without[np.isfinite(without)]
    pull = pull.mean() - pull if len(pull) else pull
    spread = float((pull**2).sum())
    return float((pull**3).sum()) / (6 * spread**1.5) if spread > 1e-30 else 0.0
