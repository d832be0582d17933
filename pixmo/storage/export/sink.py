"""A file that is hashed while it is written, and the facts that come back when it is whole.

Every writer of this room writes one file to a path it was given, names nothing and publishes nothing: the caller gives
it a temporary path and renames it.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from pixmo.ids import Digest

_SMALL = 1 << 16  # smaller writes (page headers, tar headers) are gathered: a system call costs more than the copy


_Bytes = bytes  # `bytes` is a field below


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: counts, size and digest of the file; `index` is the side file of formats that have one."""

    rows: int
    bytes: int
    sha256: Digest
    row_groups: int
    index: _Bytes | None = None


class ShardWriter(Protocol):
    """Writes one file of a data set, batch by batch. Leaving its `with` block by an exception leaves a useless file."""

    def write(self, batch: Any) -> None:  # Any: a pyarrow.RecordBatch; pyarrow has no types
        """Appends the rows. The batch is no longer needed when this returns: its buffers may be used again."""

    def close(self) -> Written:
        """Finishes the file and says what it is; fsync and rename are the caller's."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class HashingSink(io.RawIOBase):
    """A binary file, written from beginning to end, whose sha256 is taken of each buffer as it goes by.

    A write that fails (a full disk) is remembered and told by `check`, not raised: Arrow's Parquet writer ends the whole
    process when a sink raises in the middle of a page.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o644)
        self._sha256 = hashlib.sha256()
        self._waiting = bytearray()
        self._size = 0
        self._failed: OSError | None = None

    def __repr__(self) -> str:
        return f"HashingSink({self._size} bytes{', closed' if self.closed else ''})"

    def writable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, data: Any) -> int:  # Any: bytes, memoryview, pyarrow.Buffer: whatever has a buffer
        """Appends all of the data."""
        view = memoryview(data)
        size = view.nbytes
        self._size += size
        if size < _SMALL:
            self._waiting += view
            if len(self._waiting) >= _SMALL:
                self.flush()
        else:
            self.flush()
            self._put(view)
        return size

    def flush(self) -> None:
        """Hands gathered small writes to the operating system."""
        if not self.closed and self._waiting:
            self._put(memoryview(self._waiting))
            self._waiting = bytearray()

    def close(self) -> None:
        """Flushes and closes; the digest stays."""
        if not self.closed:
            try:
                self.flush()
            finally:
                super().close()
                os.close(self._fd)

    def check(self) -> None:
        """Raises what a write failed with; the writers of this room ask after each batch and when they close."""
        if self._failed is not None:
            raise self._failed

    def digest(self) -> Digest:
        """The sha256 of everything flushed."""
        return Digest(self._sha256.hexdigest())

    def _put(self, view: memoryview) -> None:
        if self._failed is not None:
            return
        self._sha256.update(view)
        view = view.cast("B")
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self._failed = error


class ClosesItsSink:
    """The `with` of a writer over a sink: finishes the file, or on an exception only lets go of it."""

    _sink: HashingSink

    def close(self) -> Written:
        """Finishes the file and says what it is."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._sink.close()
