"""Rows are born: each gets an id of its content, and shards are cut where the content says.

A row's digest is 128 bits of BLAKE2b over its columns. Its id is that digest and, for exact repeats, a count. A shard ends after a
row whose digest has its low bits zero, so that an inserted row changes one shard and shifts no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SHARD_ROWS = 2048
_DIGEST = 16


def row_digests(batch: pa.RecordBatch) -> list[bytes]:
    """16 bytes per row, from all its columns."""
    spelled = [part for i in range(batch.num_columns) for part in _spelled(batch.column(i))]
    joined = (
        pc.binary_join_element_wise(*spelled, pa.scalar("\x1f", pa.large_string()))
        if spelled
        else pa.array([""] * len(batch))
    )
    return [blake2b(text, digest_size=_DIGEST).digest() for text in joined.cast(pa.large_binary()).to_pylist()]


def shards(batches: Iterable[pa.RecordBatch], target: int = SHARD_ROWS) -> Iterator[tuple[pa.Table, list[bytes]]]:
    """(table, row digests) per shard; between half and twice `target` rows, the last one maybe fewer."""
    held: list[pa.RecordBatch] = []
    digests: list[bytes] = []
    size = 0
    for batch in batches:
        found = row_digests(batch)
        low = np.frombuffer(b"".join(found), "<u8").reshape(-1, 2)[:, 0]
        start = 0
        for end in _cuts(low, size, target):
            held.append(batch.slice(start, end - start))
            digests += found[start:end]
            yield pa.Table.from_batches(held), digests
            held, digests, size, start = [], [], 0, end
        if start < len(batch):
            held.append(batch.slice(start))
            digests += found[start:]
            size += len(batch) - start
    if held:
        yield pa.Table.from_batches(held), digests


def _cuts(low: NDArray[np.uint64], size: int, target: int) -> Iterator[int]:
    """Where shards end in a batch, when `size` rows of the current one came before it."""
    marks = np.flatnonzero(low % np.uint64(max(target // 2, 1)) == 0) + 1
    start, smallest, largest = -size, max(target // 2, 1), target * 2
    while True:
        after = marks[np.searchsorted(marks, start + smallest) :]
        end = int(after[0]) if len(after) else len(low) + 1
        end = min(end, start + largest)
        if end > len(low):
            return
        yield end
        start = end


def repeats(prefixes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The prefixes that occur more than once, sorted. Sorts its argument in place: 80 MB for ten million rows."""
    prefixes.sort()
    return np.unique(prefixes[1:][prefixes[1:] == prefixes[:-1]])


class RowIds:
    """Turns digests into ids, counting exact repeats in the order of the list."""

    def __init__(self, repeated: NDArray[np.uint64]) -> None:
        self._repeated = repeated
        self._seen = np.zeros(len(repeated), np.uint32)

    def ids(self, digests: list[bytes]) -> list[str]:
        """32 hexadecimal digits, with `-n` for the n-th repeat."""
        ids = [d.hex() for d in digests]
        if not len(self._repeated) or not digests:
            return ids
        low = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)[:, 0]
        at = np.searchsorted(self._repeated, low)
        at[at == len(self._repeated)] = 0
        for row in np.flatnonzero(self._repeated[at] == low):
            count = int(self._seen[at[row]])
            self._seen[at[row]] += 1
            if count:
                ids[row] += f"-{count}"
        return ids


def prefixes_of(digests: list[bytes]) -> NDArray[np.uint64]:
    """The first 64 bits of each digest."""
    return np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)[:, 0].copy()


def _spelled(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """A column as lengths and texts: where a value ends is certain whatever stands in it, and null is no value."""
    text = _text(column)
    lengths = pc.binary_length(text).cast(pa.large_string())
    return pc.fill_null(lengths, "-"), pc.fill_null(text, "")


def _text(column: pa.Array) -> pa.Array:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = column.storage, kind.storage_type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_timestamp(kind) and kind.tz:
        column = column.view(pa.int64())  # the text needs a time zone database, which not every machine has
    if any(is_kind(kind) for is_kind in _PLAIN):
        return column.cast(pa.large_string())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _listed(column)
    if pa.types.is_struct(kind) and kind.num_fields:
        return _joined(column)
    told = [None if v is None else json.dumps(v, default=_plain, ensure_ascii=True) for v in column.to_pylist()]
    return pa.array(told, pa.large_string())


def _listed(column: pa.Array) -> pa.Array:
    """Each value of a list with its length before it; as fast as Arrow joins texts, where a row of points may hold thousands."""
    lengths, texts = _spelled(column.flatten())
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    values = pc.binary_join_element_wise(lengths, texts, pa.scalar(":", pa.large_string())).cast(pa.string())
    lists = pa.ListArray.from_arrays(offsets, values, mask=column.is_null())  # Arrow joins lists of small strings only
    return pc.binary_join(lists, "\x1e").cast(pa.large_string())


def _joined(column: pa.Array) -> pa.Array:
    """The fields of a struct, one after the other."""
    spelled = [part for field in column.flatten() for part in _spelled(field)]
    text = pc.binary_join_element_wise(*spelled, pa.scalar("\x1f", pa.large_string()))
    return pc.if_else(column.is_null(), pa.scalar(None, pa.large_string()), text)


_PLAIN = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_integer, pa.types.is_floating,
    pa.types.is_boolean, pa.types.is_decimal, pa.types.is_date, pa.types.is_time, pa.types.is_timestamp,
    pa.types.is_duration, pa.types.is_null,
)  # fmt: skip


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
