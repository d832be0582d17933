"""The pictures of a folder, as a browser can show them."""

from __future__ import annotations

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
            why = fault_of(read_picture(folder, name)[:4096])
            if why is None:
                files.append(name)
            else:
                left_out.append(f"{path}: {why}; left out")
    if not files:
        raise BadSource(f"{folder}: holds no pictures that browsers show (JPEG, PNG, WebP, GIF, AVIF, BMP)")
    return Found(files, left_out)


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
