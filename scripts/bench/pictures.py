"""Real JPEGs of one size, seeded, made once and kept under the temporary folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH_PX, HEIGHT_PX, QUALITY = 640, 480, 85
VERSION = 1  # raised when other pictures come out


@dataclass(frozen=True)
class Pictures:
    """A folder of `0.jpg` … and what is in it."""

    folder: Path
    count: int
    total_bytes: int
    digest: str  # of the sorted digests of all pictures: what a contender must have fetched

    @property
    def mean_bytes(self) -> float:
        """The size of one."""
        return self.total_bytes / self.count


@dataclass
class Work:
    """What a contender fetched: so many pictures, so many bytes, these ones."""

    pictures: int = 0
    total_bytes: int = 0
    digest: str = ""

    @classmethod
    def of(cls, shas: list[bytes], total_bytes: int) -> Work:
        """From the pictures' digests, in any order."""
        return cls(len(shas), total_bytes, hashlib.sha256(b"".join(sorted(shas))).hexdigest())


def picture(number: int) -> bytes:
    """One photo-like JPEG of about 70 kB: blurred colours at several scales, with grain as a sensor has."""
    draw = np.random.default_rng(number)
    scene = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    for cells, weight in ((4, 110.0), (12, 60.0), (40, 32.0), (110, 20.0)):
        coarse = draw.integers(0, 256, (cells * 3 // 4 + 1, cells + 1, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
        scene += (np.asarray(smooth, np.float32) - 128) * (weight / 128)
    grain = 5 * draw.uniform(0.6, 1.4)  # tuned: 71 kB on the mean, 57 to 87
    scene += draw.normal(128, grain, (HEIGHT_PX, WIDTH_PX, 1)).astype(np.float32)
    out = io.BytesIO()
    Image.fromarray(scene.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def pictures(count: int) -> Pictures:
    """So many pictures, from the cache where they are there."""
    folder = Path(tempfile.gettempdir()) / f"pixmo-bench-{os.getuid()}" / f"pictures-{VERSION}-{count}"
    note = folder / "pictures.json"
    if not note.is_file():
        print(f"making {count:,} pictures in {folder}", flush=True)
        _make(count, folder)
    return Pictures(folder, **json.loads(note.read_text()))


def _make(count: int, folder: Path) -> None:
    scratch = folder.with_name(folder.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o755)
    shas, total = [], 0
    with ProcessPoolExecutor() as pool:
        for number, data in enumerate(pool.map(picture, range(count), chunksize=32)):
            (scratch / f"{number}.jpg").write_bytes(data)
            shas.append(hashlib.sha256(data).digest())
            total += len(data)
    work = Work.of(shas, total)
    (scratch / "pictures.json").write_text(json.dumps({"count": count, "total_bytes": total, "digest": work.digest}))
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
