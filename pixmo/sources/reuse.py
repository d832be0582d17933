"""Pictures somebody already has (`--reuse DIR`): Ai2's image cache, or a folder img2dataset wrote."""

from __future__ import annotations

import hashlib
import os
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from pixmo.errors import BadSource
from pixmo.ids import digest, is_digest


class Reused(NamedTuple):
    """A picture at hand. `original` says that the bytes are known to be those the URL gave, not a re-encoded copy."""

    data: bytes
    origin: str
    original: bool


class Reuse(Protocol):
    """Pictures by the URL they came from."""

    def get(self, url: str, sha256: str | None) -> Reused | None:
        """The picture, or None when it is not there or cannot be the one expected."""


def open_reuse(folder: Path) -> Reuse:
    """What the folder is, told by its names. Raises BadSource for a folder that is neither."""
    from pixmo.sources.img2dataset import Img2dataset, shards_in

    if not folder.is_dir():
        raise BadSource(f"{folder}: {'is not a folder' if folder.exists() else 'no such folder'}; --reuse needs one")
    shards = shards_in(folder)
    if shards:
        return Img2dataset(folder, shards)
    with os.scandir(folder) as entries:
        if any(is_digest(entry.name) for entry in islice(entries, 10_000)):
            return Ai2Cache(folder)
    raise BadSource(
        f"{folder}: is neither Ai2's image cache (files named by the sha256 of their URL) nor an img2dataset folder "
        "(00000.parquet and the like)"
    )


class Ai2Cache:
    """A flat folder of files named by the sha256 of their URL, without suffix.

    Its writer kept a failure as the text of the exception, in the place of the picture: text is not believed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"Ai2Cache({self._folder})"

    def get(self, url: str, sha256: str | None) -> Reused | None:
        """The picture, when its file holds no text and has the expected digest, if one is expected."""
        name = digest(url.encode(errors="surrogatepass"))
        try:
            data = (self._folder / name).read_bytes()
        except OSError:  # not there, or not readable: then it is fetched
            return None
        if is_text(data) or (sha256 is not None and digest(data) != sha256.lower()):
            return None
        return Reused(data, f"reused from {self._folder}", True)


def is_text(data: bytes) -> bool:
    """Whether bytes are no picture but text, such as `404 Client Error: Not Found for url …`; nothing at all is text too."""
    start = data[:1024]
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:
            return False
        text = start[: error.start].decode()  # a character cut in two at the end
    return not any(ord(c) < 32 and c not in "\t\n\r\f" for c in text)


def has_hash(data: bytes, kind: str, value: str) -> bool:
    """Whether bytes have the hash an index tells."""
    return hashlib.new(kind, data).hexdigest() == value.lower()
