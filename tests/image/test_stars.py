"""Groups are stars: first come first, everyone within the radius of the representative, no chains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.image.join import U64, near_pairs
from pixmo.image.stars import collected, stars
from tests.image.test_join import ball, clustered


def one_by_one(hashes: U64, radius: int) -> list[int]:
    """The rule as written: each in turn that is still free leads, and takes all free ones near it."""
    leader = [-1] * len(hashes)
    for i, one in enumerate(hashes.tolist()):
        if leader[i] < 0:
            for j, other in enumerate(hashes.tolist()):
                if leader[j] < 0 and (one ^ other).bit_count() <= radius:
                    leader[j] = i
    return leader


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 120), st.integers(0, 10_000), st.integers(0, 6))
def test_stars_are_what_the_rule_says(count: int, seed: int, radius: int) -> None:
    """The groups equal those of the plain rule."""
    hashes = clustered(count, seed)
    assert stars(hashes, radius).tolist() == one_by_one(hashes, radius)


def test_no_chains() -> None:
    """a is near b and b near c, but c is not near a: c is not in a's group."""
    chain = np.array([0, 0b1111, 0b1111_1111], np.uint64)
    assert stars(chain, 4).tolist() == [0, 0, 2]


def test_the_order_decides() -> None:
    """With the middle of a chain first, it leads both ends."""
    assert stars(np.array([0b1111, 0, 0b1111_1111], np.uint64), 4).tolist() == [0, 0, 0]


@pytest.mark.parametrize("max_pairs", [0, 10, 1000])
def test_more_pairs_than_may_be_held(max_pairs: int) -> None:
    """Where there are too many pairs to hold, the groups are the same."""
    hashes = np.random.default_rng(2).permutation(
        np.unique(np.concatenate([ball(0xF0F0F0F0F0F0, 1), clustered(600, 1)]))
    )
    assert stars(hashes, 4, max_pairs=max_pairs).tolist() == one_by_one(hashes, 4)


def test_pairs_are_collected_up_to_a_limit() -> None:
    """More than the limit are given up, not held."""
    hashes = ball(1, 1)
    whole = collected(near_pairs(hashes, 2), len(hashes) ** 2)
    assert whole is not None
    assert len(whole.first) == len(hashes) * (len(hashes) - 1) // 2
    assert collected(near_pairs(hashes, 2), len(whole.first) - 1) is None
