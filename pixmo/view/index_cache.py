"""The folder of indexes: claimed while one is built, old ones removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

PART = ".building-"
MOST_BYTES = 20 * 10**9
MOST_DAYS = 60


def cache_folder() -> Path:
    """Where indexes and flags are kept: `view` under $PIXMO_HOME, else under the user's cache folder."""
    home = os.environ.get("PIXMO_HOME")
    if home:
        return Path(home) / "view"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "pixmo" / "view"


@contextmanager
def claimed(cache: Path) -> Iterator[Path]:
    """A new folder to build in, removed afterwards unless it was renamed; those of builders that were killed are removed too."""
    cache.mkdir(parents=True, exist_ok=True)
    _sweep(cache)
    folder = Path(mkdtemp(prefix=PART, dir=cache))
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(cache: Path) -> None:
    for folder in cache.glob(f"{PART}*"):
        with suppress(OSError):
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while its builder lives
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def prune(cache: Path, keep: Path) -> int:
    """Removes indexes not opened for 60 days, then the oldest until 20 GB are left; returns how many."""
    found = sorted((f.stat().st_mtime, f) for f in cache.iterdir() if (f / "kept.json").is_file() and f != keep)
    left = sum(_size(f) for _, f in found) + _size(keep)
    removed = 0
    for opened, folder in found:
        if opened < time.time() - MOST_DAYS * 86400 or left > MOST_BYTES:
            left -= _size(folder)
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _size(folder: Path) -> int:
    with suppress(OSError):
        return sum(f.stat().st_size for f in folder.iterdir())
    return 0
