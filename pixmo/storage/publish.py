"""The only way a file gets its final name: temporary file → fsync → rename → fsync of the folder.

Leaving by exception publishes nothing and leaves no temporary file behind; a killed process leaves one whose name
begins with `.tmp-`, which `sweep` removes at the next start.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixmo.errors import BadFolder, NoSpace

_TEMPORARY = ".tmp-"
_count = itertools.count()


@contextmanager
def publishing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there has the final name afterwards, durably."""
    temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-{next(_count)}-{path.name}")
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _fsync(temporary)
            os.replace(temporary, path)
            _fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def publish_bytes(path: Path, data: bytes) -> None:
    """Writes a small file whole."""
    with publishing(path) as temporary:
        temporary.write_bytes(data)


def sweep(folder: Path) -> int:
    """Removes temporary files and folders that killed processes left; returns how many. The caller holds the folder's lock."""
    left = list(folder.rglob(_TEMPORARY + "*")) if folder.is_dir() else []
    for path in left:
        if path.is_dir():  # a plan that was killed leaves a folder of unfinished shards
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(left)


def is_temporary(path: Path) -> bool:
    """Whether the name is one of an unfinished file."""
    return path.name.startswith(_TEMPORARY)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals to write into errors a user can act on."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoSpace(
                f"{path}: no space left; free some and run the same command again, nothing is lost"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise BadFolder(
                f"{path}: may not be written ({os.strerror(error.errno)}); choose another folder"
            ) from error
        raise


def require_free(folder: Path, least_bytes: int) -> None:
    """Raises NoSpace when the folder's disk has less free than asked."""
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < least_bytes:
        raise NoSpace(
            f"{folder}: less than {least_bytes / 1e9:.1f} GB free (--min-free-disk); "
            "free some and run the same command again, nothing is lost"
        )


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
