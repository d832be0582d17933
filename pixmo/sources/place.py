"""Where the bytes of a list lie: a local file, a file behind fsspec, standard input. Opened as often as needed, never changed."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa

from pixmo.errors import BadSource, NoSpace, PixmoError

HEAD_BYTES = 2**16
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Place(Protocol):
    """One file of a source."""

    @property
    def name(self) -> str:
        """As shown to people; its suffix helps to tell what is inside."""

    def open(self) -> pa.NativeFile:
        """The raw bytes from the beginning."""

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """Changes when the content may have changed."""


class LocalPlace:
    """A file of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def __repr__(self) -> str:
        return f"LocalPlace({self.name})"

    def open(self) -> pa.NativeFile:
        """The raw bytes, memory-mapped by nobody: a file cut while it is read is an error, not a crash."""
        return pa.OSFile(self.name)

    def identity(self) -> dict[str, Any]:
        """Path, size and modification time."""
        found = self.path.stat()
        return {"path": str(self.path.absolute()), "size": found.st_size, "mtime_ns": found.st_mtime_ns}


class RemotePlace:
    """A file behind an fsspec file system."""

    _STAMPS = (
        "size",
        "ETag",
        "etag",
        "mtime",
        "LastModified",
        "last_modified",
        "updated",
        "created",
        "md5Hash",
        "generation",
    )

    def __init__(self, filesystem: Any, path: str, name: str) -> None:  # Any: fsspec is untyped
        self._filesystem = filesystem
        self._path = path
        self.name = name

    def __repr__(self) -> str:
        return f"RemotePlace({self.name})"

    def open(self) -> pa.NativeFile:
        """The raw bytes, fetched as they are read."""
        return pa.PythonFile(self._filesystem.open(self._path, "rb"), mode="r")

    def identity(self) -> dict[str, Any]:
        """Address, and what the store tells of size, date and entity tag."""
        told = self._filesystem.info(self._path)
        return {"path": self.name} | {k: str(told[k]) for k in self._STAMPS if told.get(k) is not None}


class StdinPlace:
    """Standard input, or another pipe: copied to a temporary file at first use, since a list is read more than once."""

    def __init__(self, stream: BinaryIO | None = None, name: str = "standard input") -> None:
        self.name = name
        self._stream = stream
        self._copy: BinaryIO | None = None

    def __repr__(self) -> str:
        return f"StdinPlace({self.name!r})"

    def open(self) -> pa.NativeFile:
        """The copy, from its beginning."""
        if self._copy is None:
            self._copy = spooled(self._stream or sys.stdin.buffer)
        return pa.OSFile(self._copy.name)

    def identity(self) -> dict[str, Any]:
        """Unknown until read: always the same."""
        return {"stdin": True}


def spooled(stream: Any) -> BinaryIO:  # Any: whatever has read()
    """A temporary file that holds what the stream has left; gone when closed or forgotten. $TMPDIR says where."""
    copy = tempfile.NamedTemporaryFile(prefix="pixmo-")  # noqa: SIM115  # lives as long as whoever reads it
    try:
        shutil.copyfileobj(stream, copy, 2**20)
        copy.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise NoSpace(
            f"{tempfile.gettempdir()}: no space for a copy of the list; set TMPDIR to a larger disk"
        ) from error
    copy.seek(0)
    return cast(BinaryIO, copy)  # a wrapper in all but name a BinaryIO


def head(place: Place) -> bytes:
    """The first 64 kB, decompressed."""
    with content(place) as stream:
        return bytes(stream.read(HEAD_BYTES))


def compression(place: Place) -> str | None:
    """`gzip`, `zstd` or None, by the first bytes."""
    with place.open() as raw:
        start = bytes(raw.read(4))
    return next((codec for magic, codec in _MAGIC.items() if start.startswith(magic)), None)


def content(place: Place) -> pa.NativeFile:
    """A stream of the decompressed bytes."""
    codec = compression(place)
    raw = place.open()
    return pa.CompressedInputStream(raw, codec) if codec else raw


def seekable(place: Place) -> pa.NativeFile:
    """The decompressed bytes as a file one may seek in; what cannot be sought in is copied to disk first."""
    codec = compression(place)
    raw = place.open()
    if codec is None and raw.seekable():
        return raw
    with raw, pa.CompressedInputStream(raw, codec) if codec else contextlib.nullcontext(raw) as stream:
        return pa.PythonFile(spooled(stream), mode="r")


@contextlib.contextmanager
def reading(place: Place) -> Iterator[None]:
    """Turns what goes wrong while a file is read into a BadSource that names it."""
    try:
        yield
    except PixmoError:
        raise
    except FileNotFoundError as error:
        raise BadSource(f"{place.name}: no such file") from error
    except (OSError, EOFError, UnicodeError, zlib.error, pa.ArrowException) as error:
        raise BadSource(f"{place.name}: {reason(error)}") from error
    except Exception as error:  # the border to fsspec: each file system raises exceptions of its own library
        if not isinstance(place, RemotePlace):
            raise
        raise BadSource(f"{place.name}: {type(error).__name__}: {one_line(str(error))}") from error


_CUT_OFF = re.compile(
    r"magic bytes not found in footer|file size is|Not an Arrow file|Expected to (be able to )?read|Truncated|Couldn't deserialize thrift"
    r"|was null or length 0|not a Feather|reached EOF|Unexpected end"
)


def reason(error: BaseException) -> str:
    """What went wrong in a few words, and what to do."""
    said = one_line(str(error))
    if _CUT_OFF.search(said):
        return f"is cut off or damaged ({said}); copy or download it again"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return f"cannot be read: {said}"


def one_line(text: str, most: int = 200) -> str:
    """The text without line breaks, shortened."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
