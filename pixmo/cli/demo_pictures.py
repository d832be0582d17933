"""The demo's pictures: drawn from seeds, so that they are the same on every machine with the same Pillow."""

from __future__ import annotations

import io
import random
import struct
import zlib

from PIL import Image, ImageDraw

SIZE = (320, 240)
ROTATED = 6  # the EXIF orientation of a camera held upright


def drawn(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture of ellipses on a shaded ground, unlike any of another seed."""
    dice = random.Random(seed)

    def colour() -> tuple[int, int, int]:
        return dice.randrange(256), dice.randrange(256), dice.randrange(256)

    ground = Image.linear_gradient("L").rotate(dice.choice((0, 90, 180, 270))).resize(size)
    picture = Image.merge("RGB", [ground.point(lambda v, c=c: v * c // 255) for c in colour()])
    brush = ImageDraw.Draw(picture)
    for _ in range(9):
        x, y = dice.randrange(size[0]), dice.randrange(size[1])
        w, h = dice.randrange(20, size[0] // 2), dice.randrange(20, size[1] // 2)
        brush.ellipse((x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=colour())
    return picture


def encoded(picture: Image.Image, form: str = "JPEG", **settings: object) -> bytes:
    """The bytes of a picture in a format of Pillow's."""
    out = io.BytesIO()
    picture.save(out, form, **settings)
    return out.getvalue()


def rotated(seed: int, form: str) -> bytes:
    """A picture whose EXIF orientation says it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    return encoded(drawn(seed), form, exif=exif)


def bomb(side_px: int = 30_000) -> bytes:
    """A PNG of a few bytes that claims `side_px` squared pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
