"""Batches put aside while rows are gathered: in memory while they are few, else in a file."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import pyarrow as pa

from pixmo.errors import NoSpace


class Piece(NamedTuple):
    """Where a batch lies."""

    start: int
    size: int


class Spool:
    """Takes batches and gives them back by piece, as often as asked; more than `memory_bytes` of them lie in `folder`.

    The file there has no name: a killed process leaves nothing behind.
    """

    def __init__(self, folder: Path | None, memory_bytes: int) -> None:
        self._folder = str(folder) if folder else tempfile.gettempdir()
        # kept open until closed by `with`
        self._file = tempfile.SpooledTemporaryFile(memory_bytes, prefix="pixmo-", dir=self._folder)  # noqa: SIM115
        self._end = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):  # a full disk cannot take what is still to be written; nobody will read it
            self._file.close()

    def put(self, batch: pa.RecordBatch) -> Piece:
        """Keeps a batch. Raises NoSpace when the disk is full."""
        try:
            self._file.seek(self._end)
            with pa.ipc.new_stream(pa.PythonFile(self._file, mode="w"), batch.schema) as writer:
                writer.write_batch(batch)
            self._file.flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise NoSpace(f"{self._folder}: no space to gather rows by picture; set TMPDIR to a larger disk") from error
        piece = Piece(self._end, self._file.tell() - self._end)
        self._end += piece.size
        return piece

    def get(self, piece: Piece) -> pa.Table:
        """A batch that was put here."""
        self._file.seek(piece.start)
        return pa.ipc.open_stream(self._file.read(piece.size)).read_all()
