"""The pictures of a folder, as a browser can show them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

from pixmo.errors import BadSource
from pixmo.image.sniff import format_of, look_of
from pixmo.sources.pictures import is_picture, read_picture, walk

SHOWN = {
    "JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp", "AVIF": "image/avif", "BMP": "image/bmp",
    "ICO": "image/x-icon",
}  # fmt: skip
"""Formats that browsers show, and the type they are served as."""


class Found(NamedTuple):
    """Names within the folder, and one line for each file that cannot be shown."""

    files: list[str]
    left_out: list[str]


def pictures_of(folder: Path) -> Found:
    """The pictures of a folder, sorted. Raises BadSource when it has none."""
    if not folder.is_dir():
        raise BadSource(
            f"{folder}: {'is no folder' if folder.exists() else 'no such folder'}; name a folder of pictures"
        )
    files, left_out = [], []
    for path in walk(folder):
        if is_picture(path):
            name = path.relative_to(folder).as_posix()
            try:
                why = fault_of(beginning_of(folder, name))
            except BadSource as error:
                left_out.append(f"{error}; left out")
                continue
            if why is None:
                files.append(name)
            else:
                left_out.append(f"{path}: {why}; left out")
    if not files:
        raise BadSource(f"{folder}: holds no pictures that browsers show (JPEG, PNG, WebP, GIF, AVIF, BMP)")
    return Found(files, left_out)


def beginning_of(folder: Path, file: str) -> bytes:
    """What a file in a folder begins with. Raises BadSource when it is none, leads out of the folder, or its name is not UTF-8."""
    path = folder / file
    try:
        file.encode()
        real = path.resolve()
        if not real.is_relative_to(folder.resolve()):
            raise BadSource(f"{path}: leads out of {folder}")
        if not stat.S_ISREG(real.stat().st_mode):  # of a pipe, reading waits for ever
            raise BadSource(f"{path}: is no file")
        with real.open("rb") as opened:
            return opened.read(4096)
    except UnicodeEncodeError as error:
        raise BadSource(f"{str(path)!a}: its name is not UTF-8; rename it") from error
    except (ValueError, RuntimeError) as error:  # a name with a zero in it; links in a circle
        raise BadSource(f"{path}: is no file: {error}") from error
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {error.strerror}") from error


def fault_of(head: bytes) -> str | None:
    """Why a file cannot be shown, by its beginning; None when it can."""
    if not head:
        return "is empty"
    kind = format_of(head)
    if kind is None:
        return f"is no picture but {look_of(head)}"
    return None if kind in SHOWN else f"browsers do not show {kind}; make it JPEG or PNG"


def shown(folder: Path, file: str) -> tuple[bytes, str] | None:
    """A picture and its type, which is what its own bytes say; None when it is gone or became something else."""
    try:
        data = read_picture(folder, file)
    except BadSource:
        return None
    kind = SHOWN.get(format_of(data) or "")
    return None if kind is None else (data, kind)
