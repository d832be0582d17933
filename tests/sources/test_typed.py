"""A source whose columns are the fields of a record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.catalog.load import entry
from pixmo.catalog.typed import declared, mapping_of
from pixmo.errors import BadSource
from pixmo.records.arrow import Label, label_of, records_of
from pixmo.records.points import Points
from pixmo.sources.files import FileSource
from pixmo.sources.open import Declared, open_source
from pixmo.sources.resolve import resolve
from pixmo.sources.source import Source
from pixmo.sources.typed import TypedSource
from tests.catalog.samples import features, sample


@pytest.fixture
def listed(tmp_path: Path) -> Source:
    """A file of pixmo-points as published, with the columns that a set of several splits and configs brings along."""
    table = sample("points", rows=50, nulls=False)
    for name in ("split", "config"):
        table = table.append_column(name, pa.array([f"{name} {n % 3}" for n in range(50)]))
    pq.write_table(table, tmp_path / "list.parquet", row_group_size=20)
    return FileSource("list.parquet", resolve(str(tmp_path / "list.parquet")))


def test_rows_are_typed_in_order_whatever_the_batches(listed: Source) -> None:
    """As many, each a record; splits and configs are left over; every batch has the schema that was told."""
    source = TypedSource(listed, mapping_of(entry("points")))
    schema = source.schema()
    assert label_of(schema) == Label("points")
    assert schema.names[-2:] == ["split", "config"]
    found = {n: list(source.batches(n)) for n in (7, 8192)}
    assert all(batch.schema.equals(schema, check_metadata=True) for batches in found.values() for batch in batches)
    tables = [pa.Table.from_batches(batches).combine_chunks() for batches in found.values()]
    assert tables[0].equals(tables[1])
    assert len(list(records_of(tables[0], Points))) == 50
    assert tables[0].column("split").to_pylist()[:4] == ["split 0", "split 1", "split 2", "split 0"]


def test_published_columns_come_back_from_a_file(listed: Source) -> None:
    """The way back over all batches gives the columns as the file has them."""
    mapping = mapping_of(entry("points"))
    batches = [mapping.published(b, features("points")) for b in TypedSource(listed, mapping).batches(16)]
    assert pa.Table.from_batches(batches).equals(
        pa.Table.from_batches(listed.batches()).select(features("points").names)
    )


def test_what_is_known_of_the_source_is_passed_on(listed: Source) -> None:
    """Name, splits, licence and expectations."""
    typed = TypedSource(listed, mapping_of(entry("points")))
    assert [getattr(typed, n) for n in ("name", "splits", "licence", "expected")] == [
        getattr(listed, n) for n in ("name", "splits", "licence", "expected")
    ]
    assert repr(typed) == "TypedSource('list.parquet', points)"


def test_the_same_rows_read_otherwise_are_another_source(listed: Source) -> None:
    """The identity holds the file's, and changes with the unit that is declared."""
    percent, pixels = (
        TypedSource(listed, declared("points", listed.schema(), unit=unit)).identity() for unit in ("percent", "pixels")
    )
    assert listed.identity().items() <= percent.items()
    assert percent != pixels


def test_a_column_of_another_type_is_told_before_rows_are_read(listed: Source) -> None:
    """As soon as the schema is asked for, by the names of the set and of the column."""
    mapping = replace(mapping_of(entry("points")), fields={"label": "points"})
    with pytest.raises(BadSource, match=r"^points: column 'points' is list<.*not what a points record has"):
        TypedSource(listed, mapping).schema()


def test_a_list_that_does_not_say_its_unit_is_not_opened(tmp_path: Path) -> None:
    """The refusal says why and what to give; with the unit declared the list opens as records."""
    path = tmp_path / "mine.jsonl"
    path.write_text('{"image_url": "http://h/1.jpg", "label": "cup", "points": [{"x": 1, "y": 2.5}], "by": "me"}\n')
    with pytest.raises(BadSource, match="does not say what its coordinates count"):
        open_source(str(path), rows=Declared("points"))
    source, columns = open_source(str(path), rows=Declared("points", unit="percent"))
    (batch,) = source.batches()
    (record,) = records_of(batch, Points)
    assert isinstance(record, Points)
    assert (record.points[0].x, record.unit, columns.url) == (1.0, "percent", "image_url")
    assert batch.column("by").to_pylist() == ["me"]
