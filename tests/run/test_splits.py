"""Splits are decided by the list alone, and no picture stands in two."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixmo.errors import BadSetting
from pixmo.run.splits import Split, assign, assign_split, key_of, parse_splits
from pixmo.storage.urls import canonical_url

Rows = list[tuple[int, ...]]  # the keys of each row
ROWS = st.lists(st.lists(st.integers(1, 15), max_size=3).map(tuple), min_size=1, max_size=25)


def assigned(rows: Rows, *splits: Split) -> list[int]:
    keys = np.array([k for row in rows for k in row], np.uint64)
    of = np.array([i for i, row in enumerate(rows) for _ in row], np.int64)
    found: NDArray[np.uint8] = assign(keys, of, len(rows), splits)
    return found.tolist()


def groups(rows: Rows) -> list[set[int]]:
    """The connected components, found the slow way; rows without keys are in none."""
    found: list[tuple[set[int], set[int]]] = []
    for row, keys in enumerate(rows):
        if keys:
            mine, known = {row}, set(keys)
            for other in [g for g in found if g[1] & known]:
                found.remove(other)
                mine |= other[0]
                known |= other[1]
            found.append((mine, known))
    return [g for g, _ in found]


@settings(deadline=None)
@given(ROWS, st.integers(1, 4), st.integers(1, 4))
def test_a_group_is_never_divided_and_counts_are_exact(rows: Rows, first: int, second: int) -> None:
    """Rows that share a URL or a digest, directly or through others, go together; so many groups as were asked for."""
    together = groups(rows)
    splits = Split("validation", first, None), Split("test", second, None)
    if first + second > len(together):
        with pytest.raises(BadSetting, match="different ones"):
            assigned(rows, *splits)
        return
    of = assigned(rows, *splits)
    assert all(len({of[row] for row in group}) == 1 for group in together)
    counts = [sum(of[min(group)] == number for group in together) for number in (1, 2)]
    assert counts == [first, second]
    assert all(of[row] == 0 for row, keys in enumerate(rows) if not keys), "rows without keys train"


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(rows: Rows, shuffled: random.Random) -> None:
    """A permuted list puts every row where it was."""
    size = max(1, len(groups(rows)) // 2)
    if not groups(rows):
        return
    order = list(range(len(rows)))
    shuffled.shuffle(order)
    of = assigned(rows, Split("validation", size, None))
    assert assigned([rows[i] for i in order], Split("validation", size, None)) == [of[i] for i in order]


def test_a_longer_list_keeps_its_split_as_far_as_it_can() -> None:
    """New rows push out only those that hash behind them: nobody from train enters validation."""
    chosen = random.Random(3)
    rows: Rows = [(chosen.getrandbits(64),) for _ in range(400)]
    before = assigned(rows[:300], Split("validation", 50, None))
    after = assigned(rows, Split("validation", 50, None))
    assert sum(after) == 50
    assert all(old >= new for old, new in zip(before, after, strict=False))


def test_a_share_is_of_groups() -> None:
    """Ten percent of a hundred pictures are ten, whatever number of rows show them."""
    rows: Rows = [(k,) for k in range(100) for _ in range(k % 3 + 1)]
    of = assigned(rows, Split("validation", None, 0.1))
    assert len({row[0] for row, split in zip(rows, of, strict=True) if split}) == 10


def test_no_rows_or_no_keys_are_all_train() -> None:
    """Nothing to divide, nothing to fail; but a held-out split cannot be had."""
    assert assigned([(), ()]) == [0, 0]
    with pytest.raises(BadSetting, match="has 0 different ones"):
        assigned([(), ()], Split("validation", 1, None))


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("validation=2048", Split("validation", 2048, None)),
        ("test=1%", Split("test", None, 0.01)),
        ("dev=12.5%", Split("dev", None, 0.125)),
    ],
)
def test_a_split_is_a_count_or_a_share(text: str, split: Split) -> None:
    """As given on the command line or in a recipe."""
    assert parse_splits((text,)) == (split,)


@pytest.mark.parametrize(
    "text",
    ["validation", "validation=", "=5", "validation=0", "validation=-1", "validation=1.5", "validation=0%", "validation=100%",
     "validation=-1%", "validation=nan%", "validation=inf%", "validation=%", "train=5", "a b=5", "a/b=5", "../x=1", ""],
)  # fmt: skip
def test_what_is_no_split_is_told_so(text: str) -> None:
    """In one line that shows how it should look."""
    with pytest.raises(BadSetting, match="NAME=COUNT or NAME=PERCENT%"):
        parse_splits((text,))


def test_a_split_is_named_once() -> None:
    """Twice the same name would be two sizes of one thing."""
    with pytest.raises(BadSetting, match="twice"):
        parse_splits(("validation=5", "validation=1%"))


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a.jpg", "http://example.org/a.jpg", "HTTPS://EXAMPLE.org:443/a.jpg", " https://example.org/a.jpg ",
     "http://example.org:80/a.jpg", "https://example.org/a.jpg#top"],
)  # fmt: skip
def test_spellings_of_one_url_are_one_picture(url: str) -> None:
    """Scheme, case of the host, default port, fragment and white space do not change what is shown."""
    assert canonical_url(url) == canonical_url("https://example.org/a.jpg")


@pytest.mark.parametrize(
    "url",
    ["https://example.org/A.jpg", "https://example.org:8443/a.jpg", "https://example.org/a.jpg?x=1", "https://example.com/a.jpg",
     "https://example.org/b/a.jpg", "https://[::1/a.jpg", "https://example.org:99999/a.jpg", "", "not a url"],
)  # fmt: skip
def test_other_urls_are_other_pictures(url: str) -> None:
    """Path, query, port and host count; what is no URL has a key of its own and does not fail."""
    assert canonical_url(url) != canonical_url("https://example.org/a.jpg")


def test_keys_are_the_same_on_every_machine() -> None:
    """Golden, and apart for URLs and digests; absurd text has a key too."""
    assert key_of("url", "example.org/a.jpg") == 6044354731225680767
    assert key_of("sha256", "example.org/a.jpg") != key_of("url", "example.org/a.jpg")
    assert key_of("url", "\udcff") != key_of("url", "")


def test_splits_of_ones_own_rows_are_those_of_a_download() -> None:
    """Rows that share a picture share a split, lists included; the same rows in another order get the same."""
    urls = [f"http://a.org/{n}.jpg" for n in range(200)] + [["http://a.org/7.jpg", "http://b.org/x"], None]
    given = assign_split(urls, splits=["validation=20", "test=10%"])
    assert given.count("validation") in (20, 21)
    assert given[200] == given[7]
    assert given[201] == "train"
    assert assign_split(urls[::-1], splits=["validation=20", "test=10%"]) == given[::-1]
    chained = assign_split(["http://A.org:80/1", "http://c.org/", "http://a.org/1#x"], [None, "AA", "aa"], ["v=1"])
    assert chained == ["v", "v", "v"]  # one by its URL, one by its digest
