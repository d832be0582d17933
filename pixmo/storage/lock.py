"""One run at a time on a folder or a store: an advisory lock that the kernel drops with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixmo.errors import InUse
from pixmo.storage.publish import disk_errors


@contextmanager
def locked(folder: Path, what: str, writing: bool = True) -> Iterator[None]:
    """Holds `folder/lock`; raises InUse, naming the holder, when another process has it.

    Without `writing` the folder may be one where nothing can be written; the lock must be there then.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT if writing else os.O_RDONLY
        fd = os.open(folder / "lock", flags | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 32).decode(errors="replace").strip() or "unknown"
            raise InUse(
                f"{what} is in use by another run (process {holder}); wait for it or use another folder"
            ) from None
        if writing:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)
