"""What a recording is, by its own first bytes: browsers say many things."""

from __future__ import annotations

from pixmo.image.sniff import look_of

_SUFFIXES = {"webm": "webm", "ogg": "ogg", "mp4": "mp4"}


def suffix_of(head: bytes) -> str | None:
    """The suffix of a container that browsers record into; None for anything else."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    return _SUFFIXES.get(look_of(head))
