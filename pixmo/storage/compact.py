"""A map from 64-bit prefixes of digests to pairs of 64-bit numbers, 24 bytes an entry, 16 where the second is
zero: ten million fit in memory.

New entries live in a dict and are merged into sorted runs when there are many. Prefixes may collide and keys may
repeat: `find` gives all candidates, latest added last, and the caller compares the full digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MERGE_AT = 1 << 15
_RUN = 1 << 20  # entries of a sorted run
_U64 = np.uint64


class CompactMap:
    """Prefix → (a, b) pairs; append-only."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._tail: dict[int, list[tuple[int, int]]] = {}
        self._tail_size = 0

    def __len__(self) -> int:
        return sum(len(run.keys) for run in self._runs) + self._tail_size

    def __repr__(self) -> str:
        return f"CompactMap({len(self) - self._tail_size} sorted in {len(self._runs)} runs, {self._tail_size} new)"

    def add(self, key: int, a: int, b: int) -> None:
        """One more entry."""
        self._tail.setdefault(key, []).append((a, b))
        self._tail_size += 1
        if self._tail_size >= _MERGE_AT:
            self._merge_tail()

    def add_many(self, keys: NDArray[np.uint64], a: NDArray[np.uint64], b: NDArray[np.uint64]) -> None:
        """Entries as three arrays of equal length."""
        self._merge_tail()
        for start in range(0, len(keys), _RUN):
            part = slice(start, start + _RUN)
            self._append(_Run(keys[part], a[part], b[part]))

    def find(self, key: int) -> list[tuple[int, int]]:
        """All entries under this prefix, oldest first."""
        found = [pair for run in self._runs for pair in run.find(key)]
        tail = self._tail.get(key)
        return found + tail if tail else found

    def _merge_tail(self) -> None:
        if not self._tail:
            return
        rows = [(key, a, b) for key, pairs in self._tail.items() for a, b in pairs]
        self._tail, self._tail_size = {}, 0
        columns = np.array(rows, dtype=_U64).T
        self._append(_Run(columns[0], columns[1], columns[2]))

    def _append(self, run: _Run) -> None:
        """Joins the youngest run while that stays small: growing never copies more than one run."""
        if self._runs and len(self._runs[-1].keys) + len(run.keys) <= _RUN:
            run = _Run(*(np.concatenate(pair) for pair in zip(self._runs.pop(), run, strict=True)))
        order = np.argsort(run.keys, kind="stable")  # stable: entries of one key stay oldest first
        b = run.b[order] if run.b.any() else np.broadcast_to(_U64(0), len(order))  # nothing but zeros takes no memory
        self._runs.append(_Run(run.keys[order], run.a[order], b))


class _Run(NamedTuple):
    """Entries sorted by key."""

    keys: NDArray[np.uint64]
    a: NDArray[np.uint64]
    b: NDArray[np.uint64]

    def find(self, key: int) -> Iterator[tuple[int, int]]:
        at = int(np.searchsorted(self.keys, _U64(key), "left"))
        while at < len(self.keys) and int(self.keys[at]) == key:
            yield int(self.a[at]), int(self.b[at])
            at += 1


def prefix(hexdigest: str) -> int:
    """The first 64 bits of a digest."""
    return int(hexdigest[:16], 16)
