"""Find all pairs of 64-bit hashes that differ in at most a few bits: exactly, and without comparing all with all.

Pigeonhole: cut the 64 bits into radius + 1 bands, and two hashes within the radius agree wholly in at least one. So hashes are sorted by
each band in turn and compared only with those of the same bucket, by popcount. Real hashes are not evenly spread. So bits are
dealt to the bands by how even they are, and a large bucket is divided again by bands of the bits it does not share,
where that saves work. Candidates are never listed: sorted hashes are compared with themselves shifted by one, two, three … places,
a slice at a time, so memory is a few arrays of the length of the input, whatever the skew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
Index = NDArray[np.int64]

MAX_RADIUS = 8
_SLICE = 2**14  # hashes compared at once: they, their differences and counts stay in the cache
_PIECE = 2**19  # pairs handed on at once, about
_LARGE = 2**11  # buckets from here on may be divided again
_SAMPLE = 2**16  # hashes looked at to learn how even each bit is
_ALL = np.uint64(2**64 - 1)
_NONE = np.uint64(0)


class Pairs(NamedTuple):
    """Positions in the hashes given: hash first[i] is near hash second[i], and first[i] < second[i]."""

    first: Index
    second: Index


def near_pairs(hashes: U64, radius: int) -> Iterator[Pairs]:
    """Every pair of the distinct `hashes` at Hamming distance 1 to `radius`, once, in chunks of no particular order.

    Radius 4 is what this is made for; up to 8 it stays exact but compares more. Raises ValueError for other radii, and for
    equal hashes: they are to be collapsed first.
    """
    if not 0 <= radius <= MAX_RADIUS:
        raise ValueError(f"radius {radius} is not in 0..{MAX_RADIUS}")
    if len(np.unique(hashes)) < len(hashes):
        raise ValueError("hashes are not distinct")
    if radius and len(hashes) > 1:
        yield from _Join(hashes, radius).pairs(np.arange(len(hashes)), _ALL, ())


def near_pairs_brute(hashes: U64, radius: int) -> Pairs:
    """As `near_pairs`, all with all and sorted: what the join must equal. For some thousand hashes."""
    rows = [np.flatnonzero(np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= radius) + i + 1 for i in range(len(hashes))]
    first = np.repeat(np.arange(len(hashes)), [len(r) for r in rows])
    return Pairs(first, np.concatenate([*rows, np.empty(0, np.int64)]).astype(np.int64))


class _Join:
    """One join: the hashes, and buffers for a slice of comparisons."""

    def __init__(self, hashes: U64, radius: int) -> None:
        self._hashes = hashes
        self._radius = radius
        self._xor = np.empty(_SLICE, np.uint64)
        self._bits = np.empty(_SLICE, np.uint8)
        self._near = np.empty(_SLICE, np.bool_)

    def pairs(self, members: Index, free: np.uint64, differ: tuple[np.uint64, ...]) -> Iterator[Pairs]:
        """Near pairs among `members`, which agree outside the `free` bits; only those that differ in every mask of `differ`.

        A pair that agrees in several bands belongs to the first of them: that is what `differ` is for.
        """
        hashes = self._hashes[members]
        for mask in band_masks(hashes, self._radius + 1, free):
            yield from self._band(members, hashes, mask, free & ~mask, differ)
            differ = (*differ, mask)

    def _band(
        self, members: Index, hashes: U64, mask: np.uint64, free: np.uint64, differ: tuple[np.uint64, ...]
    ) -> Iterator[Pairs]:
        order, sizes = _by_bucket(hashes & mask)
        start = 0
        for size in sizes[sizes >= _LARGE].tolist():  # they come first
            bucket = members[order[start : start + size]]
            if _pays(self._hashes[bucket], self._radius + 1, free):
                yield from self.pairs(bucket, free, differ)
            else:
                yield from self._compare(bucket, np.array([size]), mask, differ)
            start += size
        yield from self._compare(members[order[start:]], sizes[sizes < _LARGE], mask, differ)

    def _compare(self, members: Index, sizes: Index, mask: np.uint64, differ: tuple[np.uint64, ...]) -> Iterator[Pairs]:
        """All within each bucket; buckets lie one behind the other, largest first.

        At a distance of n places, only buckets of more than n members have a pair: they are a prefix, so each comparison is of two
        contiguous slices. It also compares across the border of two buckets; such pairs fail `mask` and are another band's.
        """
        sizes = sizes[sizes > 1]
        hashes = self._hashes[members[: int(sizes.sum())]]
        ends = np.cumsum(sizes)
        for start in range(0, len(hashes), _SLICE):
            largest = int(sizes[np.searchsorted(ends, start, "right")])
            for one, other in _gathered(self._slice(hashes, start, largest, mask, differ)):
                first, second = members[one], members[other]
                yield Pairs(np.minimum(first, second), np.maximum(first, second))

    def _slice(
        self, hashes: U64, start: int, largest: int, mask: np.uint64, differ: tuple[np.uint64, ...]
    ) -> Iterator[tuple[Index, Index]]:
        for places in range(1, largest):
            length = min(_SLICE, len(hashes) - places - start)
            if length <= 0:
                return
            one, other = hashes[start : start + length], hashes[start + places : start + places + length]
            xor, bits, near = self._xor[:length], self._bits[:length], self._near[:length]
            np.bitwise_xor(one, other, out=xor)
            np.bitwise_count(xor, out=bits)
            np.less_equal(bits, self._radius, out=near)
            at = np.flatnonzero(near)
            if len(at):
                differences = xor[at]
                ours = differences & mask == _NONE
                for earlier in differ:
                    ours &= differences & earlier != _NONE
                if ours.any():
                    at = at[ours] + start
                    yield at, at + places


def _gathered(found: Iterator[tuple[Index, Index]]) -> Iterator[tuple[Index, Index]]:
    """Few large pieces out of many small ones."""
    kept: list[tuple[Index, Index]] = []
    count = 0
    for piece in found:
        kept.append(piece)
        count += len(piece[0])
        if count >= _PIECE:
            yield np.concatenate([k[0] for k in kept]), np.concatenate([k[1] for k in kept])
            kept, count = [], 0
    if kept:
        yield np.concatenate([k[0] for k in kept]), np.concatenate([k[1] for k in kept])


def band_masks(hashes: U64, bands: int, free: np.uint64) -> list[np.uint64]:
    """The free bits dealt to that many bands, so that each gets its share of even and of lopsided bits.

    With fewer free bits than bands, the last bands are empty: all hashes agree in them.
    """
    sample = hashes[:: max(1, len(hashes) // _SAMPLE)]
    numbers = [n for n in range(64) if int(free) >> n & 1]
    ones = [int(np.count_nonzero(sample >> np.uint64(n) & np.uint64(1))) for n in numbers]
    by_evenness = sorted(range(len(numbers)), key=lambda i: abs(2 * ones[i] - len(sample)))
    masks = [0] * bands
    for i, bit in enumerate(by_evenness):
        turn, place = divmod(i, bands)
        masks[bands - 1 - place if turn % 2 else place] |= 1 << numbers[bit]  # there and back again
    return [np.uint64(mask) for mask in masks]


def _by_bucket(keys: U64) -> tuple[Index, Index]:
    """An order that puts equal keys together, the most frequent first, and how often each comes."""
    order = np.argsort(keys)
    sorted_keys = keys[order]
    starts = np.concatenate([[0], np.flatnonzero(sorted_keys[1:] != sorted_keys[:-1]) + 1])
    sizes = np.diff(np.concatenate([starts, [len(keys)]]))
    largest_first = np.argsort(-sizes, kind="stable")
    sizes = sizes[largest_first]
    new_starts = np.cumsum(sizes) - sizes
    places = np.arange(len(keys)) + np.repeat(starts[largest_first] - new_starts, sizes)
    return order[places], sizes


def _pays(hashes: U64, bands: int, free: np.uint64) -> bool:
    """Whether dividing a bucket again saves at least half of its comparisons."""
    comparisons = 0.0
    for mask in band_masks(hashes, bands, free):
        sizes = np.unique_counts(hashes & mask).counts.astype(np.float64)
        comparisons += float(sizes @ sizes)
        if comparisons * 2 > len(hashes) ** 2:
            return False
    return True
