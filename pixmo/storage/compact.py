"""A map from 64-bit prefixes of digests to pairs of 64-bit numbers, 24 bytes an entry: ten million fit in memory.

New entries live in a dict and are merged into sorted arrays when there are many. Prefixes may collide and keys may
repeat: `find` gives all candidates, latest added last, and the caller compares the full digest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MERGE_AT = 1 << 16
_U64 = np.uint64


class CompactMap:
    """Prefix → (a, b) pairs; append-only."""

    def __init__(self) -> None:
        self._keys: NDArray[np.uint64] = np.empty(0, _U64)
        self._a: NDArray[np.uint64] = np.empty(0, _U64)
        self._b: NDArray[np.uint64] = np.empty(0, _U64)
        self._tail: dict[int, list[tuple[int, int]]] = {}
        self._tail_size = 0

    def __len__(self) -> int:
        return len(self._keys) + self._tail_size

    def __repr__(self) -> str:
        return f"CompactMap({len(self._keys)} sorted, {self._tail_size} new)"

    def add(self, key: int, a: int, b: int) -> None:
        """One more entry."""
        self._tail.setdefault(key, []).append((a, b))
        self._tail_size += 1
        if self._tail_size >= _MERGE_AT:
            self._merge_tail()

    def add_many(self, keys: NDArray[np.uint64], a: NDArray[np.uint64], b: NDArray[np.uint64]) -> None:
        """Entries as three arrays of equal length."""
        self._merge_tail()
        self._merge(keys, a, b)

    def find(self, key: int) -> list[tuple[int, int]]:
        """All entries under this prefix, oldest first."""
        found: list[tuple[int, int]] = []
        if len(self._keys):
            low = int(np.searchsorted(self._keys, _U64(key), "left"))
            while low < len(self._keys) and int(self._keys[low]) == key:
                found.append((int(self._a[low]), int(self._b[low])))
                low += 1
        tail = self._tail.get(key)
        return found + tail if tail else found

    def _merge_tail(self) -> None:
        if not self._tail:
            return
        rows = [(key, a, b) for key, pairs in self._tail.items() for a, b in pairs]
        self._tail, self._tail_size = {}, 0
        columns = np.array(rows, dtype=_U64).T
        self._merge(columns[0], columns[1], columns[2])

    def _merge(self, keys: NDArray[np.uint64], a: NDArray[np.uint64], b: NDArray[np.uint64]) -> None:
        keys = np.concatenate([self._keys, keys])
        order = np.argsort(keys, kind="stable")  # stable: entries of one key stay oldest first
        self._keys = keys[order]
        self._a = np.concatenate([self._a, a])[order]
        self._b = np.concatenate([self._b, b])[order]


def prefix(hexdigest: str) -> int:
    """The first 64 bits of a digest."""
    return int(hexdigest[:16], 16)
