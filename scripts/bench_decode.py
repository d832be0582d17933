"""Measure what a look at a picture costs: whole decode, findings and both hashes, beside Pillow and imagehash alone.

    python scripts/bench_decode.py [--width 640] [--height 480] [--bytes 70000] [--repeats 30] [--json]

CPU milliseconds per picture, the least of the repeats; one thread. The reference decodes with Pillow and takes imagehash.phash as text;
ours inspects, and computes pHash and dHash. Exits 1 when the hashes differ.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import imagehash
import numpy as np
import PIL
from PIL import Image

from pixmo.image.phash import hashes
from pixmo.stage import Picture
from pixmo.stages.hash_image import HashImage
from pixmo.stages.inspect_image import InspectImage


def jpeg(width: int, height: int, size_bytes: int) -> bytes:
    """A JPEG of smooth shapes under as much grain as makes it about that long."""
    y, x = np.mgrid[0 : 6.3 : height * 1j, 0 : 6.3 : width * 1j]
    smooth = np.stack([128 + 70 * np.sin(f * x + 1) * np.cos(f * y) for f in (1, 2, 3)], axis=-1)
    grain = np.random.default_rng(0).normal(0, 1, smooth.shape)
    best = b""
    for strength in np.linspace(0, 60, 41):
        out = io.BytesIO()
        Image.fromarray(np.clip(smooth + strength * grain, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
        if not best or abs(len(out.getvalue()) - size_bytes) < abs(len(best) - size_bytes):
            best = out.getvalue()
    return best


def decoded(data: bytes) -> Image.Image:
    """Pillow alone."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def ours(data: bytes) -> None:
    """The two stages, as a worker runs them."""
    picture = Picture(data)
    InspectImage().row(picture)
    HashImage().row(picture)


def milliseconds(work: Callable[[], object], repeats: int, times: int = 10) -> float:
    """CPU time of one call, the least over the repeats."""
    least = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(times):
            work()
        least = min(least, (time.process_time() - start) / times)
    return round(least * 1000, 3)


def main() -> int:
    """Generates a picture, measures, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("width", 640), ("height", 480), ("bytes", 70_000), ("repeats", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    data = jpeg(told.width, told.height, told.bytes)
    image = decoded(data)
    found = hashes(image)
    is_equal = found == (str(imagehash.phash(image)), str(imagehash.dhash(image)))
    figures: dict[str, object] = {
        "picture": f"{told.width} x {told.height}, {len(data)} bytes",
        "pillow_decode_ms": milliseconds(lambda: decoded(data), told.repeats),
        "decode_and_imagehash_phash_ms": milliseconds(lambda: str(imagehash.phash(decoded(data))), told.repeats),
        "inspect_and_hash_ms": milliseconds(lambda: ours(data), told.repeats),
        "hashes_equal": is_equal, "pillow": PIL.__version__, "numpy": np.__version__,
    }  # fmt: skip
    print(json.dumps(figures) if told.json else "\n".join(f"{k:32} {v}" for k, v in figures.items()))
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
