"""Rows as a sequence: counted, sliced, looked at in any order, handed on."""

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.dataset.load import load
from pixmo.dataset.rows import Rows
from pixmo.errors import BadRecord, BadSetting
from pixmo.records.arrow import Label, labelled, schema_of
from pixmo.records.caption import Caption
from tests.dataset.sets import expected, finished, grouped


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Sixty rows with pictures in three files of row groups of seven."""
    folder = tmp_path_factory.mktemp("set")
    tables = [grouped(0, 30, True), grouped(30, 1, True), grouped(31, 29, True)]
    return load(finished(folder, {"train": tables}, group_rows=7))


@settings(max_examples=60, deadline=None)
@given(st.slices(60), st.slices(60), st.integers(-70, 70))
def test_slices_are_those_of_a_list(rows: Rows, first: slice, second: slice, place: int) -> None:
    """Any slice of any slice, walked through, by number and as Arrow, is what a list of all ids gives."""
    ids = [f"{n:016x}" for n in range(60)][first][second]
    chosen = rows[first][second]
    assert len(chosen) == len(ids)
    assert [row.id for row in chosen] == ids
    assert [i for batch in chosen.batches(9) for i in batch.column("row_id").to_pylist()] == ids
    if -len(ids) <= place < len(ids):
        assert (chosen[place].id, chosen[place].picture_bytes is None) == (ids[place], False)
    else:
        with pytest.raises(IndexError):
            chosen[place]


def test_any_order_gives_the_same_rows(rows: Rows) -> None:
    """By number, taken together, or walked through: records, columns and pictures are the same."""
    walked = list(rows)
    places = [59, 0, 31, 30, 30, 7, 6]
    for found in ([rows[p] for p in places], rows.take(places), rows.take(places, pictures=True)):
        assert [r.records for r in found] == [walked[p].records for p in places]
        assert [dict(r.columns) for r in found] == [dict(walked[p].columns) for p in places]
        assert [r.picture_bytes for r in found] == [walked[p].picture_bytes for p in places]
    assert rows.take([]) == []
    with pytest.raises(BadSetting, match="there are 60"):
        rows.take([60])


def test_records_follow_each_other(rows: Rows) -> None:
    """All annotations of all pictures, in order."""
    table = pa.concat_tables([grouped(0, 60)])
    assert list(rows.records()) == [record for row in expected(table) for record in row]


def test_batches_leave_pictures_out_unless_named(rows: Rows) -> None:
    """Arrow batches are of at most as many rows as asked for, and hold the label of what they are."""
    batches = list(rows[5:50].batches(8))
    assert {len(b) for b in batches} <= set(range(1, 9))
    assert sum(map(len, batches)) == 45
    assert "image" not in batches[0].schema.names
    assert next(rows.batches(8, ["image"])).schema.names == ["image"]


def test_a_row_travels_alone(rows: Rows) -> None:
    """Pickled, a row is itself with its picture, and not the rows it was read with."""
    for row in (rows[33], list(rows)[33], rows.take([33], pictures=True)[0]):
        data = pickle.dumps(row)
        there = pickle.loads(data)
        assert (there.id, there.split, there.records) == (row.id, "train", row.records)
        assert (there.picture_bytes, dict(there.columns)) == (row.picture_bytes, dict(row.columns))
        assert len(data) < 4 * len(row.picture_bytes or b"") + 8000
    again = pickle.loads(pickle.dumps(rows[3:9]))
    assert [row.id for row in again] == [row.id for row in rows[3:9]]


def test_a_row_that_is_no_record_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    """Nulls, and text that is not UTF-8, stop nobody who does not ask; the others are records."""
    schema = labelled(schema_of(Caption), Label("caption"))
    text = pa.array([b"a", None, b"b", b"\xff\xfe", b"c"], pa.binary())
    said = pa.array([["x"], ["x"], None, ["x"], ["x"]], schema.field("transcripts").type)
    broken = pa.Array.from_buffers(pa.string(), len(text), text.buffers())
    nothing = pa.nulls(5, pa.string())
    table = pa.table([nothing, nothing, broken, said], schema=schema)
    pq.write_table(table, tmp_path / "a.parquet")
    found = load(tmp_path)
    assert [row.columns["caption"] for row in found] == ["a", None, "b", "\ufffd\ufffd", "c"]
    assert [len(row.records) for row in (found[0], found[4])] == [1, 1]
    for place, what in (
        (1, "Caption.caption is missing"),
        (2, "Caption.transcripts is missing"),
        (3, "Caption cannot be read"),
    ):
        for row in (found[place], list(found)[place]):
            with pytest.raises(BadRecord, match=rf"row a\.parquet:{place}: {what}"):
                _ = row.records


def test_an_empty_set_has_no_rows(tmp_path: Path) -> None:
    """Nothing to walk through, to slice, to take."""
    rows = load(finished(tmp_path, {"train": [grouped(0, 0)]}))
    assert (len(rows), list(rows), list(rows[2:]), list(rows.batches()), list(rows.records())) == (0, [], [], [], [])
