"""Folders of pictures to compare: finished ones, made by a real run, and lists that bring their pictures along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import ImageOps

from pixmo.cli.road import road
from pixmo.run.job import Effort, run_recipe
from tests.pictures import encode, flat, photo

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
EFFORT = Effort(n_proc=1, quiet=True, min_free_bytes=0)

HELD = {f"{seed}.png": encode(photo(seed), "PNG") for seed in range(5)} | {"white.png": encode(flat(), "PNG")}
TRAIN = {
    "small.jpg": encode(photo(0).resize((200, 150)), "JPEG", quality=60),
    "turned.webp": encode(ImageOps.mirror(photo(1)), "WEBP", quality=85),
    "same.png": HELD["2.png"],
    "white.jpg": encode(flat(size=(90, 90)), "JPEG"),
    **{f"{seed}.jpg": encode(photo(seed)) for seed in range(50, 54)},
}
FOUND = {"small.jpg": ("near", "0.png"), "turned.webp": ("mirrored", "1.png"), "same.png": ("sha256", "2.png")}


def finished(pictures: Mapping[str, bytes], folder: Path, **settings: Any) -> Path:
    """A finished folder of these files."""
    files = folder.with_name(folder.name + "-files")
    files.mkdir()
    for name, data in pictures.items():
        (files / name).write_bytes(data)
    run_recipe(road(str(files), media="embedded", pictures=True, **settings), folder, EFFORT)
    return folder


def picture(name: str, pictures: Mapping[str, bytes]) -> dict[str, Any]:
    """A picture inside a row."""
    return {"bytes": pictures[name], "path": name}


def listed(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> Path:
    """A Parquet file of rows."""
    pq.write_table(pa.Table.from_pylist(list(rows), schema), path)
    return path
