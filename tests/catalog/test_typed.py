"""From published columns to the fields of a record: what is refused, what is left over, what a user may declare."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pixmo.catalog.load import Variant, entry
from pixmo.catalog.typed import Mapping, declared, mapping_of
from pixmo.errors import BadRecord, BadSource, UnknownName
from pixmo.records.arrow import Label, label_of, records_of, schema_of
from pixmo.records.caption import Caption
from pixmo.records.docs import Document
from pixmo.records.places import Point, Unit
from pixmo.records.points import Points

POINT = {"x": 1.5, "y": -2.0}
LIST = pa.RecordBatch.from_pylist([{"url": "http://h/1", "name": "Cup ", "points": [POINT], "note": 7}])
FIELDS = {"image_url": "url", "label": "name"}


def of_points(batch: pa.RecordBatch = LIST, unit: str | None = "percent", fields: dict[str, str] = FIELDS) -> Mapping:
    return declared("points", batch.schema, unit=unit, fields=fields, source="my.jsonl")


def with_column(name: str, values: list[object], batch: pa.RecordBatch = LIST) -> pa.RecordBatch:
    return batch.append_column(name, pa.array(values))


def test_a_list_becomes_records() -> None:
    """Values as they are, the unit beside them, the orientation unknown where nobody says it; other columns follow."""
    typed = of_points().typed(LIST)
    assert typed.schema.names == ["image_url", "label", "points", "unit", "orientation", "note"]
    assert label_of(typed.schema) == Label("points")
    (record,) = records_of(typed, Points)
    assert isinstance(record, Points)
    assert (record.label, record.points, record.unit) == ("Cup ", (Point(1.5, -2.0),), Unit.PERCENT)
    assert record.orientation == "unknown"
    assert of_points().published(typed, LIST.schema).equals(LIST)


def test_no_unit_is_guessed() -> None:
    """A list of points that does not say its unit is refused with the reason and the remedy, before all else it lacks."""
    told = r"^my.jsonl: does not say what its coordinates count, .* --unit percent\|pixels\|unit_square\|per_mille$"
    with pytest.raises(BadSource, match=told):
        of_points(unit=None)
    with pytest.raises(BadSource, match=told):
        declared("points", pa.schema([("x", pa.int64())]), source="my.jsonl")
    with pytest.raises(UnknownName, match="percent"):
        of_points(unit="percents")


def test_units_may_stand_in_the_rows() -> None:
    """Then each row has its own, and none may be given besides: the two could differ."""
    rows, told = with_column("scale", ["per_mille"]), FIELDS | {"unit": "scale"}
    (record,) = records_of(of_points(rows, None, told).typed(rows), Points)
    assert isinstance(record, Points)
    assert record.unit is Unit.PER_MILLE
    with pytest.raises(BadSource, match="each row says it itself, in column 'scale'; leave the option out"):
        of_points(rows, "percent", told)
    with pytest.raises(BadSource, match="in column 'unit'"):
        of_points(with_column("unit", ["pixels"]))


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("point", {}, "did you mean 'points'"),
        ("points", {"fields": {"lable": "name"}}, "did you mean 'label'"),
        ("points", {"fields": {"label": "nam"}}, "did you mean 'name'"),
        ("points", {"unit": "percent"}, r"needs 'label'; say .* --field label=COLUMN \(columns: url, name, points, note\)"),
        ("caption", {"unit": "percent"}, "--unit percent: a caption record has no unit"),
        ("points", {"unit": "percent", "fields": {"label": "points"}}, "column 'points' is list<.*> *, not what a points"),
        ("points", {"unit": "percent", "fields": {"label": "name", "count": "name", "points": "note"}}, "column 'note' is int64"),
        ("points", {"unit": "percent", "orientation": "sideways"}, "upright"),
    ],
    ids=["kind", "field", "column", "needed", "unit of captions", "type", "number", "orientation"],
)  # fmt: skip
def test_what_is_declared_is_checked(kind: str, options: dict[str, object], told: str) -> None:
    """Names are told with the nearest, what is missing with how to say it, a type that cannot be with what it is."""
    with pytest.raises((BadSource, UnknownName), match=told):
        declared(kind, LIST.schema, source="my.jsonl", **options)  # type: ignore[arg-type]


def test_a_column_called_as_a_field_that_is_another_is_kept_aside() -> None:
    """Of two that could be the label the one that is named is; the other is not lost, and both come back."""
    rows = with_column("label", [None], with_column("image_sha256", ["no digest"]))
    typed = of_points(rows).typed(rows)
    assert typed.column("label").to_pylist() == ["Cup "]
    assert typed.schema.names[-1] == "source:label"
    assert of_points(rows).published(typed, rows.schema).equals(rows)


def test_a_column_that_says_more_than_its_field_stays() -> None:
    """Points with names of their own: the record has the places, the column the rest."""
    named = pa.RecordBatch.from_pylist([{"name": "cup", "points": [POINT | {"of": "rim"}], "url": "http://h/1"}])
    typed = of_points(named).typed(named)
    assert typed.column("points").to_pylist() == [[POINT]]
    assert typed.column("source:points").to_pylist() == [[POINT | {"of": "rim"}]]
    assert of_points(named).published(typed, named.schema).equals(named)


def test_what_a_set_publishes_besides_stays_under_its_name() -> None:
    """More beside questions and answers: the column follows the field that was made of it."""
    told = {"image_id": "a", "questions": None, "qa": {"question": ["q"], "answer": ["a"], "kind": ["short"]}}
    rows = pa.RecordBatch.from_pylist([told])
    mapping = Mapping(Document, {"questions": "qa"})
    typed = mapping.typed(rows)
    assert typed.schema.names == ["image_id", "questions", "source:questions", "qa"]
    assert mapping.published(typed, rows.schema).equals(rows)


def test_leftovers_of_pandas_are_dropped() -> None:
    """`__index_level_0__` says nothing of the rows; other columns beginning so do."""
    rows = with_column("__index_level__", [2], with_column("__index_level_0__", [1]))
    typed = of_points(rows).typed(rows)
    assert typed.schema.names[-2:] == ["note", "__index_level__"]


def test_metadata_of_other_columns_is_dropped() -> None:
    """What `datasets` and pandas say of the columns as they were would be wrong; what else is said stays."""
    rows = LIST.replace_schema_metadata({"huggingface": "{}", "pandas": "{}", "made by": "me"})
    assert set(of_points().typed(rows).schema.metadata) == {b"made by", b"pixmo"}


def test_a_null_where_a_record_needs_a_value_stays_a_null() -> None:
    """In Arrow; asked for as a record, that row says what is missing."""
    rows = LIST.set_column(1, "name", pa.array([None], pa.string()))
    typed = of_points(rows).typed(rows)
    assert typed.column("label").null_count == 1
    with pytest.raises(BadRecord, match="label is missing"):
        list(records_of(typed, Points))


def test_lists_side_by_side_may_be_null_together() -> None:
    """Then the list of parts is null, and each comes back as null; one that is null alone is a list of nulls."""
    mapping = mapping_of(entry("cosyn-point"))
    kind = mapping.typed_schema(pa.schema([("questions", pa.list_(pa.string()))]))
    assert kind.names == ["questions", "unit", "orientation"]
    types = {"questions": pa.list_(pa.string()), "names": pa.list_(pa.string())}
    rows = pa.RecordBatch.from_pylist(
        [{"questions": None, "names": None}, {"questions": [], "names": []}, {"questions": ["q"], "names": None}],
        pa.schema(list(types.items())),
    )
    typed = mapping.typed(rows)
    assert typed.column("questions").to_pylist() == [None, [], [{"question": "q", "name": None, "points": None}]]
    again = mapping.published(typed, rows.schema)
    assert again.column("questions").equals(rows.column("questions"))
    assert again.column("names").to_pylist() == [None, [], [None]]


def test_types_that_are_not_sure_may_be_left_over() -> None:
    """Of a field that is not needed; one that is needed is refused."""
    schema = pa.schema([("video_id", pa.string()), ("clip_captions", pa.int64())])
    typed = mapping_of(entry("video-cap")).typed_schema(schema)
    assert typed.names == ["video_id", "source:clip_captions"]
    with pytest.raises(BadSource, match=r"^video-cap: column 'video_id' is list"):
        mapping_of(entry("video-cap")).typed_schema(pa.schema([("video_id", pa.list_(pa.int64()))]))
    with pytest.raises(BadSource, match=r"^points: column 'count' is list"):
        mapping_of(entry("points")).typed_schema(pa.schema([("count", pa.list_(pa.int64()))]))


def test_columns_that_would_have_one_name_are_refused() -> None:
    """Nothing is put over something else."""
    rows = with_column("source:label", ["x"], with_column("label", ["y"]))
    with pytest.raises(BadSource, match=r"several columns would have one name: .*source:label"):
        of_points(rows)


def test_a_refusal_is_one_short_line() -> None:
    """However large the type is, and whatever its fields are called."""
    huge = pa.struct([(f"a\n{n}", pa.int64()) for n in range(5000)])
    with pytest.raises(BadSource) as told:
        of_points(LIST.set_column(1, "name", pa.nulls(1, huge)))
    assert len(str(told.value)) < 600
    assert "\n" not in str(told.value)


def test_a_way_back_needs_the_fields() -> None:
    """A column that no field gives is told."""
    typed = of_points().typed(LIST)
    with pytest.raises(BadSource, match="rows have no 'colour'"):
        of_points().published(typed, pa.schema([("colour", pa.string())]))


def test_the_digest_is_of_what_records_are_made_of() -> None:
    """Another unit, kind or column makes other records; other words for messages do not."""
    plain = Mapping(Points, {"label": "name"}, {"unit": "percent"})
    others = [
        Mapping(Points, {"label": "name"}, {"unit": "pixels"}),
        Mapping(Points, {"label": "note"}, {"unit": "percent"}),
        Mapping(Caption, {"label": "name"}, {"unit": "percent"}),
    ]
    assert len({m.digest for m in (plain, *others)}) == 4
    assert plain.digest == Mapping(Points, {"label": "name"}, {"unit": "percent"}, "a name", revisions="any").digest


def test_a_set_that_is_typed_already_is_typed_again_to_the_same() -> None:
    """The typed rows of a kind are a list whose columns are called as fields."""
    typed = of_points().typed(LIST)
    again = declared("points", typed.schema).typed(typed)
    assert again.equals(typed)
    assert set(again.schema.names) - {f.name for f in schema_of(Points)} == {"note"}


def test_unreadable_revisions_are_known_by_their_columns() -> None:
    """Columns instead of others are told as what they are, with the revision to read."""
    variant = Variant("an old one", has={"hour": "int64"}, lacks=("hour_visible",), refused=True)
    mapping = Mapping(Caption, refused=(variant,), source="set", revisions="give --revision new")
    with pytest.raises(
        BadSource, match=r"^set: has no hour_visible, but hour: this is an old one; give --revision new$"
    ):
        mapping.typed_schema(pa.schema([("hour", pa.int32())]))
    mapping.typed_schema(pa.schema([("hour", pa.int32()), ("hour_visible", pa.int32())]))
