"""Parquet and Arrow IPC: files that know their own types."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.errors import BadSource
from pixmo.sources.place import LocalPlace, Place, compression, content, one_line, seekable
from pixmo.sources.reader import rows_within, sliced


class ParquetReader:
    """A Parquet file, read page by page: a row group is never held whole."""

    def __init__(self, place: Place) -> None:
        self.place = place
        with self._open() as file:
            self._schema: pa.Schema = file.schema_arrow
            self.rows: int | None = file.metadata.num_rows
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            self._row_bytes = max((g.total_byte_size / g.num_rows for g in groups if g.num_rows), default=1.0)

    def schema(self) -> pa.Schema:
        """As the file says, metadata included."""
        return self._schema

    def batches(self, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in order."""
        with self._open() as file:
            for batch in file.iter_batches(batch_size=rows_within(self._row_bytes, batch_rows)):
                # rows told once for many, by a dictionary, are larger than they seem
                yield from sliced(_sound(batch, self.place), batch_rows)

    @contextlib.contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        # buffered, not pre-buffered: column chunks of embedded pictures would else be in memory whole
        with seekable(self.place) as raw, pq.ParquetFile(raw, buffer_size=2**20, pre_buffer=False) as file:
            yield file


class ArrowReader:
    """An Arrow IPC file or stream. A local one is memory-mapped: rows cost no memory until they are looked at."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rows: int | None = None
        with self._raw() as raw:
            self._is_file = bytes(raw.read(6)) == b"ARROW1"
        with self._open() as reader:
            self._schema: pa.Schema = reader.schema

    def schema(self) -> pa.Schema:
        """As the file says, metadata included."""
        return self._schema

    def batches(self, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in order, in slices of the file's own batches."""
        with self._open() as reader:
            own = (reader.get_batch(i) for i in range(reader.num_record_batches)) if self._is_file else reader
            for batch in own:
                yield from sliced(_sound(batch, self.place), batch_rows)

    @contextlib.contextmanager
    def _open(self) -> Iterator[pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader]:
        with self._raw() as raw, (pa.ipc.open_file if self._is_file else pa.ipc.open_stream)(raw) as reader:
            yield reader

    def _raw(self) -> pa.NativeFile:
        if isinstance(self.place, LocalPlace) and compression(self.place) is None:
            return pa.memory_map(self.place.name)
        return seekable(self.place) if getattr(self, "_is_file", True) else content(self.place)


def _sound(batch: pa.RecordBatch, place: Place) -> pa.RecordBatch:
    """The batch, looked through: offsets that lead elsewhere and text that is no UTF-8 would end a run much later."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        raise BadSource(f"{place.name}: holds values that cannot be read: {one_line(str(error))}") from error
    return batch
