"""A record as plain values and as Arrow, and back: nothing is lost, and what is no record is refused with its place."""

from __future__ import annotations

import enum
import math
import typing
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadRecord
from pixmo.records.arrow import batch_of, records_of, schema_of
from pixmo.records.base import Finding, Part, shapes
from pixmo.records.conversation import turns
from pixmo.records.kinds import KINDS
from pixmo.records.points import Points

INT64 = st.integers(-(2**63), 2**63 - 1)
PLAIN = {str: st.text(max_size=20), int: INT64, float: st.floats(), bool: st.booleans()}
POINTS = {"label": "cup", "points": [{"x": 1.0, "y": 2.0}], "unit": "percent", "orientation": "upright"}


def of(hint: Any, optional: bool = False) -> st.SearchStrategy[Any]:
    """Any value a field of this type can hold."""
    if optional:
        return st.none() | of(hint)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        options = [a for a in typing.get_args(inner) if a is not type(None)]
        may_be_null = type(None) in typing.get_args(inner)
        return st.lists(of(options[0] if may_be_null else inner, may_be_null), max_size=4).map(tuple)
    if issubclass(hint, Part):
        return parts(hint)
    return st.sampled_from(hint) if issubclass(hint, enum.StrEnum) else PLAIN[hint]


def parts(kind: type[Part]) -> st.SearchStrategy[Any]:
    """Any record or part of a kind."""
    return st.builds(kind, **{s.name: of(s.hint, s.optional) for s in shapes(kind)})


ANY = st.sampled_from(sorted(KINDS)).flatmap(lambda name: parts(KINDS[name]))


def same(one: Any, other: Any) -> bool:
    """Equal, NaN with NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (
        isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    )


@given(ANY)
def test_findings_never_raise(record):
    """Whatever a record holds: findings are data."""
    assert all(isinstance(found, Finding) for found in record.findings())


@given(ANY)
def test_plain_values_come_back(record):
    """Dicts, lists, texts, numbers, null."""
    assert same(type(record).from_dict(record.to_dict()).to_dict(), record.to_dict())


@given(ANY)
def test_arrow_comes_back(record):
    """As one row, with the types of the kind's schema."""
    batch = batch_of([record, record], type(record))
    assert batch.schema.equals(schema_of(type(record)))
    assert all(same(again.to_dict(), record.to_dict()) for again in records_of(batch, type(record)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"label": None}, "Points.label is missing"),
        ({"label": 3}, "Points.label is 3, should be str"),
        ({"points": {"x": 1}}, "Points.points is {'x': 1}, should be a list"),
        ({"points": [{"x": 1.0}]}, "Points.points[0].y is missing"),
        ({"points": [{"x": "1", "y": 2}]}, "Points.points[0].x is '1', should be float"),
        ({"points": [{"x": True, "y": 2}]}, "Points.points[0].x is True, should be float"),
        ({"points": [{"x": 1, "y": 2, "z": 3}]}, "Points.points[0] has no field 'z'"),
        ({"count": True}, "Points.count is True, should be int"),
        ({"unit": "inches"}, "Points.unit is 'inches', should be one of percent, pixels, unit_square, per_mille"),
        ({"colour": "red"}, "Points has no field 'colour'"),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(change, told):
    """Missing, mistyped and unknown values, each by its path."""
    with pytest.raises(BadRecord) as refused:
        Points.from_dict(POINTS | change)
    assert str(refused.value).startswith(told)


def test_a_number_too_large_for_arrow_is_a_bad_record():
    """64 bits are what other languages read."""
    with pytest.raises(BadRecord, match=r"Points\.count is \d+, more than 64 bits"):
        Points.from_dict(POINTS | {"count": 2**70})


def test_a_row_with_a_null_is_no_record_but_stays_in_arrow():
    """Null where a value is needed: the batch keeps it, asking for the record tells."""
    batch = pa.RecordBatch.from_pylist([POINTS | {"label": None}], schema=schema_of(Points))
    with pytest.raises(BadRecord, match=r"Points\.label is missing"):
        list(records_of(batch, Points))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("[USER] a [ASSISTANT]", ("a",)),
        ("\n [USER]a[ASSISTANT]b\n[USER] c\n[ASSISTANT] ", ("a", "b", "c")),
        ("[USER] a [ASSISTANT] b", None),
        ("[ASSISTANT] a [USER]", None),
        ("[USER] [ASSISTANT]", None),
        ("x [USER] a [ASSISTANT]", None),
        ("[USER] a [USER] b [ASSISTANT]", None),
        ("no marks", None),
        ("", None),
    ],
)
def test_a_conversation_is_read_or_it_is_none(question, told):
    """Marks that take turns, each with something to say; a mark inside a user's text breaks it."""
    assert turns(question) == told
