"""Which rows show the same picture: the same bytes, or hashes within a radius. Arrays in, arrays out.

Whom the others are duplicates of: among rows of the same bytes the one in the split that wins, then the first; among pictures that
look the same the one in the split that wins, then the one of most pixels, then the first. So a held-out row never
yields to a training row, and the largest copy stays.

Hashes that say little are not compared: nearly all pictures without detail would be near each other, whatever they show.
pHash sets a bit for each of 64 frequencies above their median, so exactly 32 unless many are equal; fewer than 16 set bits
mean that more than 16 frequencies tie at the median, as in flat pictures, plain gradients and symmetric drawings. A dHash of 0 means that
nothing brightens to the right anywhere. Such pictures are duplicates only by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pixmo.image.join import U64, Index, Pairs, near_pairs
from pixmo.image.stars import collected, stars

LEAST_BITS = 16


class Rows(NamedTuple):
    """What is known of n rows that have a picture, in their order."""

    sha256: U64  # (n, 4), the whole digest
    phash: U64
    dhash: U64
    has_hash: NDArray[np.bool_]
    split: NDArray[np.int16]  # lower numbers win
    pixels: Index

    def at(self, positions: Index) -> Rows:
        """Some of the rows."""
        return Rows(
            self.sha256[positions], self.phash[positions], self.dhash[positions], self.has_hash[positions],
            self.split[positions], self.pixels[positions],
        )  # fmt: skip

    @staticmethod
    def joined(parts: Sequence[Rows]) -> Rows:
        """All rows of the parts, in order; at least one part."""
        return Rows(
            np.concatenate([p.sha256 for p in parts]), np.concatenate([p.phash for p in parts]),
            np.concatenate([p.dhash for p in parts]), np.concatenate([p.has_hash for p in parts]),
            np.concatenate([p.split for p in parts]), np.concatenate([p.pixels for p in parts]),
        )  # fmt: skip


class Same(NamedTuple):
    """The verdict on n rows."""

    duplicate_of: Index  # position of the representative, -1 for one that is nobody's duplicate
    is_near: NDArray[np.bool_]  # by look; else by bytes
    in_other_split: NDArray[np.bool_]  # the same picture stands in a split that wins over the row's

    def part(self, start: int, end: int) -> Same:
        """The verdict on some neighbouring rows."""
        return Same(self.duplicate_of[start:end], self.is_near[start:end], self.in_other_split[start:end])


def same(rows: Rows, radius: int | None) -> Same:
    """Finds duplicates by bytes and, unless `radius` is None, by pHash within so many bits."""
    picture = numbered(rows.sha256)
    of_picture = _leading_rows(picture, rows.split)
    best_split = rows.split[of_picture]
    leader = np.arange(len(of_picture))
    if radius is not None:
        leader, best_split = _by_look(rows.at(of_picture), of_picture, radius)
    of = of_picture[leader[picture]]
    itself = of == np.arange(len(of))
    return Same(np.where(itself, -1, of), ~itself & (leader[picture] != picture), best_split[picture] < rows.split)


def says_little(phash: U64, dhash: U64) -> NDArray[np.bool_]:
    """Whether hashes are of pictures without detail; see above."""
    little: NDArray[np.bool_] = (np.bitwise_count(phash) < LEAST_BITS) | (dhash == 0)
    return little


def numbered(sha256: U64) -> Index:
    """Equal digests get equal numbers from 0. (n, 4) → n."""
    order = np.argsort(sha256[:, 0], kind="stable")
    is_new, is_mixed = _changes(sha256[order])
    if is_mixed:  # two digests share their first 64 bits: nature does not do that, but someone could
        order = np.lexsort(sha256.T)
        is_new, _ = _changes(sha256[order])
    numbers = np.empty(len(sha256), np.int64)
    numbers[order] = np.cumsum(is_new) - 1
    return numbers


def _changes(in_order: U64) -> tuple[NDArray[np.bool_], bool]:
    differs = in_order[1:] != in_order[:-1]
    is_new = np.concatenate([np.ones(min(1, len(in_order)), np.bool_), differs.any(axis=1)])
    return is_new, bool((differs.any(axis=1) & ~differs[:, 0]).any())


def _leading_rows(picture: Index, split: NDArray[np.int16]) -> Index:
    """Per picture the row that stands for it: first in the split that wins."""
    order = np.lexsort((split, picture))  # stable: rows of one picture and split stay in their order
    numbers = picture[order]
    is_first = np.concatenate([np.ones(min(1, len(order)), np.bool_), numbers[1:] != numbers[:-1]])
    rows: Index = order[is_first]
    return rows


def _by_look(pictures: Rows, first_row: Index, radius: int) -> tuple[Index, NDArray[np.int16]]:
    """Per picture whom it is near to (itself where nobody), and the best split that it or its like stand in."""
    leader, best_split = np.arange(len(first_row)), pictures.split.copy()
    told = np.flatnonzero(pictures.has_hash & ~says_little(pictures.phash, pictures.dhash))
    if not len(told):
        return leader, best_split
    order = np.lexsort((first_row[told], -pictures.pixels[told], pictures.split[told]))
    ranked = told[order]
    _, first, inverse = np.unique(pictures.phash[ranked], return_index=True, return_inverse=True)
    by_rank = np.argsort(first)
    number = np.empty_like(by_rank)
    number[by_rank] = np.arange(len(by_rank))
    node = number[inverse]  # of each ranked picture its hash, hashes numbered by their best picture
    heads = ranked[first[by_rank]]  # of each hash that picture
    hashes = pictures.phash[heads]
    pairs = collected(near_pairs(hashes, radius))
    leader[ranked] = heads[stars(hashes, radius, pairs)[node]]
    if pictures.split.min() < pictures.split.max():
        best = _best_around(pictures.split[heads], near_pairs(hashes, radius) if pairs is None else [pairs])
        best_split[ranked] = best[node]
    return leader, best_split


def _best_around(split: NDArray[np.int16], pairs: Iterable[Pairs]) -> NDArray[np.int16]:
    """Per hash the best split among its own and those of all hashes near it, representatives or not."""
    best = split.copy()
    for first, second in pairs:
        np.minimum.at(best, first, split[second])
        np.minimum.at(best, second, split[first])
    return best
