"""Group near hashes as stars: each member is within the radius of its group's representative. No chains.

Chains (a is near b, b is near c, so a, b, c are one) join pictures that have nothing in common when there are many. In a star, whoever
comes first in the order given and has no representative yet becomes one and takes everyone near who has none yet. The
groups depend on that order alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pixmo.image.join import U64, Index, Pairs, near_pairs

MAX_PAIRS = 2**24  # pairs held at once: a quarter GiB


def stars(hashes: U64, radius: int, pairs: Pairs | None = None, max_pairs: int = MAX_PAIRS) -> Index:
    """Per hash the position of its representative; a representative has its own. `hashes` are distinct, first come first.

    `pairs` are all near pairs where the caller has them. Without them they are looked for, and where there are more than
    `max_pairs` (thousands of hashes all near each other) the first hashes are grouped first: they take most of the others away.
    """
    if pairs is None:
        pairs = collected(near_pairs(hashes, radius), max_pairs)
    if pairs is not None:
        return _greedy(pairs, len(hashes))
    head = max(1, len(hashes) // 8)
    found = np.arange(len(hashes))
    found[:head] = stars(hashes[:head], radius, None, max_pairs)
    leaders = np.flatnonzero(found[:head] == np.arange(head))
    # who among the others is near a leader: their pairs with each other are passed by, not kept
    taken = np.full(len(hashes), len(hashes))
    both = np.concatenate([leaders, np.arange(head, len(hashes))])
    for first, second in near_pairs(hashes[both], radius):
        crosses = (first < len(leaders)) & (second >= len(leaders))
        np.minimum.at(taken, both[second[crosses]], both[first[crosses]])
    is_taken = taken < len(hashes)
    found[is_taken] = taken[is_taken]
    rest = np.flatnonzero(~is_taken & (np.arange(len(hashes)) >= head))
    if len(rest):
        found[rest] = rest[stars(hashes[rest], radius, None, max_pairs)]
    return found


def collected(chunks: Iterator[Pairs], max_pairs: int = MAX_PAIRS) -> Pairs | None:
    """All the pairs, or None as soon as there are more than may be held."""
    kept: list[Pairs] = []
    count = 0
    for chunk in chunks:
        count += len(chunk.first)
        if count > max_pairs:
            return None
        kept.append(chunk)
    nothing = np.empty(0, np.int64)
    return Pairs(
        np.concatenate([nothing, *(k.first for k in kept)]), np.concatenate([nothing, *(k.second for k in kept)])
    )


def _greedy(pairs: Pairs, count: int) -> Index:
    if not len(pairs.first):
        return np.arange(count)
    order = np.argsort(pairs.first, kind="stable")
    second = pairs.second[order]
    heads, starts = np.unique(pairs.first[order], return_index=True)
    found = np.arange(count)
    is_free = np.ones(count, np.bool_)
    for head, start, end in zip(heads.tolist(), starts.tolist(), [*starts[1:].tolist(), len(second)], strict=True):
        if is_free[head]:
            near = second[start:end]
            taken = near[is_free[near]]
            found[taken] = head
            is_free[taken] = False
    return found
