"""Statistics as functions of sums over pictures (see `resample`): means, the harmonic mean of two, pooled shares, kappa."""

from __future__ import annotations

import numpy as np

from pixmo.evaluate.statistics.resample import Floats


def columns_of(values: Floats) -> Floats:
    """(pictures, 2) of values where NaN is *not valid*: the value or 0, and whether it is valid; sums of these give `mean`."""
    valid = np.isfinite(values)
    return np.stack([np.where(valid, values, 0.0), valid.astype(np.float64)], axis=-1)


def mean(sums: Floats) -> Floats:
    """The mean over valid pictures, from (…, 2); also a share, from yes and all."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan))


def harmonic(one: Floats, other: Floats) -> Floats:
    """2ab / (a + b); 0 where both are 0, NaN where one is."""
    total = one + other
    return np.where(total == 0, 0.0, 2 * one * other / np.where(total == 0, 1.0, total))


def f1_of_means(sums: Floats) -> Floats:
    """The harmonic mean of two means over their own valid pictures, from (…, 4)."""
    return harmonic(mean(sums[..., :2]), mean(sums[..., 2:]))


def agreement(sums: Floats) -> Floats:
    """The share of equal answers, from a flattened square table (…, k·k)."""
    table = _table(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.trace(table, axis1=-2, axis2=-1) / table.sum((-2, -1)))


def kappa(sums: Floats) -> Floats:
    """Cohen's kappa of a flattened square table (…, k·k): agreement beyond chance; NaN where both always say the same one thing."""
    table = _table(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = table / table.sum((-2, -1), keepdims=True)
        by_chance = (shares.sum(-1) * shares.sum(-2)).sum(-1)
        seen = np.trace(shares, axis1=-2, axis2=-1)
        return np.where(by_chance > 1 - 1e-12, np.nan, (seen - by_chance) / (1 - by_chance))


def _table(sums: Floats) -> Floats:
    side = round(sums.shape[-1] ** 0.5)
    return sums.reshape(*sums.shape[:-1], side, side)
