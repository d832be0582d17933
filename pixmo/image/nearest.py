"""Find which of some fixed 64-bit hashes is nearest to each of many others: exactly, and without comparing all with all.

The pigeonhole of `pixmo.image.join`, between two sets: cut the bits into radius + 1 bands, and a pair within the radius agrees
wholly in at least one of them. The fixed hashes are sorted by each band once; each query looks up its bucket in every band.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pixmo.image.join import MAX_RADIUS, U64, Index, band_masks

_PIECE = 2**20  # candidates compared at once
_ALL = np.uint64(2**64 - 1)
_PLACE_BITS = np.uint64(32)


class _Band(NamedTuple):
    """The fixed hashes in buckets: `keys` are what the members of a bucket have in common."""

    mask: np.uint64
    keys: U64
    starts: Index
    sizes: Index
    order: Index


class Nearest:
    """Answers for fixed hashes (n,), n < 2**31, in memory of about ten times theirs. Raises ValueError for a radius not in 0..8."""

    def __init__(self, hashes: U64, radius: int) -> None:
        if not 0 <= radius <= MAX_RADIUS:
            raise ValueError(f"radius {radius} is not in 0..{MAX_RADIUS}")
        self._hashes, self._first = np.unique(hashes, return_index=True)
        self._radius = radius
        self._bands = [_band(self._hashes, mask) for mask in band_masks(self._hashes, radius + 1, _ALL)]

    def __repr__(self) -> str:
        return f"Nearest({len(self._hashes):,} hashes, radius {self._radius})"

    def of(self, queries: U64) -> Index:
        """Per query the position of the nearest fixed hash within the radius, the first of several; -1 where there is none."""
        distinct, inverse = np.unique(queries, return_inverse=True)
        best = np.full(len(distinct), _ALL)  # distance and position in one number: the smaller wins
        for band in self._bands:
            for one, other in _candidates(band, distinct & band.mask):
                distance = np.bitwise_count(distinct[one] ^ self._hashes[other])
                near = np.flatnonzero(distance <= self._radius)
                places = self._first[other[near]].astype(np.uint64)
                np.minimum.at(best, one[near], distance[near].astype(np.uint64) << _PLACE_BITS | places)
        found = np.where(best == _ALL, np.int64(-1), (best & np.uint64(2**32 - 1)).astype(np.int64))
        of_each: Index = found[inverse]
        return of_each


def _band(hashes: U64, mask: np.uint64) -> _Band:
    order = np.argsort(hashes & mask, kind="stable")
    keys, starts, sizes = np.unique(hashes[order] & mask, return_index=True, return_counts=True)
    return _Band(mask, keys, starts, sizes, order)


def _candidates(band: _Band, keys: U64) -> Iterator[tuple[Index, Index]]:
    """(query, fixed hash) of all pairs in one bucket, about _PIECE at a time."""
    if not len(band.keys):
        return
    bucket = np.minimum(np.searchsorted(band.keys, keys), len(band.keys) - 1)
    asking = np.flatnonzero(band.keys[bucket] == keys)
    bucket = bucket[asking]
    ends = np.cumsum(band.sizes[bucket])
    start = 0
    while start < len(asking):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _PIECE, "right")))
        sizes = band.sizes[bucket[start:stop]]
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        places = np.repeat(band.starts[bucket[start:stop]], sizes) + within
        yield np.repeat(asking[start:stop], sizes), band.order[places]
        start = stop
