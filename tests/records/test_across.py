"""What one row cannot know of itself."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pixmo.records.across import Across

A, B = "https://pictures.example/a", "https://pictures.example/b"
X, Y = "ab" * 32, "cd" * 32


def told(rows: list[dict], batch_rows: int = 100) -> list[tuple[int, str]]:
    """(row, rule) of everything found."""
    across = Across()
    table = pa.Table.from_pylist(rows)
    for batch in table.to_batches(max_chunksize=batch_rows):
        across.add(batch)
    return [(row, finding.rule) for row, finding in across.findings()]


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_rows_that_contradict_each_other(batch_rows):
    """One URL with two digests, one digest with two URLs; null contradicts nobody; however the rows are cut."""
    rows = [
        {"image_url": A, "image_sha256": X, "label": "1"},
        {"image_url": A, "image_sha256": Y, "label": "2"},
        {"image_url": B, "image_sha256": X, "label": "3"},
        {"image_url": A, "image_sha256": None, "label": "4"},
        {"image_url": None, "image_sha256": X, "label": "5"},
    ]
    assert told(rows, batch_rows) == [(1, "url_of_two_digests"), (2, "digest_of_two_urls")]


@pytest.mark.parametrize("batch_rows", [1, 3])
def test_rows_that_stand_twice(batch_rows):
    """The same row again, nested values included; a label again with other points is another matter."""
    one = {"image_url": A, "label": "cup", "points": [{"x": 1.0, "y": None}]}
    other = one | {"points": []}
    assert told([one, other, one | {"label": "cat"}, one], batch_rows) == [(3, "row_doubled"), (1, "label_doubled")]


def test_the_same_row_in_two_configs_is_the_same_row():
    """Category configs repeat the rows of `default`; an index that pandas left does not make them differ."""
    rows = [
        {"image_url": A, "label": "x", "config": c, "__index_level_0__": n} for n, c in enumerate(["default", "animal"])
    ]
    assert told(rows) == [(0, "leftover_column"), (1, "row_doubled")]


def test_texts_that_are_none_are_compared_as_bytes():
    """Whoever wrote the file wrote something else there: no crash, and equal is equal."""
    broken = pa.array([b"\xff", b"\xff", b"\xfe"]).view(pa.string())
    across = Across()
    across.add(pa.RecordBatch.from_arrays([broken], ["label"]))
    assert [(row, f.rule) for row, f in across.findings()] == [(1, "row_doubled")]


def test_nothing_is_nothing():
    """No rows, no findings."""
    assert list(Across().findings()) == []
