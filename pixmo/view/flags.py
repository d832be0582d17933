"""Rows that somebody marked, with a note: kept by their ids beside the set, exported as a table that `mark_flagged` reads."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.errors import BadFolder, BadSetting
from pixmo.ids import digest, short
from pixmo.storage.publish import publishing
from pixmo.view.index_cache import cache_folder
from pixmo.view.source import DataSet

NAME = "flags.jsonl"
LONGEST_NOTE, LONGEST_ID = 2000, 1000
SCHEMA = pa.schema([("id", pa.string()), ("is_flagged", pa.bool_()), ("note", pa.string())])


@dataclass(frozen=True)
class Flag:
    """A row somebody marked, or once did."""

    id: str
    is_flagged: bool = True
    note: str = ""


class Flags:
    """The flags of a set: in `flags.jsonl` of a pixmo folder that can be written, else in the cache, by the set's path.

    Each mark is a line; the last one of a row holds. Other viewers' marks are seen. Safe to use from several threads.
    """

    def __init__(self, data: DataSet, cache: Path | None = None) -> None:
        if data.folder is not None and os.access(data.folder, os.W_OK):
            self.path = data.folder / NAME
        else:
            place = str(Path(data.path).expanduser().absolute()).encode(errors="surrogateescape")
            self.path = (cache or cache_folder()) / "flags" / f"{short(digest(place))}.jsonl"
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._flags: dict[str, Flag] = {}

    def set(self, id: str, is_flagged: bool, note: str = "") -> Flag:
        """Marks a row or takes its mark away. Raises BadSetting for a note that is too long, BadFolder where nothing can be written."""
        if len(note) > LONGEST_NOTE or not 0 < len(id) <= LONGEST_ID:
            raise BadSetting(f"a note of {len(note):,} characters; write {LONGEST_NOTE:,} at most")
        flag = Flag(_sound(id), is_flagged, _sound(note.strip()) if is_flagged else "")
        line = json.dumps(asdict(flag), ensure_ascii=False).encode() + b"\n"
        with self._lock:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _append(self.path, line)
            except OSError as error:
                raise BadFolder(f"{self.path}: the flag cannot be written: {error.strerror}") from None
        return flag

    def get(self, id: str) -> Flag | None:
        """The mark of a row, None where it has none."""
        flag = self._read().get(id)
        return flag if flag is not None and flag.is_flagged else None

    def all(self) -> list[Flag]:
        """All marked rows, in the order they were first marked."""
        return [flag for flag in self._read().values() if flag.is_flagged]

    def _read(self) -> dict[str, Flag]:
        with self._lock:
            seen = None
            with suppress(OSError):
                told = self.path.stat()
                seen = (told.st_size, told.st_mtime_ns)
            if seen != self._seen or seen is None:
                self._flags = {flag.id: flag for flag in _lines(self.path)}
                self._seen = seen
            return self._flags


def export_flags(data: DataSet, path: Path, cache: Path | None = None) -> int:
    """Writes the marked rows to a Parquet file of id, is_flagged and note; how many. Raises BadFolder where it cannot be written."""
    flags = Flags(data, cache).all()
    table = pa.Table.from_pylist([asdict(flag) for flag in flags], schema=SCHEMA)
    try:
        with publishing(path) as temporary:
            pq.write_table(table, temporary)
    except OSError as error:
        raise BadFolder(f"{path}: cannot be written: {error.strerror or error}") from None
    return len(flags)


def _append(path: Path, line: bytes) -> None:
    """One write at the end: lines of two viewers do not mix. A line that a crash cut short is ended first."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> Iterator[Flag]:
    """The marks; lines that are none, such as one cut short, are passed over."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:  # not there, or not to be read: writing says why
        return
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            told = json.loads(line)
            flag = Flag(told["id"], told["is_flagged"], told["note"])
            if isinstance(flag.id, str) and isinstance(flag.is_flagged, bool) and isinstance(flag.note, str):
                yield flag


def _sound(text: str) -> str:
    """Without halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode()
