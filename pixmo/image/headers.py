"""What the head of a file declares, read before any decoder allocates for it; and frames counted without decoding.

Pillow reads most headers without allocating. Three formats need care: WebP (its decoder takes memory for the whole canvas when it
opens a file), ICO (the picture inside may be larger than the icon declares) and TIFF (a tile may be larger than the picture).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

MAX_FRAMES = 100_000  # counting stops here: a hostile file could otherwise hold millions of empty ones


class Extent(NamedTuple):
    """A width and a height, in pixels."""

    width: int
    height: int


def declared(data: bytes, format: str) -> Extent | None:
    """The largest extent a WebP or ICO file declares for its decoder; None for others and for what cannot be read."""
    if format == "WEBP":
        return _webp(data)
    return _ico(data) if format == "ICO" else None


def _webp(data: bytes) -> Extent | None:
    """Source: RFC 9649, sections 2.5 to 2.7."""
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return Extent(1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return Extent(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack_from("<HH", data, 26)
        return Extent(width & 0x3FFF, height & 0x3FFF)
    return None


def _ico(data: bytes) -> Extent | None:
    """The largest of the pictures inside, by their own headers (PNG, or BMP with its mask stacked below)."""
    largest = None
    for entry in range(min(int.from_bytes(data[4:6], "little"), 256)):
        at = int.from_bytes(data[18 + 16 * entry : 22 + 16 * entry], "little")
        if data[at : at + 8] == b"\x89PNG\r\n\x1a\n" and at + 24 <= len(data):
            found = Extent(*struct.unpack_from(">II", data, at + 16))
        elif at + 12 <= len(data):
            width, height = struct.unpack_from("<ii", data, at + 4)
            found = Extent(abs(width), abs(height) // 2)
        else:
            continue
        if largest is None or found.width * found.height > largest.width * largest.height:
            largest = found
    return largest


def gif_frames(data: bytes) -> tuple[int, bool]:
    """How many pictures a GIF holds, and whether it ends inside one of its blocks (it was cut off).

    A missing last byte is not a cut: writers forget it, and every picture is there. Source: GIF89a specification, appendix B.
    """
    frames, at, size = 0, 13 + _table(data[10:11]), len(data)
    while at < size and frames < MAX_FRAMES:
        block = data[at]
        if block == 0x3B:
            return frames, False
        if block == 0x2C:
            frames += 1
            at += 11 + _table(data[at + 9 : at + 10])  # descriptor, its table, the code size
        elif block == 0x21:
            at += 2
        else:
            at += 1  # as decoders do: skip what is no block
            continue
        while at < size and data[at]:
            at += data[at] + 1
        if at >= size:
            return frames, True
        at += 1
    return frames, False


def _table(flags: bytes) -> int:
    """Bytes of the colour table that a GIF's flags byte announces."""
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def tiff_frames(data: bytes) -> tuple[int, bool]:
    """How many pictures a TIFF holds, and whether its chain of directories leads past the end (it was cut off).

    A loop ends the chain. Source: TIFF 6.0, section 2; BigTIFF has wider numbers.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    count, link, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    seen: set[int] = set()
    at = _number(data, order + link, 8 if big else 4)
    while at and at not in seen and len(seen) < MAX_FRAMES:
        end = at + struct.calcsize(count) + _number(data, order + count, at) * entry
        if end + struct.calcsize(order + link) > len(data):
            return max(1, len(seen)), True
        seen.add(at)
        at = _number(data, order + link, end)
    return max(1, len(seen)), False


def ico_is_cut(data: bytes) -> bool:
    """Whether an icon's directory points past the end of the file."""
    entries = int.from_bytes(data[4:6], "little")
    ends = (sum(struct.unpack_from("<II", data, 14 + 16 * i)) for i in range(entries) if 22 + 16 * i <= len(data))
    return max(ends, default=0) > len(data)


def _number(data: bytes, kind: str, at: int) -> int:
    """The number there, 0 past the end."""
    return int(struct.unpack_from(kind, data, at)[0]) if at + struct.calcsize(kind) <= len(data) else 0
