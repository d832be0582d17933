"""How much of what was read is kept."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

import pixmo


def test_what_is_kept_can_be_bounded(tmp_path):
    """Rows are the same whatever is kept; within a bound of nothing only the last row group stays."""
    table = pa.table({"caption": [f"row {n}" * 100 for n in range(60)]})
    for number in range(3):
        pq.write_table(table.slice(number * 20, 20), tmp_path / f"{number}.parquet", row_group_size=10)
    rows = pixmo.load(tmp_path)
    places = [0, 59, 15, 31, 44, 2]
    freely = [row.columns["caption"] for row in rows.take(places)]
    assert len(rows.groups._opened._kept) == 5
    rows.groups.keep(0, 1)
    assert [row.columns["caption"] for row in rows.take(places)] == freely
    assert (len(rows.groups._opened._kept), len(rows.groups._opened._handles)) == (1, 1)
