"""Writes packs: what the owners of hosts do all day, so this module loads fast and loads little."""

from __future__ import annotations

import hashlib
import os
import struct
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from pixmo.storage.publish import disk_errors

PACK_BYTES = 2**30
ENTRY = struct.Struct("<32sQQ")
_RECENT = 1 << 16


class Location(NamedTuple):
    """Where bytes lie."""

    pack: str
    offset: int
    length: int


class PackWriter:
    """Appends bytes; one process, files of its own. `writer` must be a name nobody used before."""

    def __init__(self, folder: Path, writer: str, pack_bytes: int = PACK_BYTES) -> None:
        self._folder = folder
        self._writer = writer
        self._limit = pack_bytes
        self._number = -1
        self._pack = self._index = -1
        self._offset = self._entries = 0
        self._recent: OrderedDict[bytes, Location] = OrderedDict()
        folder.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"PackWriter({self._writer}-{self._number}, {self._offset} bytes)"

    def put(self, data: bytes, sha256: bytes | None = None) -> Location:
        """Keeps the bytes (once, if the same came lately) and says where. Raises NoSpace when the disk is full."""
        key = sha256 or hashlib.sha256(data).digest()
        known = self._recent.get(key)
        if known is not None:
            return known
        with disk_errors(self._folder):
            if self._pack < 0 or self._offset + len(data) > self._limit:
                self._roll()
            where = Location(f"{self._writer}-{self._number}", self._offset, len(data))
            _write_all(self._pack, data, self._offset)
            _write_all(self._index, ENTRY.pack(key, self._offset, len(data)), self._entries * ENTRY.size)
        self._offset += len(data)
        self._entries += 1
        self._recent[key] = where
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return where

    def sync(self) -> None:
        """Makes what was put so far survive a power cut."""
        sync_all(self.duplicates())

    def duplicates(self) -> list[int]:
        """Descriptors to give to `sync_all` in another thread, while this one goes on writing."""
        return [os.dup(fd) for fd in (self._pack, self._index) if fd >= 0]

    def close(self) -> None:
        """Syncs and closes."""
        self.sync()
        for fd in (self._pack, self._index):
            if fd >= 0:
                os.close(fd)
        self._pack = self._index = -1

    def _roll(self) -> None:
        self.close()
        self._number += 1
        self._offset = self._entries = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        pack = os.open(self._folder / f"{self._writer}-{self._number}.pack", flags, 0o644)
        try:
            self._index = os.open(self._folder / f"{self._writer}-{self._number}.idx", flags, 0o644)
        except OSError:
            os.close(pack)
            raise
        self._pack = pack


def sync_all(descriptors: list[int]) -> None:
    """Syncs and closes duplicated descriptors."""
    for fd in descriptors:
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)


def _write_all(fd: int, data: bytes, offset: int) -> None:
    """Writes at a place, so that what a full disk cut off is overwritten by what comes next."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
