"""The rows of a set: counted, sliced, looked at one by one, walked through, handed to `datasets` and torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pyarrow as pa

from pixmo.dataset.load_groups import KEPT_BYTES, Groups, Numbers
from pixmo.dataset.rows_ahead import ahead
from pixmo.dataset.rows_chunk import Chunk, Layout, Row, numbered
from pixmo.errors import BadSetting, MissingExtra
from pixmo.records.base import Record

if TYPE_CHECKING:
    import datasets

    from pixmo.dataset.torch import RowStream, RowTable

CHUNK_ROWS = 256
"""Rows made Python values at a time: enough that a column costs little, few enough that a kept row keeps little."""

_BLOCK_ROWS = 8192


class Rows(Sequence[Row]):
    """Rows of a finished set, read when they are asked for. A slice is Rows again and reads nothing.

    `kind` is the class of their records, None for plain rows; `grouped` says that a row is a picture with all its annotations.
    """

    def __init__(self, groups: Groups, layout: Layout, span: range | None = None) -> None:
        self._groups, self._layout = groups, layout
        self._span = range(len(groups)) if span is None else span

    def __repr__(self) -> str:
        kind = self.kind.KIND if self.kind else "plain"
        return f"Rows({len(self):,} {kind} rows{', grouped' if self.grouped else ''}, splits {', '.join(self.splits) or 'unnamed'})"

    @property
    def kind(self) -> type[Record] | None:
        """The class of the records."""
        return self._layout.kind

    @property
    def grouped(self) -> bool:
        """Whether a row is a picture with all its annotations."""
        return self._layout.grouped

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits of the files, in their order."""
        return tuple(dict.fromkeys(f.split for f in self._groups.files if f.split is not None))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read; the picture's comes last."""
        picture = self._layout.picture
        return (*self._layout.names, *([picture] if picture else []))

    @property
    def schema(self) -> pa.Schema:
        """Of the columns that are read, with what the files say of themselves."""
        return pa.schema([self._groups.schema.field(n) for n in self.columns], self._groups.schema.metadata)

    def __len__(self) -> int:
        return len(self._span)

    @overload
    def __getitem__(self, which: int) -> Row: ...
    @overload
    def __getitem__(self, which: slice) -> Rows: ...
    def __getitem__(self, which: int | slice) -> Row | Rows:
        """One row, through the row group it stands in; or some, without reading any."""
        if isinstance(which, slice):
            return Rows(self._groups, self._layout, self._span[which])
        number = self._span[which]
        group = self._groups.group_of(number)
        batch = self._groups.read(group, self._layout.read)
        chunk = Chunk(
            self._layout, batch.slice(number - int(self._groups.starts[group]), 1), numbered(number, 1), self._groups
        )
        return Row(chunk, 0)

    def __iter__(self) -> Iterator[Row]:
        for chunk in ahead(self._chunks()):
            yield from chunk.rows()

    def records(self) -> Iterator[Record]:
        """All records in order, the annotations of grouped rows one after the other. Raises BadRecord at a row that is none."""
        for row in self:
            yield from row.records

    def batches(self, batch_rows: int = 8192, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow, at most `batch_rows` at a time; pictures only where `columns` names them or there is nothing else."""
        names = self._layout.read if columns is None else tuple(columns)
        if self._span.step == 1:
            yield from self._groups.stream(self._span.start, self._span.stop, names, batch_rows)
            return
        for start in range(0, len(self), batch_rows):
            yield self._groups.take(np.array(self._span[start : start + batch_rows], np.int64), names)

    def take(self, places: Sequence[int] | Numbers, *, pictures: bool = False) -> list[Row]:
        """Rows by their places, in that order, read together: each row group once."""
        found: list[Row] = []
        numbers = self._numbers(np.asarray(places, np.int64))
        for start in range(0, len(numbers), CHUNK_ROWS):
            found += self._taken(numbers[start : start + CHUNK_ROWS], pictures).rows()
        return found

    def to_datasets(self, *, streaming: bool = False) -> datasets.Dataset | datasets.IterableDataset:
        """The same rows as a `datasets.Dataset`, in its cache on disk, or streamed and nowhere kept."""
        from pixmo.dataset.datasets_ import as_datasets  # a second to import

        return as_datasets(self, streaming)

    def to_torch(
        self, *, map_style: bool = False, shuffle: bool = False, seed: int = 0, rank: int = 0, world_size: int = 1,
        uneven: str = "keep", buffer_rows: int = 1000, transform: Callable[[Row], Any] | None = None,
    ) -> RowStream | RowTable:  # fmt: skip
        """The rows for a torch DataLoader: a stream, or a table with `map_style`; see docs/reading.md.

        Raises MissingExtra without torch, BadSetting for a rank outside the world.
        """
        try:
            from pixmo.dataset.torch import to_torch
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingExtra("molmo", "to_torch") from None
        from pixmo.dataset.torch_order import Sharding

        sharding = Sharding(shuffle, seed, rank, world_size, uneven, buffer_rows)
        return to_torch(self, sharding, transform, map_style)

    # for those in this room

    @property
    def files(self) -> list[str]:
        """The files the rows stand in."""
        return [f.path for f in self._groups.files]

    @property
    def span(self) -> range:
        """Which rows of the files these are."""
        return self._span

    @property
    def layout(self) -> Layout:
        """What the columns are."""
        return self._layout

    @property
    def groups(self) -> Groups:
        """The row groups of the files."""
        return self._groups

    def blocks(self) -> tuple[Numbers, Numbers]:
        """The places at which row groups begin (and the last ends), and the bytes of each: what is cheap to read together."""
        if self._span.step != 1:
            starts = np.arange(0, len(self) + _BLOCK_ROWS, _BLOCK_ROWS, dtype=np.int64).clip(max=len(self))
            return starts, np.zeros(len(starts) - 1, np.int64)
        cut = self._groups.starts.clip(self._span.start, max(self._span.stop, self._span.start)) - self._span.start
        keep = np.flatnonzero(np.diff(cut))
        return np.concatenate([cut[keep], [len(self)]]), self._groups.sizes[keep]

    def window(self, places: Numbers) -> Iterator[Row]:
        """Rows by their places, with their pictures; they are read now, and made Python values a chunk at a time."""
        numbers = self._numbers(places)
        batch = self._groups.take(numbers, self.columns)
        pieces = (
            (batch.slice(at, CHUNK_ROWS), numbers[at : at + CHUNK_ROWS]) for at in range(0, len(numbers), CHUNK_ROWS)
        )
        return (row for piece, these in pieces for row in Chunk(self._layout, piece, these, self._groups).rows())

    def _taken(self, numbers: Numbers, pictures: bool) -> Chunk:
        names = self.columns if pictures else self._layout.read
        return Chunk(self._layout, self._groups.take(numbers, names), numbers, self._groups)

    def _numbers(self, places: Numbers) -> Numbers:
        if len(places) and not (int(places.min()) >= 0 and int(places.max()) < len(self)):
            raise BadSetting(f"rows {int(places.min())} to {int(places.max())}: there are {len(self)}")
        return places * self._span.step + self._span.start

    def _chunks(self) -> Iterator[Chunk]:
        """All rows in order. Pictures are read on request; once one was asked for, those of the rows that follow come along."""
        layout, asked, done = self._layout, Event(), 0
        if layout.picture and self._groups.sizes.max(initial=0) > KEPT_BYTES:
            asked.set()  # a row group too large to be held is read page by page from the beginning
        while done < len(self):
            with_pictures = asked.is_set()
            for batch in self[done:].batches(CHUNK_ROWS, self.columns if with_pictures else None):
                numbers = np.array(self._span[done : done + batch.num_rows], np.int64)
                done += batch.num_rows
                yield Chunk(layout, batch, numbers, self._groups, asked.set)
                if asked.is_set() and not with_pictures:
                    break  # begin again here, with them
