"""Row groups of many files as one numbered row: found by a row's number, read from any process and thread."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt
from numpy.typing import NDArray

from pixmo.dataset.load_files import DataFile, arrow_batches
from pixmo.sources.place import LocalPlace, reading
from pixmo.sources.reader import rows_within
from pixmo.sources.schemas import fitted, unified

OPEN_FILES = 16
KEPT_BYTES = 256 * 2**20
"""Decoded row groups kept for the next row that is asked for: a trainer's window should fit in."""

Numbers = NDArray[np.int64]


class Groups:
    """All row groups (Arrow: batches) of some files, in their order. `starts` is where each begins, and where the last ends."""

    def __init__(self, files: Sequence[DataFile]) -> None:
        self.files = list(files)
        self.schema = unified([(f.path, f.schema, True) for f in files])
        self.place = [(number, group) for number, f in enumerate(files) for group in range(len(f.rows))]
        self.sizes = np.array([size for f in files for size in f.bytes], np.int64)
        self.starts: Numbers = np.concatenate([[0], np.cumsum([n for f in files for n in f.rows], dtype=np.int64)])
        self._first = {number: group for group, (number, inside) in reversed(list(enumerate(self.place))) if not inside}
        self._schemas: dict[tuple[str, ...], pa.Schema] = {}
        self._kept = KEPT_BYTES, OPEN_FILES
        self._opened = _Opened(self.files, *self._kept)

    def keep(self, kept_bytes: int, open_files: int) -> None:
        """Holds at most so much of what was read, and so many files open: where memory counts more than the next row."""
        self._kept = kept_bytes, open_files
        self._opened = _Opened(self.files, *self._kept)

    def __len__(self) -> int:
        """How many rows."""
        return int(self.starts[-1])

    def __getstate__(self) -> dict[str, Any]:  # Any: attributes
        return self.__dict__ | {"_opened": None}

    def __setstate__(self, state: dict[str, Any]) -> None:  # Any: attributes
        self.__dict__.update(state)
        self._opened = _Opened(self.files, *self._kept)

    def group_of(self, row: int) -> int:
        """The row group a row stands in."""
        return int(np.searchsorted(self.starts, row, "right")) - 1

    def file_of(self, row: int) -> DataFile:
        """The file a row stands in."""
        return self.files[self.place[self.group_of(row)][0]]

    def place_of(self, row: int) -> tuple[str, int]:
        """The name of the file a row stands in, and its number there."""
        number, _ = self.place[self.group_of(row)]
        return os.path.basename(self.files[number].path), row - int(self.starts[self._first[number]])

    def read(self, group: int, names: tuple[str, ...]) -> pa.RecordBatch:
        """Some columns of a row group, whole; what was read last is kept."""
        return self._here().read(*self.place[group], names, self._schema(names))

    def take(self, rows: Numbers, names: tuple[str, ...]) -> pa.RecordBatch:
        """Some columns of rows given by number, in that order; each of their groups is read once."""
        where = np.searchsorted(self.starts, rows, "right") - 1
        wanted, place = np.unique(where, return_inverse=True)
        parts = [self.read(int(g), names) for g in wanted]
        begin = np.concatenate([[0], np.cumsum([p.num_rows for p in parts], dtype=np.int64)])
        inside = rows - self.starts[where] + begin[place]
        if len(parts) == 1:
            return parts[0].take(pa.array(inside))
        return _one_batch(pa.Table.from_batches(parts, self._schema(names)).take(pa.array(inside)))

    def stream(self, start: int, stop: int, names: tuple[str, ...], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Rows one after the other, file by file: no row group is held whole."""
        for number, file in enumerate(self.files):
            first = self._first.get(number)
            if first is None:
                continue
            ends = self.starts[first : first + len(file.rows) + 1].tolist()
            chosen = [g for g, (a, b) in enumerate(pairwise(ends)) if max(a, start) < min(b, stop)]
            if chosen:
                base = ends[chosen[0]]
                yield from self._part(
                    number, chosen, max(start - base, 0), min(stop, ends[chosen[-1] + 1]) - base, names, batch_rows
                )

    def _part(
        self, number: int, groups: list[int], start: int, stop: int, names: tuple[str, ...], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Rows from `start` to `stop` of some row groups of one file."""
        file, at = self.files[number], 0
        size = rows_within(sum(file.bytes[g] for g in groups) / sum(file.rows[g] for g in groups), batch_rows)
        with _reading(file):
            for batch in _batches(file, groups, [n for n in names if n in file.schema.names], size):
                begin, end = max(start - at, 0), min(stop - at, batch.num_rows)
                at += batch.num_rows
                if begin < end:
                    yield fitted(batch.slice(begin, end - begin), self._schema(names))
                if at >= stop:
                    return

    def _schema(self, names: tuple[str, ...]) -> pa.Schema:
        if names not in self._schemas:
            self._schemas[names] = pa.schema([self.schema.field(n) for n in names], self.schema.metadata)
        return self._schemas[names]

    def _here(self) -> _Opened:
        """This process's own open files: those of a parent are not ours to read."""
        if self._opened.pid != os.getpid():
            self._opened = _Opened(self.files, *self._kept)
        return self._opened


class _Opened:
    """Files as one process has them open, and the row groups it read last."""

    def __init__(self, files: list[DataFile], kept_bytes: int, open_files: int) -> None:
        self.pid = os.getpid()
        self._kept_bytes, self._open_files = kept_bytes, open_files
        self._files = files
        self._lock = threading.Lock()
        self._handles: OrderedDict[int, pq.ParquetFile | list[pa.RecordBatch]] = OrderedDict()
        self._kept: OrderedDict[tuple[int, int, tuple[str, ...]], pa.RecordBatch] = OrderedDict()

    def read(self, number: int, group: int, names: tuple[str, ...], schema: pa.Schema) -> pa.RecordBatch:
        key = (number, group, names)
        with self._lock:
            if key not in self._kept:
                with _reading(self._files[number]):
                    self._kept[key] = fitted(self._read(number, group, names), schema)
                self._forget(key)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _read(self, number: int, group: int, names: tuple[str, ...]) -> pa.RecordBatch:
        here = [n for n in names if n in self._files[number].schema.names]
        handle = self._handle(number)
        if isinstance(handle, list):
            return _sound(handle[group].select(here))
        return _one_batch(handle.read_row_group(group, columns=here))

    def _handle(self, number: int) -> pq.ParquetFile | list[pa.RecordBatch]:
        if number not in self._handles:
            file = self._files[number]
            self._handles[number] = arrow_batches(file.path) if file.is_arrow else pq.ParquetFile(file.path)
            if len(self._handles) > self._open_files:
                self._handles.popitem(last=False)
        self._handles.move_to_end(number)
        return self._handles[number]

    def _forget(self, newest: tuple[int, int, tuple[str, ...]]) -> None:
        held = sum(batch.nbytes for batch in self._kept.values())
        while held > self._kept_bytes and next(iter(self._kept)) != newest:
            held -= self._kept.popitem(last=False)[1].nbytes


def _batches(file: DataFile, groups: list[int], names: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
    if file.is_arrow:
        batches = arrow_batches(file.path)
        for group in groups:
            rows = _sound(batches[group].select(names))
            yield from (rows.slice(at, batch_rows) for at in range(0, rows.num_rows, batch_rows))
        return
    with pq.ParquetFile(file.path, buffer_size=2**20, pre_buffer=False) as opened:
        yield from opened.iter_batches(batch_size=batch_rows, row_groups=groups, columns=names)


def _sound(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, looked through: Arrow takes offsets in a file on trust, and one that leads elsewhere would end the process."""
    batch.validate(full=True)
    return batch


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    """A table as one batch. Columns of more than 2 GiB cannot be: no row group or window is that large but a foreign one."""
    batches = table.combine_chunks().to_batches()
    if len(batches) == 1:
        return batches[0]
    if not batches:
        return pa.RecordBatch.from_pylist([], schema=table.schema)
    wide = pa.schema([f.with_type(_large(f.type)) for f in table.schema], table.schema.metadata)
    return table.cast(wide).combine_chunks().to_batches()[0]


def _large(kind: pa.DataType) -> pa.DataType:
    if pt.is_string(kind):
        return pa.large_string()
    if pt.is_binary(kind):
        return pa.large_binary()
    if pt.is_struct(kind):
        return pa.struct([f.with_type(_large(f.type)) for f in kind])
    return pa.large_list(_large(kind.value_type)) if pt.is_list(kind) else kind


def _reading(file: DataFile) -> AbstractContextManager[None]:
    return reading(LocalPlace(Path(file.path)))
