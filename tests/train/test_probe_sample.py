"""Which rows a probe looks at, and how they are dealt: nothing stands on both sides, no row keeps its caption."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.errors import BadSource
from pixmo.train.probe_fit import SCRATCH, _processor
from pixmo.train.probe_sample import Sample, dealt, halves, order
from pixmo.train.score import Styled
from pixmo.train.settings import Source
from tests.train.shapes import captioned, drawn, things


def sample(path, rows: int = 99, **source) -> Sample:
    """Rows of a file as a probe takes them."""
    styled = Styled(Source(str(path), **source), _processor(), context=SCRATCH.decoder.max_positions, seed=1)
    return Sample(styled, rows, seed=1)


@given(st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=60), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_no_row_keeps_its_caption(said, seed):
    """Captions are dealt once each, to rows that say something else; only where one is in the majority are they not dealt."""
    gets = dealt(said, seed)
    if max(Counter(said).values()) > len(said) / 2:
        assert gets is None
    else:
        assert sorted(gets) == list(range(len(said)))
        assert all(said[gets[row]] != said[row] for row in range(len(said)))


def test_captions_are_dealt_by_chance():
    """Each of the other captions comes to a row about equally often."""
    got = Counter(dealt("abcde", seed)[0] for seed in range(800))
    assert set(got) == {1, 2, 3, 4}
    assert all(150 < times < 250 for times in got.values())


@given(st.lists(st.integers(0, 30), min_size=2, max_size=90), st.integers(0, 9))
@settings(deadline=None)
def test_halves_share_no_picture(pictures, seed):
    """Every row stands in one half, all rows of a picture in the same one, and the halves are as even as the largest picture allows."""
    one, other = halves(pictures, seed)
    assert sorted(one + other) == list(range(len(pictures)))
    assert not {pictures[row] for row in one} & {pictures[row] for row in other}
    assert abs(len(one) - len(other)) <= max(Counter(pictures).values())


def test_each_row_comes_once_a_round():
    """Steps take the rows round by round, each round in another order."""
    steps = order([3, 5, 7, 9], steps=4, batch=2, seed=0)
    assert sorted(steps[0] + steps[1]) == sorted(steps[2] + steps[3]) == [3, 5, 7, 9]
    assert order([3, 5, 7, 9], steps=4, batch=2, seed=0) == steps
    assert len(order([1], steps=3, batch=8, seed=0)[2]) == 8


def test_rows_of_one_picture_are_known(tmp_path):
    """By the picture's bytes; chains of equal names make one picture."""
    one, other = (drawn(each, 1) for each in things(2, seed=4))
    path = captioned(tmp_path / "a.parquet", [one, other, one], ["this", "that", "the first again"])
    found = sample(path)
    same = {each.id: picture for each, picture in zip(found.told, found.pictures, strict=True)}
    assert same["r0000"] == same["r0002"] != same["r0001"]


def test_rows_that_cannot_be_learned_are_left_out(tmp_path):
    """With their reason, and others take their place; a set of none is refused."""
    seen = things(6)
    pictures = [None if n == 2 else b"not a picture" if n == 3 else drawn(one, n) for n, one in enumerate(seen)]
    found = sample(captioned(tmp_path / "a.parquet", pictures, [one.caption for one in seen]), rows=4)
    assert len(found) == 4
    assert all(row in ("r0002", "r0003") for row in found.left_out)
    assert {each.id for each in found.told} == {"r0000", "r0001", "r0004", "r0005"}
    with pytest.raises(BadSource, match="none of its 2 rows can be learned: row r000"):
        sample(captioned(tmp_path / "b.parquet", [None, None], ["one", "two"]))


def test_what_is_seen_names_the_sample(tmp_path):
    """Another caption or another picture gives another digest; the same rows give the same."""
    seen = things(2)
    pictures = [drawn(one, n) for n, one in enumerate(seen)]
    first = sample(captioned(tmp_path / "a.parquet", pictures, ["one", "two"])).digest()
    assert sample(captioned(tmp_path / "a.parquet", pictures, ["one", "two"])).digest() == first
    assert sample(captioned(tmp_path / "a.parquet", pictures, ["one", "too"])).digest() != first
    assert sample(captioned(tmp_path / "a.parquet", pictures[::-1], ["one", "two"])).digest() != first
