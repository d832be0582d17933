"""Which features `datasets` is told, and what happens to types it has no name for."""

from __future__ import annotations

import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pixmo.storage.export.features import KEY, PICTURE, huggingface_metadata, leaf_paths, portable, portable_schema
from pixmo.storage.export.parquet import write_parquet

PLAIN = [
    pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(),
    pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.date32(), pa.date64(),
    pa.timestamp("s"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Berlin"), pa.time32("ms"), pa.time64("us"),
    pa.duration("ms"), pa.decimal128(10, 2), pa.decimal256(40, 3), pa.binary(16), pa.null(),
]  # fmt: skip
NESTED = [
    pa.list_(pa.string()), pa.large_list(pa.int8()), pa.list_(pa.float32(), 3), pa.list_(pa.list_(pa.int64())),
    pa.struct([("x", pa.float64()), ("tags", pa.list_(pa.string()))]), pa.list_(pa.struct([("x", pa.float64())])),
]  # fmt: skip


@pytest.mark.parametrize("kind", [*PLAIN, *NESTED], ids=str)
def test_every_type_is_told_as_datasets_understands_it(kind: pa.DataType) -> None:
    """The real client makes of our features the very Arrow type the column has."""
    datasets = pytest.importorskip("datasets")
    schema = portable_schema(pa.schema([("c", kind)]))
    assert schema.field("c").type == kind
    told = json.loads(schema.metadata[KEY])["info"]["features"]
    assert datasets.Features.from_dict(told).arrow_schema.field("c").type == kind
    assert datasets.Features.from_arrow_schema(schema).arrow_schema.field("c").type == kind


def test_pictures_are_images_also_in_lists() -> None:
    """The picture column is an Image, a list of pictures a list of Images; nothing else is."""
    schema = pa.schema([("image", PICTURE), ("images", pa.list_(PICTURE)), ("other", PICTURE)])
    told = json.loads(huggingface_metadata(schema, ("image", "images")))["info"]["features"]
    assert (told["image"], told["images"]) == ({"_type": "Image"}, [{"_type": "Image"}])
    assert told["other"] == {
        "bytes": {"_type": "Value", "dtype": "binary"},
        "path": {"_type": "Value", "dtype": "string"},
    }


def test_dictionary_is_told_as_its_values() -> None:
    """`datasets` has no dictionaries: it decodes them."""
    schema = pa.schema([("c", pa.dictionary(pa.int8(), pa.string()))])
    assert json.loads(huggingface_metadata(schema))["info"]["features"]["c"] == {"_type": "Value", "dtype": "string"}


def test_class_names_of_the_source_are_kept() -> None:
    """A label column of a `datasets` source stays one; features that no longer fit, or are nonsense, are ignored."""
    told = {"c": {"_type": "ClassLabel", "names": ["cat", "dog"]}, "d": {"_type": "ClassLabel", "names": ["x"]}, "e": 1}
    metadata = {KEY: json.dumps({"info": {"features": told}}).encode(), b"pandas": b"{}"}
    schema = portable_schema(pa.schema([("c", pa.int64()), ("d", pa.string()), ("e", pa.int8())], metadata))
    features = json.loads(schema.metadata[KEY])["info"]["features"]
    assert features["c"] == {"_type": "ClassLabel", "names": ["cat", "dog"]}
    assert (features["d"]["_type"], features["e"]["_type"]) == ("Value", "Value")
    assert list(schema.metadata) == [KEY]


@pytest.mark.parametrize("metadata", [b"", b"[]", b"nonsense", b'{"info": 3}', b"\xff"])
def test_foreign_metadata_cannot_break_us(metadata: bytes) -> None:
    """Whatever a source left under the key is read as nothing."""
    schema = portable_schema(pa.schema([("c", pa.int64())], {KEY: metadata}))
    assert b'"int64"' in schema.metadata[KEY]


ODD: dict[str, tuple[pa.Array, list[Any]]] = {
    "map": (pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32())), [[{"key": "a", "value": 1}], None]),
    "string_view": (pa.array(["a", None], pa.string_view()), ["a", None]),
    "binary_view": (pa.array([b"a", None], pa.binary_view()), [b"a", None]),
    "list_view": (pa.array([[1], None], pa.list_view(pa.int8())), [[1], None]),
    "run_end": (pc.run_end_encode(pa.array([7, 7])), [7, 7]),
    "decimal32": (pa.array([decimal.Decimal("1.2"), None], pa.decimal32(3, 1)), [decimal.Decimal("1.2"), None]),
    "uuid": (pa.array([uuid.UUID(int=5).bytes, None], pa.uuid()), [uuid.UUID(int=5).bytes, None]),
    "json": (pa.array(["{}", None], pa.json_()), ["{}", None]),
    "structs": (pa.array([[{"x": 1}], None], pa.list_(pa.struct([("x", pa.int8())]), 1)), [[{"x": 1}], None]),
    "dictionary": (pa.array(["a", None]).dictionary_encode(), ["a", None]),
    "in_list": (
        pa.ListArray.from_arrays([0, 2, 2], pa.array(["a", "b"]).dictionary_encode()),
        [["a", "b"], []],
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_types_are_written_with_their_values(tmp_path: Path, name: str) -> None:
    """A column of a type that Parquet or `datasets` cannot take becomes the nearest type; the values stay."""
    datasets = pytest.importorskip("datasets")
    array, values = ODD[name]
    rows = pa.record_batch({"c": array})
    write_parquet(tmp_path / "x.parquet", [rows], rows.schema)
    table = pq.read_table(tmp_path / "x.parquet")
    assert table["c"].to_pylist() == values
    assert datasets.Features.from_arrow_schema(table.schema).keys() == {"c"}


def test_another_type_than_planned_is_an_error() -> None:
    """A batch whose column changed its type is refused, not silently cast; a column of nulls fits everywhere."""
    schema = portable_schema(pa.schema([("c", pa.int64())]))
    with pytest.raises(pa.ArrowInvalid, match="string where int64 was planned"):
        portable(pa.record_batch({"c": ["1"]}), schema)
    assert portable(pa.record_batch({"c": pa.nulls(2)}), schema)["c"].to_pylist() == [None, None]


def test_leaf_paths_are_those_of_parquet(tmp_path: Path) -> None:
    """The names by which compression is chosen are the ones Parquet itself uses."""
    schema = pa.schema([("plain", pa.int8()), *[(str(i), kind) for i, kind in enumerate(NESTED)], ("image", PICTURE)])
    write_parquet(tmp_path / "x", [], schema)
    columns = pq.ParquetFile(tmp_path / "x").metadata.schema
    assert list(leaf_paths(schema)) == [columns.column(i).path for i in range(len(columns))]
