"""Parquet that the Hub shows on the first day: small row groups, page index, content-defined chunks.

Picture bytes are stored plain: they do not compress, a dictionary or statistics of them would only be a second copy.
All other columns are zstd. The same rows in the same batches give the same bytes with the same pyarrow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.storage.export.features import leaf_paths, portable, portable_schema
from pixmo.storage.export.pictures import ROW_GROUP_ROWS
from pixmo.storage.export.sink import ClosesItsSink, HashingSink, Written

MAX_ROW_GROUP_BYTES = 48 * 2**20  # batches above are cut in halves; the Hub's viewer refuses groups over some 286 MiB
PAGE_BYTES = 64 * 2**10
CHUNKING = {"min_chunk_size": 1024 * 2**10, "max_chunk_size": 1280 * 2**10, "norm_level": 0}
"""An inserted row should leave the pages after it as they were: the Hub then stores them once.

A picture of 64 KiB or more gets a page of its own, which nothing before it can change (and a reader with the page index
can fetch it alone). Smaller ones share pages, cut by content about every megabyte. Measured with a row put in front of
28 MB of pictures: 86-100 % of pages stay, for sizes of 5, 10, 20, 70 kB and two skewed mixes; with Arrow's own
256-1,024 KiB and pages of 1 MiB 18-98 %, at 25-40 µs more per 70 kB picture, because the rolling hash looks only at
what is beyond the minimum.
"""


class ParquetShard(ClosesItsSink):
    """A `ShardWriter` of Parquet. A batch becomes one row group, or several when it is too large for one."""

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        image_columns: Collection[str] = ("image",),
        row_group_bytes: int = MAX_ROW_GROUP_BYTES,
        row_group_rows: int = ROW_GROUP_ROWS,
    ) -> None:
        self._schema = portable_schema(schema, image_columns)
        self._limits = (row_group_bytes, row_group_rows)
        self._rows = self._groups = 0
        self._sink = HashingSink(path)
        self._writer = pq.ParquetWriter(self._sink, self._schema, **_properties(self._schema, image_columns))

    def __repr__(self) -> str:
        return f"ParquetShard({self._rows} rows, {self._sink!r})"

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends the rows as row groups. Raises ArrowInvalid for columns that are not those of the schema."""
        fitting = portable(batch, self._schema)
        del batch
        for piece in _pieces(fitting, *self._limits):
            self._writer.write_table(pa.Table.from_batches([piece]), row_group_size=piece.num_rows)
            self._sink.check()
            self._rows += piece.num_rows
            self._groups += 1

    def close(self) -> Written:
        """Writes the footer; a second call only says the same again."""
        if not self._sink.closed:
            self._writer.close()
            self._sink.close()
        self._sink.check()
        return Written(self._rows, self._sink.tell(), self._sink.digest(), self._groups)


def write_parquet(
    path: Path,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    *,
    image_columns: Collection[str] = ("image",),
    row_group_bytes: int = MAX_ROW_GROUP_BYTES,
    row_group_rows: int = ROW_GROUP_ROWS,
) -> Written:
    """Writes all batches to one file. Each batch is written, and let go, before the next is asked for."""
    with ParquetShard(path, schema, image_columns, row_group_bytes, row_group_rows) as shard:
        for batch in batches:
            shard.write(batch)
            del batch  # so that a PictureReader may fill its buffer again
        return shard.close()


def _pieces(batch: pa.RecordBatch, max_bytes: int, max_rows: int) -> Iterator[pa.RecordBatch]:
    rows = batch.num_rows
    if rows == 0:
        return
    if rows > max_rows:
        for start in range(0, rows, max_rows):
            yield from _pieces(batch.slice(start, max_rows), max_bytes, max_rows)
    elif rows > 1 and batch.nbytes > max_bytes:
        yield from _pieces(batch.slice(0, rows // 2), max_bytes, max_rows)
        yield from _pieces(batch.slice(rows // 2), max_bytes, max_rows)
    else:
        yield batch


def _properties(schema: pa.Schema, image_columns: Collection[str]) -> dict[str, Any]:
    leaves = leaf_paths(schema)
    plain = {path for path, column in leaves.items() if column in image_columns and path.endswith("bytes")}
    others = [path for path in leaves if path not in plain]
    return {
        "compression": {path: "NONE" if path in plain else "ZSTD" for path in leaves},
        "use_dictionary": others or False,
        "write_statistics": others or False,
        "use_content_defined_chunking": CHUNKING,
        "data_page_size": PAGE_BYTES,
        "write_batch_size": 1,  # looks after each value whether the page is full
        "write_page_index": True,
        "store_schema": True,
    }
