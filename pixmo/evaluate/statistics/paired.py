"""Two models on the same pictures: the difference, whether chance makes as large a one, and how many pictures would show it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from pixmo.evaluate.statistics.resample import (
    SAMPLES,
    Estimate,
    Floats,
    Statistic,
    estimate,
    exact,
    pictures_in,
    without_each,
)

MOST_EXACT = 13
"""Up to so many differing pictures all 2^n swaps are tried: no more than are drawn otherwise."""

_SWAPPED_AT_ONCE = 2**20
_EVEN = 1e-12  # swaps as large as what was seen are as large whatever the last bits say


class Paired(NamedTuple):
    """Second less first, with its interval; `p` of a two-sided sign-flip test; `spread` is the deviation of a picture's difference."""

    difference: Estimate
    p: float | None
    pictures: int
    spread: float | None


def paired(both: Floats, sums: Floats, statistic: Statistic, samples: int = SAMPLES, seed: int = 0) -> Paired:
    """Compares on columns (pictures, 2k): k of the first model and k of the second; `sums` are `resampled_sums` of them.

    Columns of a picture that only one of them has are 0. With one picture or none there is a difference at most.
    """
    both = exact(both)
    between = _between(statistic)
    difference = estimate(both, sums, between)
    pictures = pictures_in(both)
    if difference.value is None or pictures < 2:
        return Paired(difference, None, pictures, None)
    return Paired(difference, p_value(both, statistic, samples, seed), pictures, _spread(both, between, pictures))


def p_value(both: Floats, statistic: Statistic, samples: int = SAMPLES, seed: int = 0) -> float:
    """How often swapping the two models picture by picture gives a difference at least as large, were they equal.

    Exact when at most 13 pictures differ; else of `samples` swaps drawn by the seed, (1 + as large) / (1 + samples).
    """
    both = exact(both)
    first, second = np.split(both, 2, axis=1)
    apart = (second - first)[(second != first).any(axis=1)]
    seen = abs(float(_between(statistic)(both.sum(0))))
    as_large = tried = 0
    for swaps in _swaps(len(apart), samples, seed):
        moved = swaps @ apart
        found = statistic(second.sum(0) - moved) - statistic(first.sum(0) + moved)
        as_large += int(np.count_nonzero(np.abs(found) >= seen - _EVEN))
        tried += len(swaps)
    return as_large / tried if len(apart) <= MOST_EXACT else (as_large + 1) / (tried + 1)


def pictures_needed(spread: float, difference: float, power: float = 0.8, level: float = 0.05) -> int | None:
    """How many pictures show a difference of this size with this power in a two-sided test; None for no difference."""
    if not difference or not math.isfinite(difference):
        return None
    return max(2, math.ceil((_reach(power, level) * spread / difference) ** 2))


def detectable(spread: float, pictures: int, power: float = 0.8, level: float = 0.05) -> float:
    """The difference that so many pictures show with this power."""
    return _reach(power, level) * spread / math.sqrt(pictures)


def _reach(power: float, level: float) -> float:
    return float(ndtri(1 - level / 2) + ndtri(power))


def _between(statistic: Statistic) -> Statistic:
    def between(sums: Floats) -> Floats:
        first, second = np.split(sums, 2, axis=-1)
        return statistic(second) - statistic(first)

    return between


def _swaps(pictures: int, samples: int, seed: int) -> Iterator[Floats]:
    """Rows of 0 and 1, whether each picture's models change places."""
    if pictures <= MOST_EXACT:
        yield (np.arange(2**pictures)[:, None] >> np.arange(pictures) & 1).astype(np.float64)
        return
    draw, width = np.random.RandomState(seed), -(-pictures // 8)
    step = max(1, _SWAPPED_AT_ONCE // pictures)
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        bits = np.frombuffer(draw.bytes(rows * width), np.uint8).reshape(rows, width)
        yield np.unpackbits(bits, axis=1, count=pictures).astype(np.float64)


def _spread(both: Floats, between: Statistic, pictures: int) -> float | None:
    """Deviation of jackknife pseudo-values: for a mean these are the very differences, for others what a picture adds."""
    kept = both[both.any(axis=1)]
    without = without_each(kept, between)
    without = without[np.isfinite(without)]
    return (pictures - 1) * float(np.std(without, ddof=1)) if len(without) > 1 else None
