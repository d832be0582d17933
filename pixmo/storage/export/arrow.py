"""A folder for `datasets.load_from_disk`: Arrow stream files per split and the JSON that names them.

Always a `DatasetDict`, also with one split, so that the layout does not change when a split is added:
`dataset_dict.json`, `<split>/data-00000-of-00002.arrow`, `<split>/state.json`, `<split>/dataset_info.json`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pixmo.ids import digest_of
from pixmo.storage.export.features import features, portable, portable_schema
from pixmo.storage.export.sink import ClosesItsSink, HashingSink, Written


class ArrowShard(ClosesItsSink):
    """A `ShardWriter` of one Arrow stream file; a batch stays a batch."""

    def __init__(self, path: Path, schema: pa.Schema, image_columns: Collection[str] = ("image",)) -> None:
        self._schema = _stored(portable_schema(schema, image_columns))
        self._rows = self._batches = 0
        self._sink = HashingSink(path)
        self._writer = pa.ipc.new_stream(self._sink, self._schema)

    def __repr__(self) -> str:
        return f"ArrowShard({self._rows} rows, {self._sink!r})"

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends the batch. Raises ArrowInvalid for columns that are not those of the schema."""
        if batch.num_rows:
            self._writer.write_batch(portable(batch, self._schema))
            self._sink.check()
            self._rows += batch.num_rows
            self._batches += 1

    def close(self) -> Written:
        """Writes the end of the stream; a second call only says the same again."""
        if not self._sink.closed:
            self._writer.close()
            self._sink.close()
        self._sink.check()
        return Written(self._rows, self._sink.tell(), self._sink.digest(), self._batches)


def arrow_folder_files(
    splits: Mapping[str, Sequence[tuple[str, Written]]], schema: pa.Schema, image_columns: Collection[str] = ("image",)
) -> dict[str, bytes]:
    """The JSON files of the folder by their path in it; `splits` has shards' names (no folder) and facts."""
    files = {"dataset_dict.json": _json({"splits": list(splits)})}
    described = features(_stored(portable_schema(schema, image_columns)), image_columns)
    for split, shards in splits.items():
        files[f"{split}/dataset_info.json"] = _json(_info(described, splits))
        files[f"{split}/state.json"] = _json(_state(split, shards))
    return files


def _stored(schema: pa.Schema) -> pa.Schema:
    # `datasets` has no dictionaries: it would copy the table into its own cache to decode them
    plain = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in schema]
    return pa.schema(plain, schema.metadata)


def _info(described: dict[str, Any], splits: Mapping[str, Sequence[tuple[str, Written]]]) -> dict[str, Any]:
    counted = {
        name: {
            "name": name,
            "num_bytes": sum(w.bytes for _, w in shards),
            "num_examples": sum(w.rows for _, w in shards),
            "shard_lengths": [w.rows for _, w in shards],
        }
        for name, shards in splits.items()
    }
    empty = {"citation": "", "description": "", "homepage": "", "license": ""}
    return {**empty, "features": described, "splits": counted}


def _state(split: str, shards: Sequence[tuple[str, Written]]) -> dict[str, Any]:
    return {
        "_data_files": [{"filename": name} for name, _ in shards],
        # names the table in the readers' caches: the content's digest, so that equal data share and others never do
        "_fingerprint": digest_of([written.sha256 for _, written in shards])[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }


def _json(value: Any) -> bytes:  # Any: plain JSON
    return (json.dumps(value, indent=2, sort_keys=False, ensure_ascii=False) + "\n").encode()
