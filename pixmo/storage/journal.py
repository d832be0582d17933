"""What was asked and answered: append-only JSON lines, one file per writer, read by all.

A line is `{"key":"<64 hex>","round":N,…facts}`. Within a key the highest round counts; a line with `"open":true` says that
this round still waits for its answer (`pixmo retry` writes those). `{"synced":N}` says that the packs and the first N bytes of this
file were fsynced; answers behind the last such N are believed only if their bytes hash right, so a power cut leaves no
answer without its bytes.
A torn last line is ignored.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixmo.storage.compact import CompactMap, prefix
from pixmo.storage.journal_writer import Line, encode
from pixmo.storage.publish import disk_errors, is_temporary, publishing

_HEAD = b'{"key":"'
_SYNCED = re.compile(rb'\{"synced":(\d{1,18})\}\n')
_BLOCK = 1 << 26
_OFFSET_BITS = 48  # a place is the file's number << 48 | offset: 65,536 files
REOPENED = "reopened.jsonl"


class Journal:
    """All lines of a folder, found by key; 16 bytes of memory a line. Read when first asked for an answer.

    `reopened` are the keys with a round above 0; they are few and known without reading the rest, so that a finished
    run does not read its journal at all.
    """

    def __init__(self, folder: Path, is_whole: Callable[[Line], bool] = lambda line: True) -> None:
        self.folder = folder
        self._is_whole = is_whole
        self._files: list[Path] = []
        self._fds: list[int] = []
        self._map: CompactMap | None = None
        self._unsynced = False
        self.reopened = self._read_reopened()

    def __repr__(self) -> str:
        return f"Journal({self.folder}, {'not read' if self._map is None else f'{len(self._map)} lines'})"

    def __len__(self) -> int:
        return len(self._lines())

    def get(self, key: str) -> Line | None:
        """The line of the highest round, be it open or answered; of equal rounds an answered one, and the first."""
        best: Line | None = None
        for place, _ in self._lines().find(prefix(key)):
            line = self._line(place >> _OFFSET_BITS, place & (1 << _OFFSET_BITS) - 1)
            if line is not None and line["key"] == key and (best is None or _rank(line) > _rank(best)):
                best = line
        return best

    def note(self, line: Line, path: Path, offset: int) -> None:
        """Learns of a line that a writer has just appended."""
        if self._map is not None:  # else it is read with all others
            self._map.add(prefix(line["key"]), self._number(path) << _OFFSET_BITS | offset, 0)

    def lines(self) -> Iterator[Line]:
        """Every whole line of every file, unordered between files."""
        self._lines()
        for path in self._files:
            yield from read_lines(path)

    def rewrite(self, change: Callable[[Line], Line | None]) -> None:
        """Passes every line through `change` (None drops it) and publishes the files anew. The caller holds the store."""
        self._lines()
        for path in self._files:
            with publishing(path) as temporary, temporary.open("wb") as file:
                for line in read_lines(path):
                    changed = change(line)
                    if changed is not None:
                        file.write(encode(changed))
                file.write(b'{"synced":%d}\n' % file.tell())
        self.close()
        self.reopened = self._read_reopened()

    def sync(self) -> None:
        """Makes opened rounds survive a power cut: without them, work over a later answer would not be found again."""
        if self._unsynced:
            self._unsynced = False
            fd = os.open(self.folder / REOPENED, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def close(self) -> None:
        """Closes the files; they are read anew when next asked."""
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        self._files.clear()
        self._map = None

    def _read_reopened(self) -> set[str]:
        path = self.folder / REOPENED
        return {line["key"] for line in read_lines(path)} if path.is_file() else set()

    def _number(self, path: Path) -> int:
        if path not in self._files:
            self._files.append(path)
            self._fds.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        return self._files.index(path)

    def _line(self, file: int, offset: int) -> Line | None:
        """The line at a place; None where a power cut left a hole in it."""
        size = 1024
        while True:
            data = os.pread(self._fds[file], size, offset)
            end = data.find(b"\n")
            if end >= 0 or len(data) < size:
                with suppress(ValueError):
                    line: Line = json.loads(data[: end if end >= 0 else None])
                    return line
                return None
            size *= 8

    def _lines(self) -> CompactMap:
        if self._map is None:
            self._map = CompactMap()
            paths = sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else []
            paths = [p for p in paths if not is_temporary(p)]
            for path in paths:
                self._read(path, self._map)
            for path in paths:
                if path.name != REOPENED:
                    self._distrust(path, _after_last_sync(path))
        return self._map

    def _read(self, path: Path, lines: CompactMap) -> None:
        number = self._number(path)
        for start, keys, offsets in _blocks(path):
            places = offsets + np.uint64(start | number << _OFFSET_BITS)
            lines.add_many(keys, places, np.zeros(len(keys), np.uint64))

    def _distrust(self, path: Path, start: int) -> None:
        """Lines after the last sync whose bytes are not whole become open questions of the next round, once."""
        for line in read_lines(path, start):
            if not line.get("open") and self.get(line["key"]) == line and not self._is_whole(line):
                self.void(line)

    def void(self, line: Line, why: str = "bytes not whole") -> None:
        """Opens the question again, in its next round. The caller holds the store."""
        self.open_again([(line["key"], int(line["round"]) + 1)], why)

    def open_again(self, questions: Iterable[tuple[str, int]], why: str) -> None:
        """Opens rounds: (key, round) each. The caller holds the store."""
        path = self.folder / REOPENED
        with disk_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as file:
                end = file.seek(0, os.SEEK_END)
                if end and os.pread(file.fileno(), 1, end - 1) != b"\n":
                    file.write(b"\n")  # a line that was torn stays alone
                for key, rnd in questions:
                    self._unsynced = True
                    line: Line = {"key": key, "round": rnd, "open": True, "why": why}
                    offset = file.tell()
                    file.write(encode(line))
                    self.reopened.add(key)
                    file.flush()
                    self.note(line, path, offset)


def _rank(line: Line) -> tuple[int, bool]:
    return int(line["round"]), not line.get("open", False)


def read_lines(path: Path, start: int = 0) -> Iterator[Line]:
    """The whole lines of a file from an offset on, checkpoints and a torn end left out."""
    return (line for _, line in read_lines_at(path, start))


def read_lines_at(path: Path, start: int = 0) -> Iterator[tuple[int, Line]]:
    """As read_lines, with the offset of each."""
    with path.open("rb") as file:
        file.seek(start)
        for raw in file:
            if raw.startswith(_HEAD) and raw.endswith(b"\n"):
                with suppress(ValueError):  # a hole that a power cut left: not a line
                    yield start, json.loads(raw)
            start += len(raw)


def _blocks(path: Path) -> Iterable[tuple[int, NDArray[np.uint64], NDArray[np.uint64]]]:
    """(start of block, key prefixes, offsets in block) of the answer lines, found without parsing them."""
    with path.open("rb") as file:
        start, size = 0, _BLOCK
        while True:
            data = file.read(size)
            end = data.rfind(b"\n") + 1
            if not end and len(data) < size:
                return
            file.seek(start + end)
            size = _BLOCK if end else size * 2  # a line, or a hole, longer than a block
            if not end:
                continue
            yield (start, *_scan(data[:end]))
            start += end


def _scan(data: bytes) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    starts = np.concatenate([[0], ends[:-1] + 1])
    starts = starts[ends - starts > len(_HEAD) + 64]  # checkpoints are shorter
    heads = raw[starts[:, None] + np.arange(len(_HEAD))]
    starts = starts[(heads == np.frombuffer(_HEAD, np.uint8)).all(axis=1)]  # else what a power cut left
    digits = raw[starts[:, None] + (len(_HEAD) + np.arange(16))].astype(np.uint64)
    nibbles = np.where(digits >= ord("a"), digits - np.uint64(ord("a") - 10), digits - np.uint64(ord("0")))
    shifts = np.uint64(4) * np.arange(15, -1, -1, dtype=np.uint64)
    keys = (nibbles << shifts).sum(axis=1, dtype=np.uint64)
    return keys, starts.astype(np.uint64)


def _after_last_sync(path: Path) -> int:
    """The offset behind which lines may lack their bytes."""
    at = path.stat().st_size
    tail = b""
    with path.open("rb") as file:
        while at > 0:
            step = min(at, 1 << 20)
            at -= step
            file.seek(at)
            tail = file.read(step) + tail[:64]
            found = _SYNCED.findall(tail)
            if found:
                return int(found[-1])
    return 0
