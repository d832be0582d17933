"""Writers of lists in every format, for tests that read them back."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import zstandard

ROWS = [
    {"image_url": f"https://example.org/{i}.jpg", "image_sha256": f"{i:064x}", "caption": f"picture, {i}\nof \"many\"", "n": i}
    for i in range(20)
]  # fmt: skip
TABLE = pa.Table.from_pylist(ROWS)


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def arrow_file(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return sink.getvalue()


def arrow_stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return sink.getvalue()


def csv(table: pa.Table, delimiter: str = ",") -> bytes:
    sink = io.BytesIO()
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(delimiter=delimiter))
    return sink.getvalue()


def jsonl(table: pa.Table) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


FORMATS = {
    "parquet": parquet,
    "arrow": arrow_file,
    "arrows": arrow_stream,
    "csv": csv,
    "tsv": lambda table: csv(table, "\t"),
    "jsonl": jsonl,
    "ndjson": jsonl,
    "json": lambda table: json.dumps(table.to_pylist(), indent=1).encode(),
}
PACKED = {"": lambda data: data, ".gz": gzip.compress, ".zst": zstandard.compress}


def write(path: Path, content: bytes | str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def rows(source: object) -> list[dict[str, object]]:
    """All rows of a source as Python values, after checking that its batches have its schema."""
    batches = list(source.batches(8))  # type: ignore[attr-defined]
    assert all(b.schema.equals(source.schema()) for b in batches)  # type: ignore[attr-defined]
    assert all(b.num_rows <= 8 for b in batches)
    return [row for b in batches for row in b.to_pylist()]
