"""The published schemas: right in themselves, true of records, and kept from release to release."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.catalog.load import entry, names
from pixmo.catalog.typed import mapping_of
from pixmo.records.arrow import ANNOTATIONS, Label, grouped_schema, label_of, records_of, schema_of
from pixmo.records.compat import breaks
from pixmo.records.kinds import KINDS, PICTURE_FIELDS, is_groupable
from tests.catalog.samples import sample

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "schemas" / "v1"
GOLDEN = Path(__file__).parent / "golden" / "schemas" / "v1"
POINT = pa.struct([("x", pa.float64()), ("y", pa.float64())])


def schema_file(name: str) -> dict:
    return json.loads((PUBLISHED / f"{name}.schema.json").read_text())


def test_what_is_published_is_what_the_code_says():
    """Nobody edits a schema by hand, and no field changes unseen."""
    checked = [sys.executable, str(ROOT / "scripts" / "export_schemas.py"), "--check"]
    assert subprocess.run(checked, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.schema.json")), ids=lambda p: p.name)
def test_each_is_a_schema(path):
    """JSON Schema 2020-12, with a meaning for every field."""
    told = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(told)
    assert all(field["description"] for field in told["properties"].values())


@pytest.mark.parametrize("name", names())
def test_rows_of_every_set_are_valid(name):
    """What a set gives as records is valid under the schema of its kind, alone and grouped; what is no record is not."""
    kind = KINDS[entry(name).record]
    typed = mapping_of(entry(name)).typed(sample(name, nulls=False).combine_chunks().to_batches()[0])
    rows = [record.to_dict() for record in records_of(typed, kind)]
    strict = jsonschema.Draft202012Validator(schema_file(kind.KIND))
    assert [
        error.message for row in rows for error in strict.iter_errors(row) if "minimum" not in error.schema_path
    ] == []
    assert not strict.is_valid({})
    if is_groupable(kind):
        pictures = {k: rows[0][k] for k in PICTURE_FIELDS}
        annotations = [{k: v for k, v in row.items() if k not in PICTURE_FIELDS} for row in rows]
        together = jsonschema.Draft202012Validator(schema_file(f"{kind.KIND}.grouped"))
        told = together.iter_errors(pictures | {ANNOTATIONS: annotations})
        assert [e.message for e in told if "minimum" not in e.schema_path] == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_other_languages_read_the_arrow_schema(kind):
    """An IPC message: the fields of the record, labelled."""
    data = (PUBLISHED / f"{kind.KIND}.arrow").read_bytes()
    schema = pa.ipc.read_schema(pa.py_buffer(data))
    assert schema.equals(schema_of(kind))
    assert label_of(schema) == Label(kind.KIND)
    if is_groupable(kind):
        grouped = pa.ipc.read_schema(pa.py_buffer((PUBLISHED / f"{kind.KIND}.grouped.arrow").read_bytes()))
        assert grouped.equals(grouped_schema(kind))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.parquet")), ids=lambda p: p.stem)
def test_rows_of_past_releases_are_read(path):
    """A shard written by a past release of v1 gives its records today: fields may have been added since, none changed."""
    table = pq.read_table(path)
    label = label_of(table.schema)
    kind = KINDS[label.record]
    assert breaks(table.schema.remove_metadata(), schema_of(kind)) == []
    records = list(records_of(table, kind))
    assert [r.to_dict() for r in records] == json.loads(path.with_suffix(".json").read_text())


def test_every_kind_has_a_golden_shard():
    """None is forgotten."""
    assert {p.stem for p in GOLDEN.glob("*.parquet")} == set(KINDS)


def changed(schema: pa.Schema, name: str, field: pa.Field | None) -> pa.Schema:
    """The schema with one field another, or without it."""
    at = schema.get_field_index(name)
    return schema.remove(at) if field is None else schema.set(at, field)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: changed(s, "label", None), "label is gone"),
        (lambda s: changed(s, "label", pa.field("name", pa.string())), "label is gone"),
        (lambda s: changed(s, "count", pa.field("count", pa.string())), "count was int64 and is string"),
        (lambda s: changed(s, "points", pa.field("points", POINT)), "points was list"),
        (
            lambda s: changed(s, "points", pa.field("points", pa.list_(pa.struct([("x", pa.float64())])))),
            "points[].y is gone",
        ),
        (lambda s: s.append(pa.field("weight", pa.float64(), nullable=False)), "weight is new and may not be null"),
    ],
    ids=["removed", "renamed", "another type", "another layout", "removed inside", "new and needed"],
)
def test_a_change_that_would_break_a_reader_is_caught(change, told):
    """The golden shard of points, read under a schema somebody changed carelessly: the fault is named."""
    golden = pq.read_schema(GOLDEN / "points.parquet").remove_metadata()
    assert any(line.startswith(told) for line in breaks(golden, change(schema_of(KINDS["points"]))))


def test_a_new_field_that_may_be_null_breaks_nobody():
    """This is how v1 grows."""
    golden = pq.read_schema(GOLDEN / "points.parquet").remove_metadata()
    grown = schema_of(KINDS["points"]).append(pa.field("annotator", pa.string()))
    assert breaks(golden, grown) == []
