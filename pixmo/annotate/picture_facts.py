"""What a submission notes of its picture: which file it was, and its size upright."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

from pixmo.errors import BadSource
from pixmo.ids import digest
from pixmo.image.decode import look
from pixmo.sources.pictures import read_picture, stamp

_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


class PictureFacts(NamedTuple):
    """The digest of the file, and width and height in px as EXIF turns it; 0 where its pixels cannot be read."""

    sha256: str
    width_px: int
    height_px: int


def facts_of(folder: Path, file: str) -> PictureFacts:
    """The facts of a picture in a folder, kept as long as the file does not change. Raises BadSource when it is gone."""
    try:
        return _facts(folder, file, stamp(folder / file))
    except OSError as error:
        raise BadSource(f"{folder / file}: cannot be read: {error.strerror}") from error


@functools.lru_cache(maxsize=4096)
def _facts(folder: Path, file: str, stamped: tuple[int, int]) -> PictureFacts:
    data = read_picture(folder, file)
    found = look(data)
    width, height = found.width or 0, found.height or 0
    if found.exif_orientation in _SIDEWAYS:
        width, height = height, width
    return PictureFacts(str(digest(data)), width, height)
