"""The nearest of some fixed hashes, against comparing all with all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.image.nearest import Nearest

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=12)


def brute(fixed: np.ndarray, queries: np.ndarray, radius: int) -> list[int]:
    """The first of the nearest, all with all."""
    found = []
    for query in queries:
        distances = np.bitwise_count(fixed ^ query)
        best = int(np.argmin(distances)) if len(fixed) else -1
        found.append(best if len(fixed) and distances[best] <= radius else -1)
    return found


@settings(max_examples=60, deadline=None)
@given(HASHES, HASHES, st.integers(0, 8), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 63)), max_size=30))
def test_it_finds_what_comparing_all_finds(fixed, queries, radius, turned):
    """Also where queries are fixed hashes with some bits turned, and where hashes repeat."""
    near = [fixed[n % len(fixed)] ^ 1 << bit for n, bit in turned] if fixed else []
    for (n, _), (_, bit) in pairwise(turned):
        near += [fixed[n % len(fixed)] ^ 1 << bit ^ 1] if fixed else []
    known, asked = np.array(fixed, np.uint64), np.array(queries + near + fixed, np.uint64)
    assert Nearest(known, radius).of(asked).tolist() == brute(known, asked, radius)


def test_many_hashes_in_one_bucket():
    """Thousands of hashes that share most of their bits are compared piece by piece, and none is missed."""
    rng = np.random.default_rng(1)
    fixed = rng.integers(0, 2**12, 3000, dtype=np.uint64) | np.uint64(0xABCD << 40)
    queries = fixed[:700] ^ (np.uint64(1) << rng.integers(0, 64, 700, dtype=np.uint64))
    assert Nearest(fixed, 4).of(queries).tolist() == brute(fixed, queries, 4)


@pytest.mark.parametrize("radius", [-1, 9])
def test_a_radius_it_is_not_made_for_is_refused(radius):
    """0 to 8, as for near duplicates."""
    with pytest.raises(ValueError, match="radius"):
        Nearest(np.zeros(1, np.uint64), radius)
