"""A run to see the whole path on any machine: a tiny model, pictures of coloured shapes, captions that tell what is drawn."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from pixmo.errors import BadFolder
from pixmo.ids import digest
from pixmo.molmo.tiny import save_tiny
from pixmo.records.arrow import batch_of
from pixmo.records.caption import Caption
from pixmo.storage.publish import disk_errors, publishing
from pixmo.train.settings import Component, Source, Training

SHAPES = ("circle", "square", "triangle")
COLOURS = {"red": "#d22", "green": "#2a3", "blue": "#24d", "black": "#111"}
PLACES = {"upper left": (21, 21), "upper right": (63, 21), "lower left": (21, 63), "lower right": (63, 63)}
SIDE, HALF = 84, 15  # px of the picture, and from a shape's middle to its edge


def drawn(shape: str, colour: str, place: str) -> Image.Image:
    """A picture of one shape on white."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    x, y = PLACES[place]
    brush, fill = ImageDraw.Draw(picture), COLOURS[colour]
    if shape == "circle":
        brush.ellipse((x - HALF, y - HALF, x + HALF, y + HALF), fill)
    elif shape == "square":
        brush.rectangle((x - HALF, y - HALF, x + HALF, y + HALF), fill)
    else:
        brush.polygon([(x, y - HALF), (x - HALF, y + HALF), (x + HALF, y + HALF)], fill)
    return picture


def save_shapes(path: Path) -> Path:
    """A Parquet file of captions with their pictures, one for each shape, colour and place: 48 rows."""
    every = list(itertools.product(SHAPES, COLOURS, PLACES))
    files = [_png(drawn(*each)) for each in every]
    records = [
        Caption(image_sha256=digest(data), caption=f"A {colour} {shape} in the {place} corner.", transcripts=())
        for data, (shape, colour, place) in zip(files, every, strict=True)
    ]
    batch = batch_of(records, Caption)
    pictures = pa.array(
        [{"bytes": data, "path": None} for data in files], pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    table = pa.Table.from_batches([batch]).append_column("image", pictures)
    with publishing(path) as temporary:
        pq.write_table(table, temporary, row_group_size=16)
    return path


def debug_training(out: Path, steps: int) -> Training:
    """A run from a model and a set in `out`, which are made where they are not there yet."""
    if out.exists() and not out.is_dir():
        raise BadFolder(f"{out}: a file, not a folder; name a new folder")
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    model, rows = out / "begun", out / "shapes.parquet"
    if not (model / "preprocessor_config.json").is_file():  # what is written last
        save_tiny(model)
    if not rows.is_file():
        save_shapes(rows)
    quick = Component(3e-3, 10)
    return Training(
        model=str(model.resolve()),
        source=(Source(path=str(rows.resolve())),),
        steps=steps,
        batch=8,
        context=512,
        connector=quick,
        vit=quick,
        decoder=quick,
        response_dropout=0.0,
        precision="fp32",
        micro_batch=8,
        checkpointing=False,
        save_every=50,
    )


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
