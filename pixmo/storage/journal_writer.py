"""Writes journal lines: what the owners of hosts do all day, so this module loads fast and loads little."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pixmo.storage.publish import disk_errors

Line = dict[str, Any]  # Any: plain JSON values
_encode = json.JSONEncoder(separators=(",", ":")).encode


def encode(line: Line) -> bytes:
    """One journal line, newline included; key and round come first, which `Journal` relies on."""
    assert next(iter(line)) == "key"
    return _encode(line).encode() + b"\n"


class JournalWriter:
    """Appends lines to a file of its own."""

    def __init__(self, folder: Path, writer: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{writer}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        with disk_errors(self.path):
            self._fd = os.open(self.path, flags, 0o644)
        self.size = 0
        self._synced = 0

    def write(self, lines: bytes) -> None:
        """Whole encoded lines. In the kernel's hands when this returns: a killed process loses nothing written."""
        with disk_errors(self.path):
            view = memoryview(lines)
            while view:
                view = view[os.write(self._fd, view) :]
        self.size += len(lines)

    def sync(self, covered: int) -> None:
        """Makes the first `covered` bytes survive a power cut. The caller has synced the packs they speak of before."""
        if covered > self._synced:
            with disk_errors(self.path):
                os.fdatasync(self._fd)
                self.write(b'{"synced":%d}\n' % covered)
            self._synced = self.size if covered + len(b'{"synced":%d}\n' % covered) == self.size else covered

    def close(self) -> None:
        """Syncs and closes; the packs were synced before."""
        self.sync(self.size)
        os.close(self._fd)
