"""Which row comes when, for whom: pure functions of the seed, the epoch, the rank and the worker.

Row groups are shuffled, laid end to end and cut into equal parts, one per rank; a part is cut into one per worker. Within its part
a reader shuffles the rows of a window of neighbouring groups. So each group is read once (twice where a cut goes through it),
and the order is known without reading anything: to go on in the middle is to count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadSetting, UnknownName

Places = NDArray[np.int64]

WINDOW_BYTES = 128 * 2**20
"""A window ends when it holds so much, however few rows that are: pictures may be large."""

UNEVEN = ("keep", "pad", "drop")
_GROUPS, _ROWS = 1, 2  # what a shuffle is of: two shuffles never use the same numbers


@dataclass(frozen=True)
class Sharding:
    """How rows are dealt out. Ranks that must take equally many steps say what becomes of rows that do not divide evenly:

    `keep`: each row once, so some ranks have one more; `pad`: the first rows once more; `drop`: the last ones not at all.
    """

    shuffle: bool = False
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    uneven: str = "keep"
    buffer_rows: int = 1000

    def __post_init__(self) -> None:
        if self.world_size < 1 or not 0 <= self.rank < self.world_size:
            raise BadSetting(f"rank {self.rank} of world_size {self.world_size}: ranks are 0 to world_size - 1")
        if self.uneven not in UNEVEN:
            raise UnknownName("way of dealing with uneven ranks", self.uneven, UNEVEN)
        if self.buffer_rows < 1:
            raise BadSetting(f"buffer_rows {self.buffer_rows}: give 1 or more")
        if not 0 <= self.seed < 2**32:
            raise BadSetting(f"seed {self.seed}: give 0 to {2**32 - 1}")

    def part(self, rows: int) -> tuple[int, int]:
        """Where the rank's part of all rows begins and ends; beyond the last row the first ones come again."""
        if self.uneven == "keep":
            return rows * self.rank // self.world_size, rows * (self.rank + 1) // self.world_size
        each = -(-rows // self.world_size) if self.uneven == "pad" else rows // self.world_size
        return each * self.rank, each * (self.rank + 1)


class Order:
    """The places of all rows, epoch by epoch. `starts` and `sizes` are those of row groups: `Rows.blocks`."""

    def __init__(self, starts: Places, sizes: Places, sharding: Sharding) -> None:
        self._starts, self._sizes, self._how = starts, sizes, sharding
        self.rows = int(starts[-1])

    def walk(self, epoch: int, start: int, stop: int, skip: int = 0) -> Iterator[Places]:
        """Windows of places, one after the other, of the part from `start` to `stop`; the first `skip` rows are left out."""
        for number, window in enumerate(self._windows(epoch, start, stop)):
            if skip >= len(window):
                skip -= len(window)
                continue
            order = self._shuffled(len(window), epoch, _ROWS, start, number) if self._how.shuffle else slice(None)
            yield window[order][skip:]
            skip = 0

    def _windows(self, epoch: int, start: int, stop: int) -> Iterator[Places]:
        held: list[Places] = []
        size = 0
        for block, first, last in self._blocks(epoch, start, stop):
            share = (
                int(self._sizes[block]) * (last - first) // max(int(self._starts[block + 1] - self._starts[block]), 1)
            )
            if held and (sum(map(len, held)) >= self._how.buffer_rows or size + share > WINDOW_BYTES):
                yield np.concatenate(held)
                held, size = [], 0
            held.append(np.arange(first, last, dtype=np.int64))
            size += share
        if held:
            yield np.concatenate(held)

    def _blocks(self, epoch: int, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """(block, first place, place after the last) of the part, blocks in the epoch's order, from the top again at the end."""
        blocks = len(self._sizes)
        order = self._shuffled(blocks, epoch, _GROUPS) if self._how.shuffle else np.arange(blocks)
        lengths = np.diff(self._starts)[order]
        ends = np.cumsum(lengths)
        while start < stop and self.rows:
            lap = start // self.rows * self.rows
            at = int(np.searchsorted(ends, start - lap, "right"))
            block, begin = int(order[at]), lap + int(ends[at] - lengths[at])
            end = min(stop, begin + int(lengths[at]))
            offset = int(self._starts[block]) - begin
            yield block, start + offset, end + offset
            start = end

    def _shuffled(self, length: int, epoch: int, *what: int) -> Places:
        # RandomState, not Generator: its numbers are promised to stay the same in every version
        words = [self._how.seed, epoch % 2**32, *(w % 2**32 for w in what)]
        return np.random.RandomState(words).permutation(length).astype(np.int64)


def worker_part(rows: int, worker: int, workers: int, batch_size: int = 1) -> tuple[int, int]:
    """A worker's part of a rank's rows, in whole batches but for the last."""
    batches = -(-rows // batch_size)
    begin, end = batches * worker // workers, batches * (worker + 1) // workers
    return min(begin * batch_size, rows), min(end * batch_size, rows)


def dealt(batches: list[int], delivered: int) -> tuple[list[int], list[int]]:
    """How many batches each worker has delivered of its own after `delivered` of all, and whose turn it is next, in order.

    DataLoader takes from its workers by turns and passes over those that have no more.
    """
    done = [0] * len(batches)
    turn = [w for w in range(len(batches)) if batches[w]]
    while delivered and turn:
        rounds = min(min(batches[w] - done[w] for w in turn), delivered // len(turn))
        if rounds:  # full rounds at once
            for w in turn:
                done[w] += rounds
            delivered -= rounds * len(turn)
        else:
            done[turn[0]] += 1
            delivered -= 1
            turn = turn[1:] + turn[:1]
        turn = [w for w in turn if done[w] < batches[w]]
    rest = [w for w in range(len(batches)) if w not in turn]
    return done, turn + rest
