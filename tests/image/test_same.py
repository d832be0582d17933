"""Who is whose duplicate."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.image.same import Rows, numbered, same, says_little

A, B, C = 0x0F0F_0F0F_F0F0_F0F0, 0x00FF_00FF_FF00_FF00, 0x1111_FFFF_0000_EEEE  # 32 bits each, far apart
TEST, HELD, TRAIN = 0, 1, 2


class Row(NamedTuple):
    """One row; bytes by a name for them."""

    data: str
    phash: int | None = None
    split: int = TRAIN
    pixels: int = 100
    dhash: int = 0xABCD


def rows(*given: Row) -> Rows:
    """The rows as arrays."""
    digests = b"".join(hashlib.sha256(r.data.encode()).digest() for r in given)
    return Rows(
        np.frombuffer(digests, ">u8").astype(np.uint64).reshape(-1, 4),
        np.array([r.phash or 0 for r in given], np.uint64),
        np.array([r.dhash for r in given], np.uint64),
        np.array([r.phash is not None for r in given], bool),
        np.array([r.split for r in given], np.int16),
        np.array([r.pixels for r in given], np.int64),
    )


def told(*given: Row, radius: int | None = 4) -> list[tuple[int, str]]:
    """Per row whose duplicate it is (-1: nobody's) and how."""
    verdict = same(rows(*given), radius)
    return [
        (of, "" if of < 0 else "near" if near else "exact")
        for of, near in zip(verdict.duplicate_of.tolist(), verdict.is_near.tolist(), strict=True)
    ]


def others(*given: Row, radius: int | None = 4) -> list[bool]:
    """Per row whether another split that wins has its picture."""
    return same(rows(*given), radius).in_other_split.tolist()  # type: ignore[no-any-return]


def test_equal_bytes() -> None:
    """The first row of the same bytes stands for the others."""
    assert told(Row("a"), Row("b"), Row("a"), Row("a")) == [(-1, ""), (-1, ""), (0, "exact"), (0, "exact")]


def test_near_hashes() -> None:
    """Within the radius it is near, beyond it is not."""
    assert told(Row("a", A), Row("b", A ^ 0b1111), Row("c", A ^ 0b11111)) == [(-1, ""), (0, "near"), (-1, "")]


def test_equal_hashes_of_other_bytes_are_near() -> None:
    """The same look with other bytes is near, also at radius 0."""
    assert told(Row("a", A), Row("b", A), radius=0) == [(-1, ""), (0, "near")]


def test_only_bytes_when_asked() -> None:
    """Without a radius the look does not count."""
    assert told(Row("a", A), Row("b", A), Row("a", A), radius=None) == [(-1, ""), (-1, ""), (0, "exact")]


def test_the_largest_stands_for_its_like() -> None:
    """Of pictures that look the same the one of most pixels stays, whatever the order."""
    assert told(Row("a", A, pixels=10), Row("b", A ^ 1, pixels=99), Row("c", A, pixels=50)) == [
        (1, "near"), (-1, ""), (1, "near"),
    ]  # fmt: skip


def test_copies_of_a_near_copy_point_to_the_representative() -> None:
    """No pointing in chains: a copy of a near copy is near to the representative, too; its own copies are exact."""
    found = told(Row("a", A, pixels=9), Row("b", A ^ 1), Row("b", A ^ 1), Row("a", A, pixels=9))
    assert found == [(1, "near"), (-1, ""), (1, "exact"), (1, "near")]


def test_a_held_out_row_stands_for_training_rows() -> None:
    """Of the same bytes and of the same look, the held-out row wins though it comes later and is smaller."""
    assert told(Row("a"), Row("a", split=HELD)) == [(1, "exact"), (-1, "")]
    assert told(Row("a", A, pixels=999), Row("b", A ^ 1, HELD)) == [(1, "near"), (-1, "")]


def test_a_training_row_whose_picture_is_held_out_is_marked() -> None:
    """Exact or near; the held-out row itself is not, nor one of two in the same split."""
    assert others(Row("a"), Row("a", split=HELD), Row("b"), Row("b")) == [True, False, False, False]
    assert others(Row("a", A), Row("b", A ^ 1, HELD)) == [True, False]
    assert others(Row("a", A, HELD), Row("b", A ^ 1, TEST), Row("c", B, HELD)) == [True, False, False]


def test_marking_does_not_hang_on_representatives() -> None:
    """A training row near a held-out row that is itself a duplicate is marked, though its own group is another."""
    test, held, train = Row("a", A, TEST), Row("b", A ^ 0b1111, HELD), Row("c", A ^ 0b1111_1111, TRAIN)
    assert told(test, held, train) == [(-1, ""), (0, "near"), (-1, "")]
    assert others(test, held, train) == [False, True, True]


@pytest.mark.parametrize(("phash", "dhash"), [(0x8000_0000_0000_0000, 5), (0, 5), (0x7FFF, 5), (A, 0)])
def test_pictures_without_detail_are_never_near(phash: int, dhash: int) -> None:
    """Blanks of other bytes stay alone and are in nobody's other split; of the same bytes they are duplicates."""
    blanks = [Row(name, phash, HELD if name == "a" else TRAIN, dhash=dhash) for name in "abcb"]
    assert told(*blanks) == [(-1, ""), (-1, ""), (-1, ""), (1, "exact")]
    assert others(*blanks) == [False] * 4


def test_sixteen_bits_say_enough() -> None:
    """The border of what is compared."""
    assert says_little(np.array([0x7FFF, 0xFFFF], np.uint64), np.array([1, 1], np.uint64)).tolist() == [True, False]


def test_a_picture_without_a_hash_is_known_by_its_bytes() -> None:
    """No hash is not the hash 0."""
    assert told(Row("a"), Row("b"), Row("a")) == [(-1, ""), (-1, ""), (0, "exact")]


def test_digests_that_share_their_beginning_are_told_apart() -> None:
    """The whole digest counts, also where somebody made its first 64 bits agree."""
    digests = np.array([[7, 1, 0, 0], [7, 2, 0, 0], [7, 1, 0, 0], [7, 2, 0, 1], [6, 1, 0, 0]], np.uint64)
    numbers = numbered(digests).tolist()
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 4


LOOKS = {
    "a": A,
    "b": A ^ 3,
    "c": A ^ 0xFF,
    "d": B,
    "e": B ^ 0x80,
    "f": C,
    "g": 0x8000_0000_0000_0000,
    "h": C ^ 0b101010,
}
DRAWN = st.builds(
    lambda data, split: Row(data, LOOKS[data], split, ord(data) % 3),
    st.sampled_from(sorted(LOOKS)),
    st.sampled_from([TEST, HELD, TRAIN]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(DRAWN, max_size=25), st.integers(0, 8))
def test_the_rules_hold_for_any_rows(drawn: list[Row], radius: int) -> None:
    """Representatives stand for themselves, win over those near them, and no picture is kept twice; marks are exact."""
    verdict = same(rows(*drawn), radius)
    for i, row in enumerate(drawn):
        of = int(verdict.duplicate_of[i])
        if of >= 0:
            other = drawn[of]
            assert verdict.duplicate_of[of] == -1
            assert other.split <= row.split
            assert verdict.is_near[i] == (other.data != row.data)
            assert other.data == row.data or (other.phash ^ row.phash).bit_count() <= radius  # type: ignore[operator]
        alike = [o for o in drawn if o.data == row.data or _looks_alike(o, row, radius)]
        assert verdict.in_other_split[i] == any(o.split < row.split for o in alike)
    kept = [r.data for r, of in zip(drawn, verdict.duplicate_of, strict=True) if of < 0]
    assert len(kept) == len(set(kept))


def _looks_alike(one: Row, other: Row, radius: int) -> bool:
    is_blank = "g" in (one.data, other.data)
    return not is_blank and (one.phash ^ other.phash).bit_count() <= radius  # type: ignore[operator]
