"""Which row is learned when: a pure function of the seed, so that going on in the middle is to count."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from pixmo.dataset.rows import Rows
from pixmo.dataset.torch_order import Order, Sharding


class Place(NamedTuple):
    """One example of a step: of which source, and how many of it came before."""

    source: int
    visit: int


class Mixture:
    """Places by step. Sources are drawn by their shares; a source's rows come in the order of `Turns`."""

    def __init__(self, shares: Sequence[float], seed: int) -> None:
        self._shares = np.asarray(shares, np.float64) / sum(shares)
        self._seed = seed
        self._step = 0  # the step whose visits are counted
        self._visits = np.zeros(len(shares), np.int64)

    def places(self, step: int, batch: int) -> list[Place]:
        """The places of a step, from 0. Going forward is cheap; going back counts from the start."""
        if step < self._step:
            self._step, self._visits = 0, np.zeros_like(self._visits)
        for passed in range(self._step, step):
            self._visits += np.bincount(self._drawn(passed, batch), minlength=len(self._shares))
        self._step = step
        seen, places = self._visits.copy(), []
        for source in self._drawn(step, batch):
            places.append(Place(int(source), int(seen[source])))
            seen[source] += 1
        return places

    def _drawn(self, step: int, batch: int) -> NDArray[np.int64]:
        return RandomState([self._seed, step]).choice(len(self._shares), size=batch, p=self._shares)


class Turns:
    """The rows of one source, epoch after epoch, each shuffled anew: row groups, then the rows of neighbouring ones."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self._order, self._rows = Order(*rows.blocks(), Sharding(shuffle=True, seed=seed % 2**32)), len(rows)
        self._epoch = lru_cache(maxsize=4)(self._walked)  # a step may stand between two, and threads in several steps

    def row(self, visit: int) -> tuple[int, int]:
        """The number of the row that comes at a visit, and the epoch."""
        epoch, at = divmod(visit, self._rows)
        return int(self._epoch(epoch)[at]), epoch

    def _walked(self, epoch: int) -> NDArray[np.int64]:
        return np.concatenate(list(self._order.walk(epoch, 0, self._rows)))
