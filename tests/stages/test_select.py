"""The only place where rows leave, each counted at the first clause it fails."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pixmo.stages.select import Select

NULLABLE = st.sampled_from([True, False, None])


@given(
    st.lists(st.tuples(NULLABLE, NULLABLE), max_size=12),
    st.permutations(["ok", "not is_duplicate", "not ok"]),
    st.integers(0, 3),
)
def test_counts_add_up_whatever_the_clauses(rows: list[tuple[bool | None, ...]], clauses: list[str], size: int) -> None:
    """Rows that stay and rows that left are all rows; a null is false, so `not` takes it."""
    stage = Select(where=tuple(clauses[:size]))
    columns = list(zip(*rows, strict=True)) or [(), ()]
    table = pa.table({n: pa.array(v, pa.bool_()) for n, v in zip(("ok", "is_duplicate"), columns, strict=True)})
    stays, left = stage.keep(table)
    values = [dict(zip(("ok", "is_duplicate"), row, strict=True)) for row in rows]
    holds = {c: [bool(v[c.removeprefix("not ")]) != c.startswith("not ") for v in values] for c in stage.where}
    assert stays.tolist() == [all(holds[c][i] for c in stage.where) for i in range(len(rows))]
    assert sum(left.values()) + int(stays.sum()) == len(rows)
    first = [next((c for c in stage.where if not holds[c][i]), None) for i in range(len(rows))]
    assert left == {c: first.count(c) for c in stage.where}


def test_it_needs_each_column_once() -> None:
    """Whether a clause asks for it or for its opposite."""
    stage = Select(where=("ok", "not is_duplicate", "not ok"))
    assert stage.needs == pa.schema([("ok", pa.bool_()), ("is_duplicate", pa.bool_())])


def test_columns_in_several_chunks_are_one_column() -> None:
    """A table put together from side files."""
    column = pa.chunked_array([[True], [], [None, False]], pa.bool_())
    stays, left = Select(where=("ok",)).keep(pa.table({"ok": column}))
    assert (stays.tolist(), left) == ([True, False, False], {"ok": 2})
