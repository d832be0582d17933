"""Pictures for tests: seeded, generated, of every kind that the road meets.

`photo` is the raw material: smooth light and a few shapes, so that it compresses and hashes like a photograph and not like
noise. All others are spellings of it (a format, a mode, a fault). Nothing here is read from disk or the network.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance


def photo(seed: int = 0, size: tuple[int, int] = (320, 240), detail: float = 0.0) -> Image.Image:
    """An RGB picture of (width, height); `detail` from 0 to 1 adds grain, which makes a JPEG larger."""
    width, height = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = np.empty((height, width, 3))
    for band in range(3):
        plane = np.full((height, width), float(rng.uniform(80, 170)))
        for _ in range(6):
            fy, fx, phase = [*rng.uniform(0.3, 4, 2).tolist(), rng.uniform(0, 6.28)]
            plane += rng.uniform(8, 28) * np.sin(6.28 * (fy * y + fx * x) + phase)
        planes[..., band] = plane
    for _ in range(4):
        cy, cx, radius = [*rng.uniform(0, 1, 2).tolist(), rng.uniform(0.05, 0.3)]
        planes[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] += rng.uniform(-70, 70, 3)
    planes += rng.normal(0, 1, planes.shape) * 60 * detail
    return Image.fromarray(np.clip(planes, 0, 255).astype(np.uint8))


def encode(image: Image.Image, format: str = "JPEG", **options: Any) -> bytes:  # Any: Pillow's own options
    """The picture as a file of that format."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def jpeg(seed: int = 0, size: tuple[int, int] = (320, 240), quality: int = 85, **options: Any) -> bytes:
    """A JPEG photograph."""
    return encode(photo(seed, size), "JPEG", quality=quality, **options)


def jpeg_of_about(size_bytes: int, seed: int = 0, size: tuple[int, int] = (640, 480)) -> bytes:
    """A JPEG of about that many bytes (within a tenth where the size in pixels allows it)."""
    low, high = 0.0, 1.0
    best = b""
    for _ in range(12):
        middle = (low + high) / 2
        data = encode(photo(seed, size, middle), "JPEG", quality=85)
        if not best or abs(len(data) - size_bytes) < abs(len(best) - size_bytes):
            best = data
        if len(data) > size_bytes:
            high = middle
        else:
            low = middle
        if abs(len(best) - size_bytes) < size_bytes / 20:
            break
    return best


def png(seed: int = 0, size: tuple[int, int] = (160, 120), mode: str = "RGB", **options: Any) -> bytes:
    """A PNG of that mode: 1, L, LA, P, RGB, RGBA, I;16."""
    return encode(in_mode(photo(seed, size), mode), "PNG", **options)


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode; with alpha, its left half is see-through; I;16 uses all 16 bits."""
    if mode == "I;16":
        grey = np.asarray(image.convert("L"), dtype=np.uint16)
        return Image.fromarray(grey * 257)
    changed = image.convert(mode)
    if mode in ("LA", "RGBA"):
        alpha = Image.new("L", image.size, 255)
        alpha.paste(0, (0, 0, image.width // 2, image.height))
        changed.putalpha(alpha)
    return changed


def webp(seed: int = 0, size: tuple[int, int] = (160, 120), **options: Any) -> bytes:
    """A WebP photograph."""
    return encode(photo(seed, size), "WEBP", **options)


def animated(format: str = "GIF", frames: int = 3, size: tuple[int, int] = (64, 48)) -> bytes:
    """An animated GIF, WEBP or PNG, or a TIFF or MPO of several pictures."""
    first, *rest = [photo(seed, size) for seed in range(frames)]
    timing = {"duration": 100} if format in ("GIF", "WEBP", "PNG") else {}
    return encode(first, format, save_all=True, append_images=rest, **timing)


def exif_rotated(orientation: int = 6, size: tuple[int, int] = (320, 240), seed: int = 0) -> bytes:
    """A JPEG whose EXIF says how to turn it; `size` is as stored."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(photo(seed, size), "JPEG", exif=exif)


def cmyk_jpeg(seed: int = 0, size: tuple[int, int] = (160, 120)) -> bytes:
    """A JPEG of four inks."""
    return encode(photo(seed, size).convert("CMYK"), "JPEG")


def palette_png(seed: int = 0, size: tuple[int, int] = (160, 120), alphas: bool = True) -> bytes:
    """A palette PNG with transparency as one alpha per colour, or as one see-through colour."""
    image = photo(seed, size).quantize(32)
    return encode(image, "PNG", transparency=bytes([0, 128] + [255] * 30) if alphas else 3)


def grey_jpeg(seed: int = 0, size: tuple[int, int] = (160, 120)) -> bytes:
    """A JPEG of one band."""
    return encode(photo(seed, size).convert("L"), "JPEG")


def flat(colour: int | tuple[int, ...] = 255, size: tuple[int, int] = (64, 64), mode: str = "RGB") -> Image.Image:
    """A picture of one colour: a blank."""
    full = (colour,) * len(mode) if isinstance(colour, int) and len(mode) > 1 else colour
    return Image.new(mode, size, full)


def truncated(data: bytes, keep: float = 0.6) -> bytes:
    """The first part of a file."""
    return data[: int(len(data) * keep)]


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of a few kB that declares width x height grey pixels and holds the start of them."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = (
        _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", zlib.compress(bytes(2_000_000), 9)) + _png_chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def png_text_bomb(megabytes: int = 64) -> bytes:
    """A small sound PNG with a compressed text that unpacks to many megabytes."""
    packed = zlib.compress(bytes(megabytes * 2**20), 9)
    sound = encode(photo(0, (16, 16)), "PNG")
    after_header = 8 + 25
    return sound[:after_header] + _png_chunk(b"zTXt", b"Comment\0\0" + packed) + sound[after_header:]


def gif_bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A GIF of some bytes whose screen is width x height."""
    sound = bytearray(encode(Image.new("P", (8, 8)), "GIF"))
    sound[6:10] = struct.pack("<HH", width, height)
    return bytes(sound)


def webp_bomb(width: int = 2**24, height: int = 2**24) -> bytes:
    """A WebP whose header declares a canvas of width x height."""
    canvas = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas + encode(photo(0, (16, 16)), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def ico_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """An icon that declares 16 x 16 and holds a PNG of width x height."""
    inner = png_bomb(width, height)
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22) + inner


def near_copies(image: Image.Image) -> dict[str, Image.Image]:
    """The same picture as sites hand it on: smaller, re-encoded, a little brighter; by name."""
    again = Image.open(io.BytesIO(encode(image, "JPEG", quality=60)))
    again.load()
    return {
        "re-encoded": again,
        "smaller": image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.BICUBIC),
        "brighter": ImageEnhance.Brightness(image).enhance(1.06),
    }


HTML = b"<!DOCTYPE html>\n<html><head><title>Not found</title></head><body>gone</body></html>"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
