"""Records made a column at a time are those made one by one."""

from __future__ import annotations

import enum
import gc
import math
import types
import typing
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.dataset.rows_build import built, exploded, one_by_one
from pixmo.errors import BadRecord
from pixmo.records.arrow import batch_of, records_of, schema_of
from pixmo.records.base import Part, Record, shapes
from pixmo.records.caption import Caption
from pixmo.records.kinds import KINDS
from pixmo.records.points import Points
from tests.dataset.sets import expected, grouped

KINDS_HERE = st.sampled_from(list(KINDS.values()))
PLAIN: dict[type, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8), int: st.integers(-(2**63), 2**63 - 1), float: st.floats(allow_nan=False), bool: st.booleans(),
}  # fmt: skip


def values(hint: Any, optional: bool) -> st.SearchStrategy[Any]:
    """Values a field may hold."""
    if optional:
        return st.none() | values(hint, False)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        may_be_none = isinstance(inner, types.UnionType)
        if may_be_none:
            (inner,) = (a for a in typing.get_args(inner) if a is not type(None))
        return st.lists(values(inner, may_be_none), max_size=3).map(tuple)
    if issubclass(hint, Part):
        return parts(hint)
    return st.sampled_from(list(hint)) if issubclass(hint, enum.StrEnum) else PLAIN[hint]


def parts(kind: type[Part]) -> st.SearchStrategy[Any]:
    """Any record or part of a kind."""
    return st.builds(kind, **{s.name: values(s.hint, s.optional) for s in shapes(kind)})


@settings(max_examples=150, deadline=None)
@given(KINDS_HERE.flatmap(lambda kind: st.tuples(st.just(kind), st.lists(parts(kind), max_size=6))), st.integers(0, 3))
def test_what_was_written_is_built(told: tuple[type[Record], list[Record]], start: int) -> None:
    """Of every kind, whatever its values, also from the middle of a batch: as `records_of` gives, value by value."""
    kind, records = told
    batch = batch_of(records, kind).slice(start)
    assert built(batch, kind) == records[start:] == list(records_of(batch, kind))
    assert one_by_one(batch, kind) == records[start:]


def plain(record: object) -> object:
    """A record to compare: errors by their words."""
    return str(record) if isinstance(record, BadRecord) else record


SPOILT = st.fixed_dictionaries(
    {
        "caption": st.none() | st.text(max_size=3),
        "transcripts": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
        "image_url": st.none() | st.text(max_size=3),
    }
)


@given(st.lists(SPOILT, max_size=6))
def test_rows_that_are_no_records_are_told_and_the_others_built(rows: list[dict[str, Any]]) -> None:
    """With nulls anywhere the result is that of the plain way, error by error."""
    schema = pa.schema([f for f in schema_of(Caption) if f.name != "image_sha256"])
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    told = [plain(r) for r in built(batch, Caption)]
    assert told == [plain(r) for r in one_by_one(batch, Caption)]
    is_record = [
        r["caption"] is not None and None not in (r["transcripts"] or [""] if r["transcripts"] is not None else [None])
        for r in rows
    ]
    assert [isinstance(t, Caption) for t in told] == is_record


@pytest.mark.parametrize(
    ("column", "what"),
    [
        (pa.array([1, 2]), "should be str"),
        (pa.array([["a"], ["b"]]), "should be str"),
        (pa.array([{"x": 1}, {"x": 2}]), "should be str"),
        (pa.array([b"a", b"b"]), "should be str"),
        (pa.nulls(2), "is missing"),
    ],
)
def test_a_column_of_another_type_is_told(column: pa.Array, what: str) -> None:
    """No value is taken for text that is none."""
    batch = pa.RecordBatch.from_pydict({"caption": column, "transcripts": [["a"], []]})
    assert [what in str(found) for found in built(batch, Caption)] == [True, True]


@pytest.mark.parametrize(
    "kind", [pa.large_list(pa.struct([("y", pa.float32()), ("x", pa.float32())])), pa.list_(pa.struct([("x", pa.int32()), ("y", pa.float64())]), 1)]
)  # fmt: skip
def test_other_layouts_of_the_same_values_are_built(kind: pa.DataType) -> None:
    """Large lists, lists of fixed length, members in another order, narrower numbers, text told once for many rows."""
    label = pa.array(["a", "a"]).dictionary_encode()
    columns = {"label": label, "points": pa.array([[{"x": 1, "y": 2.5}], [{"x": 3, "y": -1.0}]], kind)}
    told = pa.array(["pixels", "pixels"]), pa.array(["stored", "stored"])
    batch = pa.RecordBatch.from_pydict(columns | {"unit": told[0], "orientation": told[1]})
    first, second = built(batch, Points)
    assert isinstance(first, Points)
    assert isinstance(second, Points)
    assert [(p.x, p.y) for p in (*first.points, *second.points)] == [(1.0, 2.5), (3.0, -1.0)]
    assert {type(p.x) for p in first.points} == {float}


def test_numbers_that_are_none_stay_so() -> None:
    """NaN and infinities are values of a row, not errors of reading."""
    points = [{"x": math.nan, "y": math.inf}]
    batch = pa.RecordBatch.from_pylist([{"label": "a", "points": points, "unit": "percent", "orientation": "stored"}])
    (record,) = built(batch, Points)
    assert isinstance(record, Points)
    assert (math.isnan(record.points[0].x), record.points[0].y) == (True, math.inf)


def test_a_unit_nobody_knows_is_told() -> None:
    """With the units there are."""
    batch = pa.RecordBatch.from_pylist([{"label": "a", "points": [], "unit": "furlong", "orientation": "stored"}])
    assert "percent" in str(built(batch, Points)[0])


def test_grouped_rows_come_apart_and_together() -> None:
    """Offsets say whose annotations are whose, from any slice; a null list is an empty one."""
    table = grouped(0, 20)
    batch = table.combine_chunks().to_batches()[0].slice(3, 11)
    batch = pa.RecordBatch.from_pylist([*batch.to_pylist(), {"annotations": None}], schema=table.schema)
    inside = exploded(batch)
    flat = built(inside.batch, Points)
    found = [tuple(flat[a:b]) for a, b in zip(inside.offsets, inside.offsets[1:], strict=False)]
    assert found == [*expected(table.slice(3, 11)), ()]


def test_columns_that_are_not_grouped_are_refused() -> None:
    """Annotations that are missing or no list of structs."""
    for batch in (pa.RecordBatch.from_pydict({"x": [1]}), pa.RecordBatch.from_pydict({"annotations": ["text"]})):
        with pytest.raises(BadRecord, match="list of structs"):
            exploded(batch)


def test_the_collector_is_as_it_was() -> None:
    """On or off, as the application has it."""
    batch = batch_of([Caption(caption="a", transcripts=())], Caption)
    try:
        for switch in (gc.disable, gc.enable):
            switch()
            built(batch, Caption)
            assert gc.isenabled() == (switch is gc.enable)
    finally:
        gc.enable()
