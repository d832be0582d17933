"""A source whose columns are the fields of a record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pixmo.catalog.typed import Mapping
from pixmo.sources.source import Source


class TypedSource:
    """The rows of another source, through a mapping: as many, in the same order."""

    def __init__(self, source: Source, mapping: Mapping) -> None:
        self._source, self._mapping = source, mapping
        self.name, self.splits = source.name, source.splits
        self.licence, self.expected = source.licence, source.expected

    def __repr__(self) -> str:
        return f"TypedSource({self.name!r}, {self._mapping.kind.KIND})"

    def schema(self) -> pa.Schema:
        """The record's fields, then what is left over; labelled."""
        return self._mapping.typed_schema(self._source.schema())

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """The source's, and how its columns are read."""
        return self._source.identity() | {"typed": self._mapping.digest}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The rows in order. Raises BadSource at a column that does not fit."""
        return (self._mapping.typed(batch) for batch in self._source.batches(batch_rows))
