"""The same values in another layout of lists and structs."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.catalog.layout import CannotConvert, carries, converted
from pixmo.catalog.types import arrow_type

POINTS = arrow_type("list<struct<x: double, y: double>>")
PLACES = arrow_type("list<list<struct<x: double, y: double>>>")
XY = arrow_type("struct<x: double, y: double>")
NUMBERS = st.floats(allow_nan=False, width=32)
POINT = st.none() | st.fixed_dictionaries({"x": st.none() | NUMBERS, "y": st.none() | NUMBERS})
WHOLE_POINT = st.fixed_dictionaries({"x": NUMBERS, "y": NUMBERS})


def lists_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.none() | st.lists(inner, max_size=4), max_size=6)


def there_and_back(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """What comes of a column in another layout; it comes back equal."""
    made = converted(column, kind)
    assert made.type == kind
    made.validate(full=True)
    assert converted(made, column.type).equals(column)
    return made


@given(lists_of(WHOLE_POINT), st.integers(0, 3))
def test_lists_of_structs_and_structs_of_lists(told: list[Any], start: int) -> None:
    """Of the same values, wherever in a longer column they are."""
    made = there_and_back(pa.array(told, POINTS).slice(start), arrow_type("struct<x: list<double>, y: list<double>>"))
    for got, points in zip(made.to_pylist(), told[start:], strict=True):
        assert got == (None if points is None else {axis: [p[axis] for p in points] for axis in "xy"})


@given(lists_of(WHOLE_POINT), st.integers(0, 3))
def test_structs_and_pairs(told: list[Any], start: int) -> None:
    """x is first in a pair, whichever is first in the struct."""
    column = pa.array(told, POINTS).slice(start)
    made = there_and_back(column, arrow_type("list<list<double>>"))
    turned = converted(column, arrow_type("list<struct<y: double, x: double>>"))
    assert converted(turned, made.type).equals(made)
    for got, points in zip(made.to_pylist(), told[start:], strict=True):
        assert got == (None if points is None else [[p["x"], p["y"]] for p in points])


@pytest.mark.parametrize(
    "layout",
    [
        "list<list<list<double>>>",
        "list<struct<x: list<double>, y: list<double>>>",
        "struct<x: list<list<double>>, y: list<list<double>>>",
        "large_list<large_list<struct<x: float, y: float>>>",
        "list<list<struct<x: float, y: float>>>",
    ],
)
@given(told=lists_of(st.lists(WHOLE_POINT, max_size=3)))
def test_lists_of_places_in_every_layout(layout: str, told: list[Any]) -> None:
    """Lists may be inside or outside of structs at each level."""
    there_and_back(pa.array(told, PLACES), arrow_type(layout))


@given(st.lists(st.none() | st.lists(POINT, max_size=4), max_size=6))
def test_nulls_stay_nulls(told: list[Any]) -> None:
    """Of rows, of points, and of coordinates."""
    column = pa.array(told, POINTS)
    small = arrow_type("large_list<struct<x: float, y: float>>")
    assert there_and_back(column, small).to_pylist() == told


@pytest.mark.parametrize(
    ("column", "kind", "plain"),
    [
        (pa.array(["a", None, "a"]).dictionary_encode(), pa.string(), ["a", None, "a"]),
        (pa.array([["a"], None], pa.list_(pa.large_string())), pa.list_(pa.string()), [["a"], None]),
        (pa.array([[1, 2], None], pa.list_(pa.int32(), 2)), pa.list_(pa.int64()), [[1, 2], None]),
        (pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)), XY, [{"x": 1.0, "y": 2.0}, None]),
        (pa.array([1, None], pa.int32()), pa.int64(), [1, None]),
        (pa.nulls(2), POINTS, [None, None]),
        (pa.array(["7", None]), pa.int64(), [7, None]),
        (pa.array([3.0]), pa.int64(), [3]),
    ],
    ids=["dictionary", "large text", "fixed list", "fixed pair", "int32", "null", "number as text", "whole number"],
)
def test_other_types_of_the_same_values(column: pa.Array, kind: pa.DataType, plain: list[Any]) -> None:
    """What other writers make of lists, texts and numbers is read as plain ones."""
    assert converted(column, kind).to_pylist() == plain


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([0.1]), pa.float32()),
        (pa.array([1e300]), pa.float32()),
        (pa.array([2**53 + 1]), pa.float64()),
        (pa.array([2**31]), pa.int32()),
        (pa.array([0.5]), pa.int64()),
        (pa.array([math.nan]), pa.int64()),
        (pa.array([2]), pa.bool_()),
        (pa.array(["x"]), pa.int64()),
        (pa.array([b"\xff"]), pa.string()),
    ],
    ids=["rounded", "infinite", "large whole", "too large", "half", "nan", "truth", "no number", "no text"],
)
def test_values_are_not_mended(column: pa.Array, kind: pa.DataType) -> None:
    """A value that is not the same in the other type is told, not changed."""
    with pytest.raises(CannotConvert, match=r"is not|does not fit"):
        converted(column, kind)


def test_odd_floats_are_kept() -> None:
    """NaN and infinities go to the other width and back: rules tell of them, not the layout."""
    got = converted(pa.array([math.nan, math.inf, -math.inf, None]), pa.float32()).to_pylist()
    assert math.isnan(got[0])
    assert got[1:] == [math.inf, -math.inf, None]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([[{"x": 1.0, "y": 2.0}]], POINTS), PLACES),
        (pa.array([[[1.0, 2.0]]]), PLACES),
        (pa.array(["1, 2"]), POINTS),
        (pa.array([{"x": 1.0}]), XY),
        (pa.array([{"left": 1.0, "top": 2.0}]), XY),
        (pa.array([{}], pa.struct([])), POINTS),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), POINTS),
        (pa.array([["a", "b"]]), arrow_type("struct<question: string, answer: string>")),
        (pa.array([[1.0]]), pa.float64()),
    ],
    ids=["too flat", "pairs too flat", "text", "no y", "other names", "nothing", "map", "texts are no pair", "list"],
)
def test_what_cannot_be_the_same_is_refused(column: pa.Array, kind: pa.DataType) -> None:
    """Depth, names and kind must fit; nothing is guessed."""
    with pytest.raises(CannotConvert):
        converted(column, kind)


def test_what_does_not_come_back() -> None:
    """Shorter lists side by side are filled with nulls, and a place of three numbers is null: no record is made of either."""
    told = [{"question": ["a", "b"], "answer": ["c"]}, {"question": ["d"], "answer": None}]
    kind = arrow_type("list<struct<question: string, answer: string>>")
    made = converted(pa.array(told, arrow_type("struct<question: list<string>, answer: list<string>>")), kind)
    assert made.to_pylist() == [
        [{"question": "a", "answer": "c"}, {"question": "b", "answer": None}],
        [{"question": "d", "answer": None}],
    ]
    places = converted(pa.array([[1.0, 2.0], [1.0, 2.0, 3.0], [], [4.0]]), XY).to_pylist()
    assert places == [{"x": 1.0, "y": 2.0}, None, None, None]


@pytest.mark.parametrize(
    ("text", "is_carried"),
    [
        ("list<struct<x: float, y: float>>", True),
        ("struct<x: list<double>, y: list<double>>", True),
        ("list<list<double>>", True),
        ("list<struct<x: double, y: double, label: string>>", False),
    ],
)
def test_a_type_that_says_more_is_told(text: str, is_carried: bool) -> None:
    """By the names of its fields, at whatever depth of lists."""
    assert carries(POINTS, arrow_type(text)) is is_carried
