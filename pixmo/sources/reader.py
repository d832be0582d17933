"""What every kind of file is read through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from pixmo.sources.place import Place

BATCH_BYTES = 64 * 2**20
"""No batch holds much more than this, however many rows are asked for: pictures may lie in them."""

BLOCK_BYTES = 2**20
"""Text formats are parsed in blocks of this size."""


class Reader(Protocol):
    """One file as Arrow batches; `rows` where the file tells without being read."""

    place: Place
    rows: int | None

    def schema(self) -> pa.Schema:
        """The columns of all rows; text formats are read whole to know their types."""

    def batches(self, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in order, with the columns of `schema`."""


def sliced(batch: pa.RecordBatch, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """A batch in pieces of at most `batch_rows` rows and about BATCH_BYTES, without copying."""
    size = rows_within(batch.nbytes / max(batch.num_rows, 1), batch_rows)
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


def rows_within(row_bytes: float, batch_rows: int) -> int:
    """How many rows of a size go into one batch."""
    return max(1, min(batch_rows, int(BATCH_BYTES / max(row_bytes, 1))))
