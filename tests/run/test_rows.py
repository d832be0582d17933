"""Rows are born: ids of their content, shards cut where the content says."""

from __future__ import annotations

import datetime
import decimal
from collections import Counter
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.run.rows import RowIds, prefixes_of, repeats, row_digests, shards

URL = "https://example.org/ü.jpg"
TEXTS = (
    st.none()
    | st.text(alphabet=st.sampled_from(["a", "b", "\x1f", "\x00", "n", "4"]), max_size=4)
    | st.sampled_from(["null", "\x00null"])
)


def batch(*rows: tuple[str | None, ...]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True))
    return pa.record_batch({f"c{i}": pa.array(values, pa.string()) for i, values in enumerate(columns)})


def ids_of(*batches: pa.RecordBatch) -> list[str]:
    digests = [row_digests(b) for b in batches]
    ids = RowIds(repeats(prefixes_of([d for ds in digests for d in ds])))
    return [i for ds in digests for i in ids.ids(ds)]


def urls(numbers: range | list[int]) -> pa.RecordBatch:
    return batch(*((f"https://example.org/{n}.jpg",) for n in numbers))


# digests


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=20))
def test_only_equal_rows_have_equal_digests(rows: list[tuple[str | None, str | None]]) -> None:
    """Whatever stands in a value, it never runs into the next column, and null is no text."""
    digests = row_digests(batch(*rows))
    assert Counter(digests).most_common() == [(digests[rows.index(r)], n) for r, n in Counter(rows).most_common()]


def test_digests_are_the_same_on_every_machine() -> None:
    """Golden: a digest that moves renames every row of every folder."""
    rows = pa.record_batch(
        {
            "url": [URL, None],
            "n": pa.array([1, None], pa.int32()),
            "x": [0.1, 1e300],
            "b": [True, None],
            "points": pa.array(
                [[{"x": 1.5, "y": None}], None], pa.list_(pa.struct([("x", pa.float64()), ("y", pa.int8())]))
            ),
            "bytes": [b"\x00\xff", b""],
            "when": pa.array([datetime.datetime(2024, 9, 25, 1, 2, 3, 4), None], pa.timestamp("us")),
        }
    )
    assert [d.hex() for d in row_digests(rows)] == [
        "09efde1eb3a9bf5d9ac7ce776f562546",
        "e3a366d8352aeaf4ff0811507819ac89",
    ]
    points, when = "8:3\x1f1.5\x1f-\x1f", "2024-09-25 01:02:03.000004"
    spelled = (URL, "1", "0.1", "true", points, '"00ff"', when), (None, None, "1e+300", None, None, '""', None)
    assert row_digests(rows) == [blake2b(spell(*values), digest_size=16).digest() for values in spelled]


def test_nested_values_that_differ_have_different_digests() -> None:
    """Null, empty, a list of null, of an empty text, of a struct of nulls: five values, also in the middle of a batch."""
    rows = pa.RecordBatch.from_pylist(
        [
            {"a": [{"x": 1.5, "y": None}], "b": None},
            {"a": [], "b": ["", None]},
            {"a": None, "b": []},
            {"a": [None], "b": [""]},
            {"a": [{"x": None, "y": None}], "b": [None]},
        ]
    )
    assert len(set(row_digests(rows))) == rows.num_rows
    assert row_digests(rows.slice(2, 2)) == row_digests(rows)[2:4]


def spell(*values: str | None) -> bytes:
    """The text a digest is taken of: each value behind its length in UTF-8, a null as a length of `-`."""
    told = [part for v in values for part in (("-", "") if v is None else (str(len(v.encode())), v))]
    return "\x1f".join(told).encode()


COLUMNS: list[tuple[pa.DataType, list[Any]]] = [
    (pa.int64(), [0, 1, -1, None]),
    (pa.uint64(), [2**64 - 1, 0]),
    (pa.float32(), [0.0, 0.5, float("inf"), None]),
    (pa.float64(), [1e-300, 0.1, None]),
    (pa.bool_(), [True, False, None]),
    (pa.binary(), [b"", b"\xff\x00", None]),
    (pa.large_binary(), [b"", b"\xff\x00", None]),
    (pa.binary(2), [b"\xff\x00", b"ab", None]),
    (pa.large_string(), ["", "null", None]),
    (pa.string_view(), ["", "a long text that does not lie in the view", None]),
    (pa.binary_view(), [b"", b"\xff", None]),
    (pa.dictionary(pa.int8(), pa.string()), ["a", "b", None]),
    (pa.dictionary(pa.int8(), pa.int64()), [1, 2, None]),
    (pa.list_(pa.string()), [[], ["a"], [None], None]),
    (pa.list_(pa.int8(), 2), [[1, 2], [2, 1], None]),
    (pa.struct([("a", pa.binary()), ("b", pa.int8())]), [{"a": b"\xff", "b": 1}, {"a": None, "b": 1}, None]),
    (pa.map_(pa.string(), pa.int8()), [[("a", 1)], [], None]),
    (pa.date32(), [datetime.date(2024, 1, 2), None]),
    (pa.time64("us"), [datetime.time(1, 2, 3, 4), None]),
    (pa.timestamp("ns"), [0, 1, None]),
    (pa.timestamp("us", "Europe/Berlin"), [0, 1, None]),
    (pa.duration("s"), [0, 1, None]),
    (pa.decimal128(5, 2), [decimal.Decimal("1.25"), decimal.Decimal("-0.01"), None]),
    (pa.month_day_nano_interval(), [(1, 2, 3), (0, 0, 1), None]),
    (pa.null(), [None]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), COLUMNS, ids=[str(k) for k, _ in COLUMNS])
