"""Recordings that a folder keeps: `audio/<sha256>.<suffix>`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pixmo.ids import is_digest

_TYPES = {
    ".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg",
    ".webm": "audio/webm", ".mp4": "audio/mp4", ".m4a": "audio/mp4", ".aac": "audio/aac",
}  # fmt: skip


class SoundFile(NamedTuple):
    """A recording's file, and the type it is served as."""

    path: Path
    kind: str


def sound_of(folder: Path | None, sha256: str) -> SoundFile | None:
    """The recording of that digest; None where the folder does not keep it, or in a form that no browser plays."""
    if folder is None or not is_digest(sha256):
        return None
    found = (
        SoundFile(p, _TYPES[p.suffix.lower()])
        for p in sorted((folder / "audio").glob(f"{sha256}.*"))
        if p.suffix.lower() in _TYPES
    )
    return next(found, None)
