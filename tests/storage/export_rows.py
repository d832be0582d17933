"""Rows, pictures and packs for the tests of the writers."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pyarrow as pa
from PIL import Image

from pixmo.storage.export.features import PICTURE

POINTS = pa.list_(pa.struct([("x", pa.float64()), ("label", pa.string())]))
SCHEMA = pa.schema(
    [
        ("image", PICTURE),
        ("row_id", pa.string()),
        ("caption", pa.string()),
        ("score", pa.float64()),
        ("points", POINTS),
    ]
)
Place = tuple[str, int, int]


def jpeg(number: int, side: int = 32) -> bytes:
    """A small picture of its own colour."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), (number * 37 % 256, number * 91 % 256, number % 256)).save(out, "JPEG")
    return out.getvalue()


def noise(number: int, size: int) -> bytes:
    """Bytes that neither repeat nor compress."""
    return hashlib.shake_128(str(number).encode()).digest(size)


def pack(path: Path, pictures: list[bytes]) -> list[Place]:
    """Writes a pack with something before, between and after the pictures; says where they are."""
    places, data = [], bytearray(b"before")
    for picture in pictures:
        places.append((str(path), len(data), len(picture)))
        data += picture + b"between"
    path.write_bytes(data)
    return places


def batch(first: int, rows: int) -> pa.RecordBatch:
    """Rows with a picture, a caption and a few other columns."""
    numbers = range(first, first + rows)
    return pa.record_batch(
        {
            "image": [{"bytes": jpeg(n), "path": f"{n}.jpg"} for n in numbers],
            "row_id": [f"{n:016x}" for n in numbers],
            "caption": [f"The picture number {n}, “quoted”." for n in numbers],
            "score": [float("nan") if n % 2 else n / 4 for n in numbers],
            "points": [[{"x": 1.5, "label": "a"}] * (n % 3) for n in numbers],
        },
        schema=SCHEMA,
    )
