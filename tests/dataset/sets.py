"""Finished folders for the tests of reading, written by the real writers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pixmo.ids import digest, digest_of
from pixmo.records.arrow import Label, grouped_schema, labelled
from pixmo.records.caption import Caption
from pixmo.records.points import Points
from pixmo.storage.export.arrow import arrow_folder_files
from pixmo.storage.export.features import PICTURE
from pixmo.storage.export.sink import Written
from pixmo.storage.export.writers import shard_name, writer
from pixmo.storage.manifest import Manifest, ManifestFile
from pixmo.storage.publish import publish_bytes
from tests.pictures import png

GROUPED = labelled(grouped_schema(Points), Label("points", True))
KEPT = pa.field("row_id", pa.string())
PICTURES = [png(n, (24, 16)) for n in range(7)]
LABELS = ("cat", "dog “x”", "ünïcode", "")


def annotation(number: int) -> dict[str, Any]:
    """What one person pointed at; every fourth is not in the picture."""
    points = [{"x": float(p * 7 % 100), "y": -0.25 + number % 90} for p in range(number % 4)]
    known = {"collection_method": "pointing" if number % 2 else None, "unit": "percent", "orientation": "unknown"}
    nothing = {"masks": None, "image_width_px": None, "image_height_px": None}
    return {"label": LABELS[number % 4], "points": points, "count": len(points)} | known | nothing


def picture_row(number: int, annotations: int | None = None) -> dict[str, Any]:
    """One picture with all its annotations, maybe none."""
    url = f"https://example.org/{number}.png"
    made = [annotation(number + n) for n in range(number % 5 if annotations is None else annotations)]
    return {"row_id": f"{number:016x}", "image_url": url, "image_sha256": None, "annotations": made}


def grouped(first: int, rows: int, pictures: bool = False) -> pa.Table:
    """Grouped rows of points, maybe with embedded pictures."""
    schema = pa.schema([KEPT, *GROUPED, *([pa.field("image", PICTURE)] if pictures else [])], GROUPED.metadata)
    told = [picture_row(n) for n in range(first, first + rows)]
    if pictures:
        told = [row | {"image": {"bytes": PICTURES[n % 7], "path": "/etc/hostname"}} for n, row in enumerate(told)]
    return pa.Table.from_pylist(told, schema=schema)


def expected(table: pa.Table) -> list[tuple[Points, ...]]:
    """What the rows of a grouped table say, the plain way."""
    return [
        tuple(
            Points.from_dict(one | {"image_url": row["image_url"], "image_sha256": row["image_sha256"]})
            for one in row["annotations"]
        )
        for row in table.to_pylist()
    ]


def captions(rows: int) -> list[Caption]:
    """Captions of their own."""
    return [
        Caption(image_url=f"https://example.org/{n}", caption=f"Picture {n}.", transcripts=(f"um, {n}",))
        for n in range(rows)
    ]


def finished(
    folder: Path, splits: Mapping[str, Sequence[pa.Table]], format: str = "parquet", group_rows: int = 10
) -> Path:
    """A folder as `pixmo download` leaves it: one file per table, row groups of `group_rows`, the manifest last."""
    files: list[ManifestFile] = []
    arrow: dict[str, list[tuple[str, Written]]] = {}
    for split, tables in splits.items():
        for number, table in enumerate(tables):
            name = shard_name(format, split, number, len(tables))
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with writer(format)(folder / name, table.schema) as shard:
                for batch in table.combine_chunks().to_batches(max_chunksize=group_rows):
                    shard.write(batch)
                done = shard.close()
            files.append(ManifestFile(name, done.sha256, done.bytes, done.rows, split))
            arrow.setdefault(split, []).append((name.removeprefix(f"{split}/"), done))
    if format == "arrow":
        for name, data in arrow_folder_files(arrow, next(iter(splits.values()))[0].schema).items():
            publish_bytes(folder / name, data)
            files.append(ManifestFile(name, digest(data), len(data)))
    rows = sum(f.rows or 0 for f in files)
    Manifest(tuple(files), rows, rows, {}, {"name": digest_of("x")}).publish(folder)
    return folder
