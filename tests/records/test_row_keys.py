"""Equal values have equal keys however they are laid out; different ones have not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.records.across import Across
from pixmo.records.arrow import batch_of
from pixmo.records.row_keys import value_keys
from tests.records.strategies import lists_of_one_kind

LABELS = pa.array(["a", None, "b", "a", ""])


def keys(column: pa.Array) -> list[int]:
    return value_keys(column).tolist()


def spelled(value: Any) -> Any:
    """Values as they compare: NaN with NaN, 0.0 with -0.0, True not with 1."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    if isinstance(value, dict):
        return tuple(spelled(v) for v in value.values())
    return [spelled(v) for v in value] if isinstance(value, list) else value


@settings(deadline=None, max_examples=150)
@given(lists_of_one_kind(), st.integers(0, 2))
def test_keys_are_equal_exactly_where_values_are(told, start):
    """Each column of each kind, also from the middle of a batch, against plain Python."""
    kind, some = told
    batch = batch_of(some + some[:2], kind).slice(start)
    for name in batch.schema.names:
        values = [spelled(v) for v in batch.column(name).to_pylist()]
        found = keys(batch.column(name))
        assert [[a == b for b in found] for a in found] == [[a == b for b in values] for a in values]


@pytest.mark.parametrize(
    "other",
    [
        LABELS.dictionary_encode(),
        LABELS.cast(pa.large_string()),
        LABELS.cast(pa.binary()),
        pa.concat_arrays([pa.array(["x"]), LABELS]).slice(1),
    ],
    ids=["dictionary", "large", "bytes", "slice"],
)
def test_texts_laid_out_otherwise_are_the_same(other):
    """Files of one set differ in that."""
    assert keys(other) == keys(LABELS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([[1, 2], None, []]), pa.array([[1, 2], None, []], pa.large_list(pa.int32()))),
        (pa.array([[1, 2], [3, 4]]), pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2))),
        (pa.array([1, None], pa.int8()), pa.array([1, None], pa.int64())),
        (pa.array([0.5, None], pa.float32()), pa.array([0.5, None])),
        (pa.nulls(2), pa.array([None, None], pa.string())),
    ],
    ids=["large list", "list of fixed length", "whole numbers", "numbers", "nothing"],
)
def test_numbers_and_lists_laid_out_otherwise_are_the_same(one, other):
    """Narrow or wide, of fixed length or not."""
    assert keys(one) == keys(other)


@pytest.mark.parametrize(
    "values",
    [
        [[1, 2], [2, 1], [1], [1, 2, 0], [], [0], None, [None]],
        [[[1], [2]], [[1, 2]], [[], [1, 2]], [[1, 2], []]],
        [{"x": 1, "y": 2}, {"x": 2, "y": 1}, {"x": 1, "y": None}, None, {"x": None, "y": None}],
        [0.0, 1.0, math.nan, math.inf, -math.inf, None, 5e-324],
        ["", "a", "b", "ab", "a\0", None],
        [True, False, None],
    ],
    ids=["lists", "lists of lists", "structs", "numbers", "texts", "truths"],
)
def test_different_values_have_different_keys(values):
    """Order, length, nesting and nulls count."""
    assert len(set(keys(pa.array(values)))) == len(values)


def test_a_number_has_one_key_however_its_bits_are():
    """Zero with either sign; NaN of any bits, as other tools write it."""
    bits = np.array([0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000], np.uint64)
    assert len(set(keys(pa.array(bits.view(np.float64))))) == 1
    assert len(set(keys(pa.array([0.0, -0.0])))) == 1


def test_types_that_records_do_not_have_are_compared_by_their_spelling():
    """Columns left over: decimals, dates, maps; what Python cannot spell is like nothing else."""
    assert len(set(keys(pa.array([1, 2, 1], pa.decimal128(4, 1))))) == 2
    assert len(set(keys(pa.array([[("a", 1)], [("a", 1)], [("b", 1)]], pa.map_(pa.string(), pa.int64()))))) == 2
    assert len(set(keys(pa.array([2**62, 2**62, 0], pa.timestamp("s"))))) == 3


def rules_of(*batches: dict[str, list[Any]]) -> list[tuple[int, str]]:
    across = Across()
    for columns in batches:
        across.add(pa.RecordBatch.from_pydict(columns))
    return [(row, found.rule) for row, found in across.findings()]


def test_a_row_without_a_digest_does_not_hide_those_that_contradict_each_other():
    """Though it is the first of its URL."""
    digests = [None, "ab" * 32, "cd" * 32, "ab" * 32]
    columns = {"image_url": ["https://a.example/b"] * 4, "image_sha256": digests, "n": [1, 2, 3, 4]}
    assert rules_of(columns) == [(2, "url_of_two_digests")]


def test_columns_in_another_order_make_no_other_row():
    """As files of one set may have them; a value in another column does."""
    assert rules_of({"a": ["x"], "b": ["y"]}, {"b": ["y"], "a": ["x"]}) == [(1, "row_doubled")]
    assert rules_of({"a": ["x"], "b": ["y"]}, {"a": ["y"], "b": ["x"]}) == []
