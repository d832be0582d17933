"""Every set of the catalogue: as published in, typed rows out, and as published again."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.catalog.load import entry, names
from pixmo.catalog.typed import mapping_of
from pixmo.records.arrow import Label, label_of, records_of, schema_of
from tests.catalog.samples import features, sample


def batch(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]


@pytest.mark.parametrize("name", names())
def test_what_is_published_comes_back_equal(tmp_path, name):
    """Column by column, types, nulls and empty lists included, also over a Parquet file of the typed rows."""
    mapping, published = mapping_of(entry(name)), batch(sample(name))
    typed = mapping.typed(published)
    pq.write_table(pa.Table.from_batches([typed]), tmp_path / "typed.parquet")
    read = batch(pq.read_table(tmp_path / "typed.parquet"))
    for rows in (typed, read):
        again = mapping.published(rows, features(name))
        for column in published.schema.names:
            assert again.column(column).equals(published.column(column)), column
    assert label_of(read.schema) == Label(entry(name).record)


@pytest.mark.parametrize("name", names())
def test_every_row_is_a_record(name):
    """Rows without nulls make records of the set's kind; the record's fields have the record's types."""
    mapping = mapping_of(entry(name))
    typed = mapping.typed(batch(sample(name, nulls=False)))
    assert len(list(records_of(typed, mapping.kind))) == typed.num_rows
    own = schema_of(mapping.kind)
    assert all(typed.schema.field(f.name).type == f.type for f in own if f.name in typed.schema.names)


@pytest.mark.parametrize("name", names())
def test_the_entry_is_complete(name):
    """Each set says what its rows are, which revision is read, and each hold-out exists."""
    known = entry(name)
    assert known.record
    assert known.revisions
    for held in known.holdouts:
        base, _, split = held.partition(":")
        assert not split or split in entry(base).splits
