"""Small pictures for reports."""

from __future__ import annotations

from pixmo.image.decode import look
from pixmo.image.resize import resized

LONGEST_PX, QUALITY = 192, 70


def thumbnail(data: bytes | None) -> bytes | None:
    """A JPEG of at most 192 px on its longer side, the same bytes every time; None for what is no picture."""
    if not data:
        return None
    seen = look(data)
    return None if seen.image is None else resized(seen.image, LONGEST_PX, "JPEG", QUALITY).data
