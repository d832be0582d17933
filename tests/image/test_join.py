"""The join finds exactly the pairs that comparing all with all finds."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.image import join
from pixmo.image.join import MAX_RADIUS, U64, Pairs, band_masks, near_pairs, near_pairs_brute


def found(hashes: U64, radius: int) -> list[tuple[int, int]]:
    """The pairs of the join, sorted, repeats left in."""
    return sorted((int(a), int(b)) for p in near_pairs(hashes, radius) for a, b in zip(p.first, p.second, strict=True))


def wanted(hashes: U64, radius: int) -> list[tuple[int, int]]:
    """The pairs by comparing all with all."""
    pairs = near_pairs_brute(hashes, radius)
    return list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def ball(centre: int, radius: int, bits: int = 64) -> U64:
    """All hashes within a radius of one, in its lowest bits."""
    return np.array(
        [
            centre ^ sum(1 << b for b in flipped)
            for n in range(radius + 1)
            for flipped in itertools.combinations(range(bits), n)
        ],
        np.uint64,
    )


def clustered(count: int, seed: int, flips: int = 5) -> U64:
    """Distinct hashes in clusters, in no order."""
    rng = np.random.default_rng(seed)
    hashes = rng.choice(rng.integers(0, 2**64, max(1, count // 6), dtype=np.uint64), count)
    for _ in range(flips):
        hashes ^= np.where(
            rng.random(count) < 0.5, np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64), 0
        ).astype(np.uint64)
    return rng.permutation(np.unique(hashes))


@pytest.mark.parametrize("radius", range(MAX_RADIUS + 1))
def test_every_radius_is_exact(radius: int) -> None:
    """No pair is missed, none is invented, none comes twice."""
    hashes = clustered(1500, radius)
    assert found(hashes, radius) == wanted(hashes, radius)


@settings(max_examples=80, deadline=None)
@given(
    st.sets(st.integers(0, 2**64 - 1) | st.integers(0, 2**12) | st.integers(2**64 - 2**12, 2**64 - 1), max_size=80),
    st.integers(0, 8),
)
def test_any_set_of_hashes(numbers: set[int], radius: int) -> None:
    """Also tiny sets, and hashes that share most of their bits."""
    hashes = np.array(sorted(numbers), np.uint64)
    assert found(hashes, radius) == wanted(hashes, radius)


@pytest.mark.parametrize(
    "hashes",
    [
        pytest.param(ball(0x0123456789ABCDEF, 2, bits=32), id="all near one"),
        pytest.param(ball(0, 4, bits=12), id="nearly blank"),
        pytest.param(np.arange(1000, dtype=np.uint64) << np.uint64(30), id="sharing 52 bits"),
        pytest.param(
            np.unique(np.random.default_rng(1).integers(0, 2**20, 3000, dtype=np.uint64)), id="sharing 44 bits"
        ),
    ],
)
def test_skewed_hashes_are_exact(hashes: U64, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large buckets, divided again or not, lose nothing; pieces and slices are small here so that there are many."""
    monkeypatch.setattr(join, "_LARGE", 64)
    monkeypatch.setattr(join, "_SLICE", 500)
    monkeypatch.setattr(join, "_PIECE", 100)
    assert found(hashes, 4) == wanted(hashes, 4)


def test_a_large_bucket_is_divided_where_that_saves_work() -> None:
    """Hashes that share a band but nothing else are divided; those that are all near each other are not."""
    rng = np.random.default_rng(3)
    free = np.uint64(2**51 - 1)
    assert join._pays(rng.integers(0, 2**51, 4000, dtype=np.uint64), 5, free)
    assert not join._pays(ball(0, 2), 5, np.uint64(2**64 - 1))


def test_pairs_come_in_pieces() -> None:
    """Most of a million pairs of a dense cluster are handed on in pieces, and finding them takes little memory."""
    hashes = ball(0x00FF00FF00FF00FF, 2, bits=50)
    tracemalloc.start()
    try:
        sizes = [len(p.first) for p in near_pairs(hashes, 4)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) == len(hashes) * (len(hashes) - 1) // 2
    assert max(sizes) < 600_000
    assert peak < 2**26


def test_bands_share_all_bits_and_balance_lopsided_ones() -> None:
    """Each free bit is in exactly one band, and constant bits are spread over the bands."""
    hashes = np.random.default_rng(0).integers(0, 2**64, 5000, dtype=np.uint64) | np.uint64(0xFF_FFFF)
    masks = [int(m) for m in band_masks(hashes, 5, np.uint64(2**64 - 1))]
    assert sum(masks) == 2**64 - 1
    assert sorted(m.bit_count() for m in masks) == [12, 13, 13, 13, 13]
    assert all(4 <= (m & 0xFF_FFFF).bit_count() <= 6 for m in masks)


def test_equal_hashes_are_refused() -> None:
    """Whoever forgets to collapse equal hashes is told."""
    with pytest.raises(ValueError, match="distinct"):
        list(near_pairs(np.array([5, 5], np.uint64), 4))


@pytest.mark.parametrize("radius", [-1, 9])
def test_other_radii_are_refused(radius: int) -> None:
    """Only 0 to 8."""
    with pytest.raises(ValueError, match="radius"):
        list(near_pairs(np.array([5], np.uint64), radius))


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_to_compare_with(count: int) -> None:
    """No hash and one hash have no pair."""
    assert found(np.arange(count, dtype=np.uint64), 4) == []
    assert near_pairs_brute(np.arange(count, dtype=np.uint64), 4)[0].tolist() == []


def test_positions_are_ordered() -> None:
    """The earlier hash is first."""
    assert next(map(Pairs._asdict, near_pairs(np.array([7, 6], np.uint64), 1)))["first"].tolist() == [0]
