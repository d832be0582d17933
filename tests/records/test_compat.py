"""What may change inside a version, and what may not. The golden shards are read in tests/test_schemas.py."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pixmo.records.arrow import grouped_schema, schema_of
from pixmo.records.compat import breaks
from pixmo.records.kinds import KINDS, is_groupable

OLD = pa.schema([("a", pa.string()), ("b", pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())])))])
GROWN = pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64()), ("z", pa.float64())]))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_schema_breaks_nobody_by_itself(kind):
    """Alone and grouped."""
    assert breaks(schema_of(kind), schema_of(kind)) == []
    if is_groupable(kind):
        assert breaks(grouped_schema(kind), grouped_schema(kind)) == []


def test_the_order_of_fields_breaks_nobody():
    """They are read by name."""
    assert breaks(OLD, pa.schema(list(OLD)[::-1])) == []


def test_a_field_may_be_added_inside_a_list_too():
    """If it may be null."""
    assert breaks(OLD, OLD.set(1, pa.field("b", GROWN))) == []


def test_a_field_that_could_be_null_has_to_stay_so():
    """Old rows have nulls there."""
    assert breaks(OLD, OLD.set(0, pa.field("a", pa.string(), nullable=False))) == ["a may no longer be null"]


def test_each_fault_has_its_line():
    """All of them, not the first."""
    new = pa.schema(
        [pa.field("b", pa.list_(pa.struct([("x", pa.float32())]))), pa.field("c", pa.int64(), nullable=False)]
    )
    assert breaks(OLD, new) == [
        "a is gone",
        "b[].x was double and is float",
        "b[].y is gone",
        "c is new and may not be null",
    ]
