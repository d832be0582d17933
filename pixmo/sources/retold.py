"""Rows that have transcripts already, to be captioned anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from pixmo.errors import BadSource
from pixmo.sources.source import Source

TRANSCRIPTS = "transcripts"
OF_CAPTIONS = (
    "caption",
    "unsupported_share",
    "unsupported_why",
    "omitted_share",
    "repeated_share",
)  # and all `caption_…`


class Retold:
    """Rows that have transcripts; what they say of a caption is called `given_caption` and so on, so that a new one can be written."""

    def __init__(self, source: Source) -> None:
        names = source.schema().names
        if TRANSCRIPTS not in names:
            raise BadSource(f"{source.name}: has neither recordings nor transcripts; it has {', '.join(names[:12])}")
        kind = source.schema().field(TRANSCRIPTS).type
        if not (is_list(kind) and pt.is_string(kind.value_type)):
            raise BadSource(
                f"{source.name}: column {TRANSCRIPTS!r} is {kind}; it should be a list of texts, one per recording"
            )
        self._source = source
        self.name, self.splits, self.licence, self.expected = (
            source.name,
            source.splits,
            source.licence,
            source.expected,
        )

    def schema(self) -> pa.Schema:
        """As the source, with the caption's other name."""
        found = self._source.schema()
        return pa.schema([f.with_name(_retold(f.name)) for f in found], found.metadata)

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """The source's, and that it is retold."""
        return self._source.identity() | {"retold": True}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """As the source."""
        for batch in self._source.batches(batch_rows):
            yield batch.rename_columns([_retold(n) for n in batch.schema.names])


def _retold(name: str) -> str:
    return f"given_{name}" if name in OF_CAPTIONS or name.startswith("caption_") else name


def is_list(kind: pa.DataType) -> bool:
    """Whether a column holds lists."""
    return bool(pt.is_list(kind) or pt.is_large_list(kind))
