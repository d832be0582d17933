"""Rows dealt out to piles of whole groups, each small enough to be sorted in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pixmo.errors import BadSource
from pixmo.sources.group_keys import Numbers
from pixmo.sources.group_spool import Piece, Spool

GROUP = "\x00group"


def chunks(batches: Iterable[pa.RecordBatch], name: str, least_bytes: int) -> Iterator[pa.RecordBatch]:
    """The same rows in larger batches: small ones make many pieces."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        if batch.num_rows:
            held.append(batch)
            size += batch.nbytes
        if size >= least_bytes:
            yield one_batch(pa.Table.from_batches(held), name)
            held, size = [], 0
    if held:
        yield one_batch(pa.Table.from_batches(held), name)


def one_batch(table: pa.Table, name: str) -> pa.RecordBatch:
    """A table as one batch. Raises BadSource when a column of it holds more than a batch can."""
    try:
        batches = table.combine_chunks().to_batches()
    except pa.ArrowInvalid as error:  # offsets of nested columns overflow
        raise _too_large(name) from error
    if len(batches) > 1:
        raise _too_large(name)
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def pile_of_rows(groups: Numbers, row_bytes: NDArray[np.float64], pile_bytes: int) -> NDArray[np.int64]:
    """The pile of each row: piles hold whole groups, in order, about `pile_bytes` each; more only where a single group does."""
    ends = np.cumsum(np.bincount(groups, row_bytes))
    of_group: NDArray[np.int64] = np.concatenate([[0.0], ends[:-1]]).astype(np.int64) // pile_bytes
    return of_group[groups]


class Dealer:
    """Puts rows into piles, in order. What names a picture is written with the first row of its group only, the others are bare."""

    def __init__(self, groups: Numbers, pile_of: NDArray[np.int64], names: Sequence[str], piles: Spool) -> None:
        self.found: dict[int, list[Piece]] = {}
        self._groups, self._pile_of, self._names, self._piles = groups, pile_of, frozenset(names), piles
        self._is_bare = np.zeros(len(groups), np.bool_)
        self._is_bare[1:] = groups[1:] <= np.maximum.accumulate(groups)[:-1]
        self._at = 0

    def deal(self, rows: pa.RecordBatch) -> None:
        """The next rows."""
        here = slice(self._at, self._at + rows.num_rows)
        order = np.argsort(self._pile_of[here], kind="stable")
        every, firsts = pa.array(order), pa.array(order, mask=self._is_bare[here][order])
        columns = [
            c.take(firsts if n in self._names else every) for n, c in zip(rows.schema.names, rows.columns, strict=True)
        ]
        schema = rows.schema.append(pa.field(GROUP, pa.int32()))
        dealt = pa.RecordBatch.from_arrays([*columns, pa.array(self._groups[here][order])], schema=schema)
        numbers, starts = np.unique(self._pile_of[here][order], return_index=True)
        for number, start, end in zip(numbers.tolist(), starts, [*starts[1:], rows.num_rows], strict=True):
            self.found.setdefault(number, []).append(self._piles.put(dealt.slice(start, end - start)))
        self._at = here.stop


def _too_large(name: str) -> BadSource:
    return BadSource(f"{name}: the annotations of a single picture hold more than 2 GB; leave the rows ungrouped")
