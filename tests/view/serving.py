"""Small sets of every kind, and a real `pixmo view` of one of them in a process of its own."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from pixmo.records.arrow import batch_of
from pixmo.records.base import Record
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
GROUNDS = ("#2b4c8a", "#2b8a3e", "#8a2b2b", "#c9a227", "#6b2b8a", "#2b8a86")


def picture(
    width: int = 400, height: int = 300, at: tuple[float, float] = (25, 75), exif: int = 1, n: int = 0
) -> bytes:
    """A PNG (JPEG where it has an EXIF turn) whose only yellow cross stands at that percent of the upright picture."""
    upright = Image.new("RGB", (width, height), GROUNDS[n % len(GROUNDS)])
    x, y = at[0] / 100 * width, at[1] / 100 * height
    ImageDraw.Draw(upright).rectangle((x - 4, y - 4, x + 3, y + 3), fill="#ffff00")
    sink = io.BytesIO()
    if exif == 1:
        upright.save(sink, "PNG")
        return sink.getvalue()
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}[exif]
    told = Image.Exif()
    told[0x0112] = exif
    upright.transpose(back).save(sink, "JPEG", quality=95, subsampling=0, exif=told)
    return sink.getvalue()


def points(label: str = "cat", *places: tuple[float, float], **more: Any) -> Points:
    """A record of points in percent of the upright picture."""
    told = {
        "image_url": "https://pictures.example/a.jpg",
        "unit": Unit.PERCENT,
        "orientation": Orientation.UPRIGHT,
    } | more
    return Points(label=label, points=tuple(Point(x, y) for x, y in places), **told)


def write_set(
    path: Path,
    records: Sequence[Record],
    pictures: Sequence[bytes | None] = (),
    row_group: int = 100,
    **columns: list[Any],
) -> Path:
    """Records of one kind as a Parquet file, with their pictures and more columns."""
    table = pa.Table.from_batches([batch_of(list(records), type(records[0]))])
    metadata = table.schema.metadata
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    if pictures:
        cells = [None if data is None else {"bytes": data, "path": None} for data in pictures]
        table = table.append_column("image", pa.array(cells, PICTURE))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=row_group)
    return path


class Viewed:
    """The command, running; `url` is where it answers."""

    def __init__(self, data: Path | str, home: Path, *options: str) -> None:
        command = [sys.executable, "-m", "pixmo", "view", str(data), "--port", "0", "--no-browser", *options]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PIXMO_HOME": str(home), "PATH": "/usr/bin:/bin"},
        )
        assert self.process.stdout is not None
        self.told: list[str] = []
        for line in self.process.stdout:
            self.told.append(line.rstrip("\n"))
            if "Ctrl-C" in line:
                break
        found = re.search(r"http://\S+", self.told[-1] if self.told else "")
        assert found, self.process.communicate()[1]
        self.url = found[0]

    def stop(self) -> tuple[int, str]:
        """As a user does: exit code, and what was said on stderr."""
        self.process.send_signal(signal.SIGINT)
        told = self.process.communicate(timeout=20)[1]
        return self.process.returncode, told

    def __enter__(self) -> Viewed:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
