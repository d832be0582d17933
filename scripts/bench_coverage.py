"""How often 95 % intervals cover the truth, in simulated evaluations whose truth is known.

    python scripts/bench_coverage.py [--runs 2000] [--samples 10000]

A picture has a rate of its own, drawn from a beta distribution, and 5 to 40 statements that are yes at that rate; recall and consistency
of a picture belong together (a clear picture is easy for both); one picture in twenty has no valid consistency.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr
from scipy.stats import beta

from pixmo.evaluate.statistics.formulas import columns_of, f1_of_means, harmonic, mean
from pixmo.evaluate.statistics.resample import Floats, Statistic, estimate, resampled_sums

RECALL, CONSISTENCY = (2.0, 3.0), (7.0, 2.0)
"""The beta distributions of the rates: means 0.40 and 0.78, about what good captioners reach."""
AT_ONCE = 100


def simulated(runs: int, pictures: int, seed: int) -> tuple[Floats, Floats]:
    """Recall and consistency (runs, pictures) of single pictures; NaN where one is not valid."""
    draw = np.random.default_rng(seed)
    easy = draw.normal(size=(runs, pictures, 1))
    both = 0.5 * easy + 0.75**0.5 * draw.normal(size=(runs, pictures, 2))
    rates = [beta.ppf(ndtr(both[..., i]), *shape) for i, shape in enumerate((RECALL, CONSISTENCY))]
    asked = [draw.integers(5, 41, size=(runs, pictures)) for _ in rates]
    recall, consistency = (draw.binomial(n, rate) / n for n, rate in zip(asked, rates, strict=True))
    consistency[draw.random((runs, pictures)) < 0.05] = np.nan
    return recall, consistency


def truths() -> dict[str, float]:
    """What the three numbers are for all pictures there could be."""
    recall, consistency = (a / (a + b) for a, b in (RECALL, CONSISTENCY))
    return {
        "recall": recall,
        "consistency": consistency,
        "cap_f1": float(harmonic(np.array(recall), np.array(consistency))),
    }


def coverage(runs: int, pictures: int, samples: int, seed: int = 7) -> dict[str, float]:
    """The share of runs in which the interval of each number holds its truth."""
    truth, hits = truths(), dict.fromkeys(truths(), 0)
    for name, low, high in _intervals(*simulated(runs, pictures, seed), samples):
        hits[name] += low <= truth[name] <= high
    return {name: n / runs for name, n in hits.items()}


def _intervals(recall: Floats, consistency: Floats, samples: int) -> Iterator[tuple[str, float, float]]:
    wanted: tuple[tuple[str, Statistic, slice], ...] = (
        ("recall", mean, slice(0, 2)),
        ("consistency", mean, slice(2, 4)),
        ("cap_f1", f1_of_means, slice(0, 4)),
    )
    tables = np.concatenate([columns_of(recall), columns_of(consistency)], axis=-1)
    for start in range(0, len(tables), AT_ONCE):  # runs side by side as models are: the same pictures are drawn for all
        some = tables[start : start + AT_ONCE]
        sums = resampled_sums(np.concatenate(some, axis=-1), samples).reshape(samples, len(some), 4)
        for i, one in enumerate(some):
            for name, statistic, which in wanted:
                found = estimate(one[:, which], sums[:, i, which], statistic)
                yield name, found.low or 0.0, found.high or 0.0


def main() -> None:
    told = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    told.add_argument("--runs", type=int, default=2_000)
    told.add_argument("--samples", type=int, default=10_000)
    asked = told.parse_args()
    for pictures in (30, 50, 200, 1_500):
        found = coverage(asked.runs, pictures, asked.samples)
        print(f"{pictures:>6,} pictures  " + "  ".join(f"{name} {share:.1%}" for name, share in found.items()))


if __name__ == "__main__":
    main()
