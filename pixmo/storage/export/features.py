"""What the `datasets` library is told about our columns, and which types it can be told about.

`datasets` reads features from the Arrow schema's metadata (key b"huggingface"). Lists are written as one-element JSON
lists: every version reads that form, while `Sequence` turns a list of structs into a struct of lists.

Some Arrow types have no name in `datasets` and make the whole file unreadable there (maps, run-end encoding, list
views, extension types, 32- and 64-bit decimals). `portable` gives such columns the nearest type that has one, with the
same values; all other columns keep theirs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

KEY = b"huggingface"
RECORD_KEY = b"pixmo"  # what kind of record the rows are: pixmo.records.arrow
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_IMAGE = {"_type": "Image"}


def huggingface_metadata(schema: pa.Schema, image_columns: Collection[str] = ("image",)) -> bytes:
    """The value of the schema's b"huggingface" key: features by which `datasets` decodes the columns.

    `image_columns` hold pictures (PICTURE) or lists of them. Class names that the source's own metadata gave to an
    integer column are kept. Raises TypeError for a type that `portable_schema` would have replaced.
    """
    told = {"info": {"features": features(schema, image_columns)}}
    return json.dumps(
        told, separators=(",", ":"), ensure_ascii=False
    ).encode()  # keys unsorted: a struct's order is its type


def features(schema: pa.Schema, image_columns: Collection[str] = ("image",)) -> dict[str, Any]:
    """The features as plain JSON, by column."""
    labels = _class_labels(schema)
    return {f.name: labels.get(f.name) or feature(f.type, f.name in image_columns) for f in schema}


def feature(kind: pa.DataType, is_image: bool = False) -> Any:  # Any: a feature is a dict or a one-element list
    """One feature; the pictures of `is_image` may lie inside lists."""
    if pt.is_large_list(kind):
        return {"_type": "LargeList", "feature": feature(kind.value_type, is_image)}
    if pt.is_fixed_size_list(kind):
        return {"_type": "Sequence", "feature": feature(kind.value_type, is_image), "length": kind.list_size}
    if pt.is_list(kind):
        return [feature(kind.value_type, is_image)]
    if is_image:
        return _IMAGE
    if pt.is_struct(kind):
        return {f.name: feature(f.type) for f in kind}
    return {"_type": "Value", "dtype": value_name(kind)}


def value_name(kind: pa.DataType) -> str:
    """The name of a plain type in `datasets`; a dictionary's is its values'."""
    if pt.is_dictionary(kind):
        return value_name(kind.value_type)
    name = _NAMES.get(kind)
    if name:
        return name
    if pt.is_timestamp(kind):
        return f"timestamp[{kind.unit}, tz={kind.tz}]" if kind.tz else f"timestamp[{kind.unit}]"
    if pt.is_time(kind):
        return f"time{kind.bit_width}[{kind.unit}]"
    if pt.is_duration(kind):
        return f"duration[{kind.unit}]"
    if pt.is_decimal128(kind) or pt.is_decimal256(kind):
        return f"decimal{kind.bit_width}({kind.precision}, {kind.scale})"
    if pt.is_fixed_size_binary(kind):
        return f"fixed_size_binary[{kind.byte_width}]"
    raise TypeError(f"no name for Arrow type {kind} in datasets")


_PLAIN = [pa.null(), pa.bool_(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary()]
_PLAIN += [pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.int16(), pa.int32(), pa.int64()]
_PLAIN += [pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
_ODD = {"halffloat": "float16", "float": "float32", "double": "float64"}
_NAMES = {t: _ODD.get(str(t), str(t)) for t in _PLAIN} | {pa.date32(): "date32", pa.date64(): "date64"}


def portable_schema(schema: pa.Schema, image_columns: Collection[str] = ("image",)) -> pa.Schema:
    """The schema as it is written: types `datasets` can name, all nullable, our metadata and no other.

    (`datasets` knows no non-null fields, and foreign metadata, such as that of pandas, describes another table.)
    """
    portable_fields = pa.schema([pa.field(f.name, portable_type(f.type)) for f in schema], schema.metadata)
    ours = {k: v for k, v in (schema.metadata or {}).items() if k == RECORD_KEY}
    return portable_fields.with_metadata(ours | {KEY: huggingface_metadata(portable_fields, image_columns)})


def portable_type(kind: pa.DataType) -> pa.DataType:
    """The type itself where `datasets` has a name for it, else the nearest that holds the same values."""
    if isinstance(kind, pa.BaseExtensionType):
        return portable_type(kind.storage_type)
    if pt.is_map(kind):
        entry = pa.struct([("key", portable_type(kind.key_type)), ("value", portable_type(kind.item_type))])
        return pa.list_(entry)
    if pt.is_struct(kind):
        return pa.struct([pa.field(f.name, portable_type(f.type)) for f in kind])
    if pt.is_fixed_size_list(kind):
        inner = portable_type(kind.value_type)
        # a `Sequence` of structs is read as a struct of lists: such a column becomes a list
        return pa.list_(inner) if pt.is_nested(inner) else pa.list_(inner, kind.list_size)
    if pt.is_large_list(kind) or pt.is_large_list_view(kind):
        return pa.large_list(portable_type(kind.value_type))
    if pt.is_list(kind) or pt.is_list_view(kind):
        return pa.list_(portable_type(kind.value_type))
    return _portable_plain(kind)


def _portable_plain(kind: pa.DataType) -> pa.DataType:
    if pt.is_dictionary(kind):
        inner = portable_type(kind.value_type)
        # nested dictionaries cannot be written to Parquet
        return inner if pt.is_nested(inner) else pa.dictionary(kind.index_type, inner, kind.ordered)
    if pt.is_run_end_encoded(kind):
        return portable_type(kind.value_type)
    if pt.is_string_view(kind):
        return pa.string()
    if pt.is_binary_view(kind):
        return pa.binary()
    if pt.is_decimal32(kind) or pt.is_decimal64(kind):
        return pa.decimal128(kind.precision, kind.scale)
    return kind


def portable(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with the types of `schema`, one that `portable_schema` made. Columns that fit are not copied.

    Raises KeyError for a missing column, ArrowInvalid for one of another type than was planned.
    """
    columns = [_cast(batch.column(f.name), f.type) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if pt.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    if column.type == kind:
        return column
    if not _is_planned(column.type, kind):
        raise pa.ArrowInvalid(f"a column of {column.type} where {kind} was planned")
    try:
        cast = column.cast(kind)
        cast.validate()  # Arrow 26 casts list views to lists that are not
        return cast
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return pa.array(column.to_pylist(), kind)  # views, and dictionaries inside lists: slow, rare, right


def _is_planned(found: pa.DataType, planned: pa.DataType) -> bool:
    nearest = portable_type(found)
    return pt.is_null(found) or planned in (nearest, nearest.value_type if pt.is_dictionary(nearest) else nearest)


def leaf_paths(schema: pa.Schema) -> dict[str, str]:
    """Parquet's name of each leaf, as `image.bytes` or `captions.list.element`, with the column it belongs to."""
    return {path: name for name, path in _leaves(schema)}


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, str]]:
    for field in schema:
        yield from ((field.name, path) for path in _under(field.name, field.type))


def _under(path: str, kind: pa.DataType) -> Iterator[str]:
    if pt.is_struct(kind):
        for inner in kind:
            yield from _under(f"{path}.{inner.name}", inner.type)
    elif pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        yield from _under(f"{path}.list.element", kind.value_type)
    else:
        yield path


def _class_labels(schema: pa.Schema) -> dict[str, Any]:
    try:
        told = json.loads((schema.metadata or {}).get(KEY, b"{}"))["info"]["features"]
        return {
            f.name: {"_type": "ClassLabel", "names": [str(name) for name in told[f.name]["names"]]}
            for f in schema
            if pt.is_integer(f.type) and _is_label(told.get(f.name))
        }
    except (ValueError, KeyError, TypeError, AttributeError):  # whoever wrote the source wrote something else there
        return {}


def _is_label(told: Any) -> bool:  # Any: JSON of unknown origin
    return isinstance(told, dict) and told.get("_type") == "ClassLabel" and isinstance(told.get("names"), list)
