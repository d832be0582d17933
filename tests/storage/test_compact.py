"""A map of prefixes to pairs behaves as a dict of lists, in a fraction of the memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.storage import compact
from pixmo.storage.compact import CompactMap, prefix

NUMBERS = st.integers(0, 2**64 - 1)
ENTRIES = st.lists(st.tuples(st.sampled_from([0, 1, 2**63, 2**64 - 1]) | NUMBERS, NUMBERS, NUMBERS), max_size=40)


@given(st.lists(st.tuples(st.booleans(), ENTRIES), max_size=6))
def test_it_is_a_dict_of_lists(steps: list[tuple[bool, list[tuple[int, int, int]]]]) -> None:
    """Whatever mixture of single and bulk additions: each key finds its pairs, oldest first, none lost to equal keys."""
    with pytest.MonkeyPatch.context() as small:
        small.setattr(compact, "_MERGE_AT", 5)
        small.setattr(compact, "_RUN", 8)
        behaves_as_a_dict(steps)
    behaves_as_a_dict(steps)


def behaves_as_a_dict(steps: list[tuple[bool, list[tuple[int, int, int]]]]) -> None:
    found, oracle = CompactMap(), dict[int, list[tuple[int, int]]]()
    for in_bulk, entries in steps:
        if in_bulk:
            columns = np.array(entries, np.uint64).reshape(-1, 3).T
            found.add_many(columns[0], columns[1], columns[2])
        for key, a, b in entries:
            oracle.setdefault(key, []).append((a, b))
            if not in_bulk:
                found.add(key, a, b)
    assert len(found) == sum(map(len, oracle.values()))
    assert {key: found.find(key) for key in oracle} == oracle
    assert found.find(12345678901234567) == oracle.get(12345678901234567, [])


def test_a_full_tail_is_merged_without_disorder() -> None:
    """Entries of one key stay oldest first across the merges of the tail."""
    found = CompactMap()
    for i in range(3 * compact._MERGE_AT // 2):
        found.add(i % 7, i, i + 1)
    assert found.find(3)[:3] == [(3, 4), (10, 11), (17, 18)]
    assert [a for a, _ in found.find(3)] == sorted(a for a, _ in found.find(3))
    assert "new" in repr(found)
    assert len(found) == 3 * compact._MERGE_AT // 2


def test_a_prefix_is_the_first_64_bits() -> None:
    """16 hexadecimal digits, most significant first."""
    assert prefix("00000000000000ff" + "1" * 48) == 255
    assert prefix("f" * 64) == 2**64 - 1
