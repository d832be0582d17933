"""Small sets and runs that tests of training share."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pixmo.molmo.tiny import save_tiny
from pixmo.records.arrow import batch_of
from pixmo.records.caption import Caption
from pixmo.train.debug import COLOURS, PLACES, SHAPES, drawn
from pixmo.train.settings import Component, Source, Training

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
QUICK = Component(3e-3, 10)
EVERY = [(shape, colour, place) for place in PLACES for shape in SHAPES for colour in COLOURS]


def png(image: Image.Image) -> bytes:
    """A picture's file."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def shape(number: int) -> bytes:
    """The file of a drawn shape."""
    return png(drawn(*EVERY[number % len(EVERY)]))


def told(number: int) -> str:
    """The caption of a drawn shape."""
    kind, colour, place = EVERY[number % len(EVERY)]
    return f"A {colour} {kind}, {place}."


def caption(number: int, transcripts: Sequence[str] = ()) -> Caption:
    """A record about a drawn shape."""
    return Caption(caption=told(number), transcripts=tuple(transcripts))


def save_set(
    path: Path, records: Sequence[Caption], pictures: Sequence[bytes | None] | None = None, group: int = 4
) -> Path:
    """Captions and pictures as a Parquet file; by default row n has the shape n."""
    files = [shape(n) for n in range(len(records))] if pictures is None else pictures
    column = pa.array([None if data is None else {"bytes": data, "path": None} for data in files], PICTURE)
    table = pa.Table.from_batches([batch_of(records, Caption)])
    pq.write_table(table.append_column("image", column), path, row_group_size=group)
    return path


def shapes(path: Path, rows: int) -> Path:
    """A set of as many shapes, each with its caption."""
    return save_set(path, [caption(n) for n in range(rows)])


def model(folder: Path, name: str = "molmo-tiny") -> Path:
    """A tiny checkpoint, made once in a folder."""
    return folder / name if (folder / name).is_dir() else save_tiny(folder / name, name)


def training(begun: Path, *sets: Path | Source, **settings: Any) -> Training:  # Any: fields of Training
    """A quick run in float32 without dropout."""
    sources = tuple(each if isinstance(each, Source) else Source(str(each)) for each in sets)
    quick = Training(
        model=str(begun), source=sources, steps=4, batch=4, context=512, connector=QUICK, vit=QUICK, decoder=QUICK,
        response_dropout=0.0, precision="fp32", checkpointing=False, micro_batch=4, save_every=100, loaders=2,
    )  # fmt: skip
    return replace(quick, **settings)
