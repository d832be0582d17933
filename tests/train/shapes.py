"""Captioned pictures of a coloured shape somewhere, drawn from a seed: what one sees and what is said belong together, or not."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from pixmo.records.arrow import batch_of
from pixmo.records.caption import Caption
from pixmo.storage.export.features import PICTURE

COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220), "yellow": (240, 210, 30)}
SHAPES = ("circle", "square", "bar")
PLACES = {"top": 20, "bottom": 64}


class Seen(NamedTuple):
    """What a picture shows."""

    colour: str
    shape: str
    place: str

    @property
    def caption(self) -> str:
        """What is true of it."""
        return f"a {self.colour} {self.shape} at the {self.place}"


def things(rows: int, seed: int = 0) -> list[Seen]:
    """What the pictures of a set show."""
    dice = random.Random(seed)
    return [Seen(dice.choice([*COLOURS]), dice.choice(SHAPES), dice.choice([*PLACES])) for _ in range(rows)]


def drawn(seen: Seen, number: int = 0) -> bytes:
    """Its picture; another number shifts it a little, so that no two files are equal."""
    dice = random.Random(f"{seen} {number}")
    ground = 200 + dice.randrange(40)
    picture = Image.new("RGB", (84, 84), (ground, ground - dice.randrange(9), ground - dice.randrange(9)))
    x, y = 20 + dice.randrange(44), PLACES[seen.place]
    box = (x - 14, y - (5 if seen.shape == "bar" else 14), x + 14, y + (5 if seen.shape == "bar" else 14))
    brush = ImageDraw.Draw(picture)
    (brush.ellipse if seen.shape == "circle" else brush.rectangle)(box, fill=COLOURS[seen.colour])
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def captioned(
    path: Path, pictures: Sequence[bytes | None], captions: Sequence[str], transcripts: Sequence[Sequence[str]] = ()
) -> Path:
    """A typed Parquet file of captions with their pictures, which `pixmo.load` reads."""
    said = [tuple(each) for each in transcripts] or [()] * len(captions)
    records = [Caption(caption=text, transcripts=spoken) for text, spoken in zip(captions, said, strict=True)]
    table = pa.Table.from_batches([batch_of(records, Caption)])
    cells = pa.array([{"bytes": data, "path": None} for data in pictures], PICTURE)
    ids = pa.array([f"r{n:04d}" for n in range(len(captions))])
    whole = table.append_column("row_id", ids).append_column("image", cells)
    pq.write_table(whole, path, row_group_size=64)
    return path


def shapes(path: Path, rows: int, seed: int = 0) -> Path:
    """A sound set: each caption tells its picture."""
    seen = things(rows, seed)
    return captioned(path, [drawn(one, n) for n, one in enumerate(seen)], [one.caption for one in seen])
