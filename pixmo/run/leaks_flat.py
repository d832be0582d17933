"""From rows to pictures: columns under the names that a comparison uses, lists of pictures unpacked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

TEXTS = ("image_url", "image_sha256", "fetched_sha256", "phash", "dhash", "split", "row_id", "file")
Rows = NDArray[np.int64]


class Names(NamedTuple):
    """What the columns are called there; None for what is not there."""

    image_url: str | None = None
    image_sha256: str | None = None
    fetched_sha256: str | None = None
    phash: str | None = None
    dhash: str | None = None
    split: str | None = None
    row_id: str | None = None
    file: str | None = None
    picture: str | None = None


def flat(batch: pa.RecordBatch, names: Names, start: int, split: str | None) -> pa.RecordBatch:
    """One row per picture: lists unpacked, what holds for the whole row repeated. The first row is number `start`."""
    found = {name: batch.column(column) for name, column in names._asdict().items() if column is not None}
    lengths = next((_lengths(c) for c in found.values() if is_list(c.type)), None)
    counts = np.ones(len(batch), np.int64) if lengths is None else lengths
    parents = np.repeat(np.arange(len(batch)), counts)
    at = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
    told = {"row": pa.array(parents + start), "at": pa.array(at)}
    for name in TEXTS:
        told[name] = _text(_of_each(found.get(name), counts, parents))
    if split is not None:
        told["split"] = pa.array([split] * len(parents), pa.string())
    if "picture" in found:
        column = _of_each(found["picture"], counts, parents)
        told["picture"] = pc.struct_field(column, "bytes").cast(pa.large_binary())
        if names.file is None:
            told["file"] = _text(pc.struct_field(column, "path"))
    return pa.RecordBatch.from_pydict(told)


def _of_each(column: pa.Array | None, counts: Rows, parents: Rows) -> pa.Array:
    """The column's value for each picture; nulls where a list has another length than the row has pictures."""
    if column is None:
        return pa.nulls(len(parents), pa.string())
    if not is_list(column.type):
        return column.take(pa.array(parents))
    inner = column.type.value_type
    return pc.list_flatten(column) if np.array_equal(_lengths(column), counts) else pa.nulls(len(parents), inner)


def _lengths(column: pa.Array) -> Rows:
    lengths: Rows = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return lengths


def is_list(kind: pa.DataType) -> bool:
    """Whether a column holds several values a row."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _text(column: pa.Array) -> pa.Array:
    """As texts; what has no text (a list within a list, a number) is nothing that pictures are recognised by."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        return pa.nulls(len(column), pa.string())
    texts = column.cast(pa.string())
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:  # not UTF-8, which a Parquet file may hold all the same
        told = texts.cast(pa.binary()).to_pylist()
        return pa.array([None if t is None else t.decode(errors="replace") for t in told], pa.string())
    return texts
