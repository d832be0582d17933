"""Orders are permutations, parts are disjoint and whole, places can be counted to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.dataset import torch_order
from pixmo.dataset.torch_order import Order, Sharding, dealt, worker_part
from pixmo.errors import BadSetting, UnknownName

GROUPS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 10**9)), max_size=12)


def order(groups: list[tuple[int, int]], how: Sharding) -> Order:
    """The order of groups given as (rows, bytes)."""
    starts = np.concatenate([[0], np.cumsum([rows for rows, _ in groups], dtype=np.int64)]).astype(np.int64)
    return Order(starts, np.array([size for _, size in groups], np.int64), how)


def places(of: Order, epoch: int, start: int, stop: int, skip: int = 0) -> list[int]:
    return [int(p) for window in of.walk(epoch, start, stop, skip) for p in window]


@settings(max_examples=200, deadline=None)
@given(GROUPS, st.booleans(), st.integers(1, 5), st.integers(1, 3), st.integers(1, 20), st.integers(0, 99))
def test_each_row_comes_once_over_all_ranks_and_workers(
    groups: list[tuple[int, int]], shuffle: bool, world: int, workers: int, buffer_rows: int, seed: int
) -> None:
    """However many there are of each, and however rows lie in groups; parts differ by one row at most."""
    found, sizes = [], []
    for rank in range(world):
        how = Sharding(shuffle, seed, rank, world, "keep", buffer_rows)
        here = order(groups, how)
        first, last = how.part(here.rows)
        sizes.append(last - first)
        for worker in range(workers):
            start, stop = worker_part(last - first, worker, workers, 2)
            found += places(here, 3, first + start, first + stop)
    rows = sum(rows for rows, _ in groups)
    assert sorted(found) == list(range(rows))
    assert max(sizes) - min(sizes) <= 1
    if not shuffle:
        assert found == list(range(rows))


@given(GROUPS, st.integers(1, 7))
def test_ranks_that_must_be_even_are(groups: list[tuple[int, int]], world: int) -> None:
    """`pad` repeats the first rows of the order, `drop` leaves the last ones out; every rank has as many."""
    rows = sum(rows for rows, _ in groups)
    for uneven, each in (("pad", -(-rows // world)), ("drop", rows // world)):
        found = []
        for rank in range(world):
            how = Sharding(True, 1, rank, world, uneven)
            mine = places(order(groups, how), 0, *how.part(rows))
            assert len(mine) == each
            found += mine
        times = np.bincount(found, minlength=rows).tolist() if rows else []
        if uneven == "pad":
            assert all(times)
            assert max(times, default=0) - min(times, default=0) <= 1
        else:
            assert max(times, default=0) <= 1
        assert len(found) == each * world


@settings(max_examples=200, deadline=None)
@given(GROUPS, st.data())
def test_to_go_on_is_to_leave_out(groups: list[tuple[int, int]], data: st.DataObject) -> None:
    """Skipping n rows gives the order without its first n."""
    rows = sum(rows for rows, _ in groups)
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    skip = data.draw(st.integers(0, rows + 2))
    here = order(groups, Sharding(True, 5, buffer_rows=data.draw(st.integers(1, 9))))
    assert places(here, 1, start, stop, skip) == places(here, 1, start, stop)[skip:]


def test_an_order_is_of_its_seed_and_epoch() -> None:
    """The same in every version and on every machine; another seed or epoch gives another."""
    groups = [(5, 0)] * 4
    here = places(order(groups, Sharding(True, 7, buffer_rows=10)), 2, 0, 20)
    assert here == [12, 13, 0, 11, 14, 4, 10, 3, 2, 1, 17, 5, 15, 8, 7, 6, 18, 9, 19, 16]
    assert here != places(order(groups, Sharding(True, 7, buffer_rows=10)), 3, 0, 20)
    assert here != places(order(groups, Sharding(True, 8, buffer_rows=10)), 2, 0, 20)


def test_neighbours_are_far_apart() -> None:
    """Of a thousand rows in ten groups, hardly any two stand beside each other again, and groups are mixed."""
    found = places(order([(100, 0)] * 10, Sharding(True, 0, buffer_rows=500)), 0, 0, 1000)
    assert sum(abs(a - b) == 1 for a, b in pairwise(found)) < 20
    assert len({p // 100 for p in found[:50]}) >= 4


def test_large_rows_make_small_windows() -> None:
    """A window holds a bounded number of bytes, and at least one group."""
    groups = [(10, torch_order.WINDOW_BYTES // 3)] * 9 + [(10, 5 * torch_order.WINDOW_BYTES)]
    windows = [len(w) for w in order(groups, Sharding(False, buffer_rows=1000)).walk(0, 0, 100)]
    assert windows == [30, 30, 30, 10]


def taken(batches: list[int], delivered: int) -> tuple[list[int], list[int]]:
    """What `dealt` says, one batch after the other, as DataLoader takes them."""
    done = [0] * len(batches)
    turn = [w for w in range(len(batches)) if batches[w]]
    for _ in range(delivered):
        if not turn:
            break
        worker = turn.pop(0)
        done[worker] += 1
        if done[worker] < batches[worker]:
            turn.append(worker)
    return done, turn + [w for w in range(len(batches)) if w not in turn]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 40))
def test_batches_are_dealt_by_turns(batches: list[int], delivered: int) -> None:
    """Counting rounds at once is taking one after the other."""
    assert dealt(batches, delivered) == taken(batches, delivered)


def test_a_setting_out_of_range_is_told() -> None:
    """Ranks, ways, buffers, seeds."""
    for settings_, what in (
        ({"rank": 2, "world_size": 2}, "rank 2"),
        ({"world_size": 0}, "world_size 0"),
        ({"buffer_rows": 0}, "1 or more"),
        ({"seed": -1}, "seed -1"),
    ):
        with pytest.raises(BadSetting, match=what):
            Sharding(**settings_)
    with pytest.raises(UnknownName, match="keep"):
        Sharding(uneven="kept")
