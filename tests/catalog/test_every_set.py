"""Every set of the catalogue: as published in, typed rows out, and as published again."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.catalog.load import Variant, entry, names
from pixmo.catalog.typed import LEFTOVER, mapping_of
from pixmo.catalog.types import arrow_type
from pixmo.errors import BadSource
from pixmo.records.arrow import Label, label_of, records_of, schema_of
from tests.catalog.samples import features, sample

EVERY = [(name, variant) for name in names() for variant in (None, *entry(name).variants)]
READ = [(name, variant) for name, variant in EVERY if variant is None or not variant.refused]
REFUSED = [(name, variant) for name, variant in EVERY if (name, variant) not in READ]


def told(value: str | Variant | None) -> str:
    return value if isinstance(value, str) else "as published" if value is None else value.what


def batch(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]


def differing(got: pa.RecordBatch, wanted: pa.RecordBatch) -> list[str]:
    """The columns that are not equal, types and nulls included."""
    return [n for n in wanted.schema.names if not got.column(n).equals(wanted.column(n))]


@pytest.mark.parametrize(("name", "variant"), READ, ids=told)
def test_what_is_published_comes_back_equal(tmp_path, name, variant):
    """Column by column, types, nulls and empty lists included, also over a Parquet file of the typed rows and in slices."""
    mapping, published = mapping_of(entry(name)), batch(sample(name, variant=variant))
    typed = mapping.typed(published)
    pq.write_table(pa.Table.from_batches([typed]), tmp_path / "typed.parquet")
    read = batch(pq.read_table(tmp_path / "typed.parquet"))
    kept = pa.schema([f for f in published.schema if not LEFTOVER.fullmatch(f.name)])
    for rows in (typed, read):
        assert differing(mapping.published(rows, kept), published.select(kept.names)) == []
    part = published.slice(7, 11)
    assert differing(mapping.published(mapping.typed(part), kept), part.select(kept.names)) == []
    assert label_of(read.schema) == Label(entry(name).record)
    assert not [n for n in typed.schema.names if LEFTOVER.fullmatch(n)]


@pytest.mark.parametrize(("name", "variant"), READ, ids=told)
def test_every_row_is_a_record(name, variant):
    """Rows without nulls make records of the set's kind; the record's fields have the record's types."""
    mapping = mapping_of(entry(name))
    typed = mapping.typed(batch(sample(name, nulls=False, variant=variant)))
    assert len(list(records_of(typed, mapping.kind))) == typed.num_rows
    own = schema_of(mapping.kind)
    assert all(typed.schema.field(f.name).type == f.type for f in own if f.name in typed.schema.names)


@pytest.mark.parametrize("name", names())
def test_every_column_is_a_field_or_left_over_by_intent(name):
    """As published, every column but pictures, ids of rows and what the entry's fields cannot hold becomes a field."""
    mapping = mapping_of(entry(name))
    schema = mapping.typed_schema(features(name))
    left = set(schema.names) - {f.name for f in schema_of(mapping.kind)}
    assert left <= {"image", "images", "metadata"}


@pytest.mark.parametrize(("name", "variant"), REFUSED, ids=told)
def test_what_cannot_be_told_apart_is_refused(name, variant):
    """A layout that does not say what a record needs is refused before a row is read, naming set and column."""
    lost = "|".join(re.escape(c) for c in (*variant.lacks, *variant.has))
    with pytest.raises(BadSource, match=rf"^{name}: .*\b({lost})\b"):
        mapping_of(entry(name)).typed_schema(features(name, variant))


@pytest.mark.parametrize("name", names())
def test_the_entry_is_complete(name):
    """Each set says what its rows are, which revision is read, what is wrong with it; each hold-out and type exists."""
    known = entry(name)
    assert known.record
    assert known.revisions
    for held in known.holdouts:
        base, _, split = held.partition(":")
        assert not split or split in entry(base).splits
    for variant in known.variants:
        assert set(variant.lacks) <= set(known.features)
        assert all(arrow_type(kind) for kind in variant.has.values())
        assert variant.has or variant.lacks


def test_configs_have_samples_of_their_own():
    """What a config has besides is in its sample."""
    assert "__index_level_0__" in sample("video-point", "comparative reference").column_names
    assert "__index_level_0__" not in sample("video-point").column_names