def test_every_type_of_column_has_digests(kind: pa.DataType, values: list[Any]) -> None:
    """Different values of any Arrow type give different digests, equal ones equal; slices and chunks do not matter."""
    column = pa.array(values, kind)
    digests = row_digests(pa.record_batch({"c": column}))
    assert len(set(digests)) == len(values)
    doubled = pa.concat_arrays([column, column]) if not pa.types.is_dictionary(kind) else pa.array(values * 2, kind)
    assert row_digests(pa.record_batch({"c": doubled}).slice(len(values))) == digests


def test_a_row_without_columns_has_a_digest() -> None:
    """A source of pictures alone: rows differ by nothing but their count."""
    nothing = pa.RecordBatch.from_struct_array(pa.array([{}, {}], pa.struct([])))
    assert len(set(row_digests(nothing))) == 1


# ids


def test_exact_repeats_are_counted() -> None:
    """The first keeps the plain id, the others get their number, across batches."""
    plain = ids_of(batch(("a",)))[0]
    assert ids_of(batch(("a",), ("b",), ("a",)), batch(("a",))) == [
        plain,
        ids_of(batch(("b",)))[0],
        f"{plain}-1",
        f"{plain}-2",
    ]


@given(st.lists(st.sampled_from("abcdef"), max_size=40), st.integers(1, 7))
def test_ids_are_unique_however_rows_repeat_and_batches_lie(names: list[str], size: int) -> None:
    """No two rows share an id, and how the list was read in does not matter."""
    parts = [batch(*((n,) for n in names[i : i + size])) for i in range(0, len(names), size)]
    ids = ids_of(*parts)
    assert len(set(ids)) == len(names)
    assert ids == (ids_of(batch(*((n,) for n in names))) if names else [])


def test_digests_that_only_begin_alike_are_not_counted_as_one() -> None:
    """Two rows of equal first 64 bits keep ids of their own."""
    digests = [b"12345678aaaaaaaa", b"12345678bbbbbbbb", b"12345678aaaaaaaa"]
    ids = RowIds(repeats(prefixes_of(digests))).ids(digests)
    assert len(set(ids)) == 3


def test_a_repeat_count_needs_only_the_repeated() -> None:
    """`repeats` gives each prefix that occurs more than once, once."""
    assert repeats(np.array([5, 1, 5, 2, 5, 2], np.uint64)).tolist() == [2, 5]
    assert repeats(np.array([], np.uint64)).tolist() == []


# shards


def cut(rows: list[int], target: int, size: int = 1000) -> list[list[str]]:
    parts = [urls(rows[i : i + size]) for i in range(0, len(rows), size)]
    return [table.column(0).to_pylist() for table, _ in shards(parts, target)]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 300), max_size=400), st.integers(1, 40), st.integers(1, 450))
def test_batches_of_any_size_give_the_same_shards(rows: list[int], target: int, size: int) -> None:
    """Every row once, in order; each shard between half and twice the target, the last maybe smaller."""
    found = cut(rows, target, size)
    assert [url for shard in found for url in shard] == [f"https://example.org/{n}.jpg" for n in rows]
    assert found == cut(rows, target, 10**6)
    assert all(max(target // 2, 1) <= len(shard) <= 2 * target for shard in found[:-1])
    assert all(len(shard) <= 2 * target for shard in found)


def test_shards_carry_the_digests_of_their_rows() -> None:
    """In their order, across batches."""
    parts = [urls(range(70)), urls(range(70, 200))]
    for table, digests in shards(parts, 16):
        assert digests == row_digests(table.combine_chunks().to_batches()[0])


@settings(max_examples=40)
@given(st.integers(0, 3000), st.integers(10_000, 10**9))
def test_an_inserted_row_changes_no_shard_before_it_and_few_after(place: int, new: int) -> None:
    """Shards are cut by content: those before the row stay, and soon after it all are what they were."""
    rows = list(range(3000))
    before, after = cut(rows, 32), cut([*rows[:place], new, *rows[place:]], 32)
    changed = [shard for shard in after if shard not in before]
    assert 1 <= len(changed) <= 4
    assert changed == after[(first := after.index(changed[0])) : first + len(changed)], "one run of shards"


def test_an_inserted_row_changes_one_shard_as_a_rule() -> None:
    """On average over all places hardly more than one."""
    rows = list(range(2000))
    before = {tuple(s) for s in cut(rows, 64)}
    changed = [sum(tuple(s) not in before for s in cut([*rows[:p], -p, *rows[p:]], 64)) for p in range(1, 2000, 40)]
    assert sum(changed) / len(changed) < 1.3


def test_equal_rows_are_cut_too() -> None:
    """A list of one URL many times has shards of an allowed size, not one huge one."""
    sizes = [len(s) for s in cut([7] * 1000, 32)]
    assert sum(sizes) == 1000
    assert all(16 <= s <= 64 for s in sizes[:-1])


def test_sizes_lie_around_the_target() -> None:
    """The mean is about the target, so that a plan has as many shards as one expects."""
    sizes = [len(s) for s in cut(list(range(50_000)), 64)]
    assert 48 <= sum(sizes) / len(sizes) <= 80
    assert all(a for a, _ in pairwise(sizes))
