"""What a source is to those who read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

SPLIT = "split"


class Expected(NamedTuple):
    """What is known before anything was read; None where it is not."""

    rows: int | None = None
    pictures: int | None = None
    picture_bytes: int | None = None


class Source(Protocol):
    """Rows as Arrow batches, in the same order each time, never held in memory as a whole."""

    name: str
    expected: Expected | None
    splits: tuple[str, ...]
    licence: str | None

    def schema(self) -> pa.Schema:
        """All columns as they are in the source; a set that has splits of its own brings a column `split` along."""

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """Changes when the content may have changed."""

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The rows in order, at most `batch_rows` at a time, fewer where rows are large."""


def labelled(table: Any, splits: Sequence[str], split: str | None = None) -> Any:  # Any: a Schema or a RecordBatch
    """A schema or batch with the column `split` where a source has splits.

    A column of that name in the data is then called `source:split`, the name under which the plan keeps it aside.
    """
    if not splits:
        return table
    names = [
        "source:" + SPLIT if n == SPLIT else n
        for n in (table.names if isinstance(table, pa.Schema) else table.schema.names)
    ]
    if isinstance(table, pa.Schema):
        fields = [f.with_name(n) for n, f in zip(names, table, strict=True)]
        return pa.schema([*fields, pa.field(SPLIT, pa.string())], table.metadata)
    column = pa.repeat(pa.scalar(split, pa.string()), table.num_rows)
    return pa.RecordBatch.from_arrays([*table.columns, column], schema=labelled(table.schema, splits))


class Limited:
    """The first rows of a source."""

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        self._limit = limit
        self.name = source.name
        self.splits = source.splits
        self.licence = source.licence
        known = source.expected or Expected()
        rows = None if known.rows is None else min(known.rows, limit)
        self.expected: Expected | None = Expected(
            rows, known.pictures and min(known.pictures, limit), known.picture_bytes
        )

    def schema(self) -> pa.Schema:
        """As the whole source."""
        return self._source.schema()

    def identity(self) -> dict[str, Any]:
        """The whole source's, and the limit."""
        return self._source.identity() | {"limit": self._limit}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The first rows; what comes after is not read."""
        left = self._limit
        for batch in self._source.batches(max(1, min(batch_rows, self._limit))):
            yield batch.slice(0, left)
            left -= batch.num_rows
            if left <= 0:
                return


class Chosen:
    """A source with its columns chosen: other columns are another plan."""

    def __init__(self, source: Source, chosen: tuple[str | None, ...]) -> None:
        self._source = source
        self._chosen = chosen
        self.name = source.name
        self.splits = source.splits
        self.licence = source.licence
        self.expected = source.expected

    def schema(self) -> pa.Schema:
        """As the source."""
        return self._source.schema()

    def identity(self) -> dict[str, Any]:
        """The source's, and the columns."""
        return self._source.identity() | {"columns": list(self._chosen[:4])}  # no list chooses its recordings

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """As the source."""
        return self._source.batches(batch_rows)
