"""A generated set for the viewer: points with labels, a caption of some hundred words, a picture of about 20 kB, in a folder as pixmo leaves it."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from pixmo.ids import digest_of
from pixmo.records.arrow import Label, labelled, schema_of
from pixmo.records.points import Points
from pixmo.storage.export.features import PICTURE
from pixmo.storage.export.parquet import ParquetShard
from pixmo.storage.export.writers import shard_name
from pixmo.storage.manifest import Manifest, ManifestFile

SHARD_ROWS, GROUP_ROWS = 50_000, 800
WORDS = 20_000
SCHEMA = labelled(
    pa.schema(
        [("row_id", pa.string()), *schema_of(Points), ("caption", pa.string()), ("outcome", pa.string()),
         ("width", pa.int64()), ("height", pa.int64()), ("score", pa.float64()), ("image", PICTURE)]
    ),
    Label("points"),
)  # fmt: skip


def made(folder: Path, rows: int, picture_bytes: int) -> Path:
    """The set in a folder, made unless it is there; 20 kB a picture and a million rows are 21 GB."""
    note = folder / "made.json"
    told = {"rows": rows, "picture_bytes": picture_bytes, "version": 1}
    if note.is_file() and json.loads(note.read_text()) == told:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pictures = [_picture(n, picture_bytes) for n in range(200)]
    words = _words()
    files = []
    shards = -(-rows // SHARD_ROWS)
    for number in range(shards):
        name = shard_name("parquet", "train" if number < max(1, shards - 1) else "validation", number, shards)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with ParquetShard(folder / name, SCHEMA) as shard:
            for batch in _batches(number * SHARD_ROWS, min(rows, (number + 1) * SHARD_ROWS), pictures, words):
                shard.write(batch)
            done = shard.close()
        files.append(ManifestFile(name, done.sha256, done.bytes, done.rows, name.split("/")[-1].split("-")[0]))
        print(f"made {min(rows, (number + 1) * SHARD_ROWS):,} of {rows:,} rows", flush=True)
    Manifest(tuple(files), rows, rows, {}, {"name": digest_of("bench")}).publish(folder)
    note.write_text(json.dumps(told))
    return folder


def _batches(first: int, last: int, pictures: list[bytes], words: pa.Array) -> Iterator[pa.RecordBatch]:
    for start in range(first, last, GROUP_ROWS):
        yield _batch(start, min(GROUP_ROWS, last - start), pictures, words)


def _batch(first: int, rows: int, pictures: list[bytes], words: pa.Array) -> pa.RecordBatch:
    rng = np.random.default_rng(first)
    counts = np.minimum(rng.geometric(0.3, rows) - 1, 60)
    x, y = rng.normal(50, 22, (2, int(counts.sum()))).clip(0, 100).round(1)
    points = pa.StructArray.from_arrays([pa.array(x), pa.array(y)], ["x", "y"])
    labels = rng.zipf(1.4, rows) % 30_000
    hosts = rng.zipf(1.3, rows) % 5_000
    numbers = range(first, first + rows)
    told = {
        "row_id": [f"{n * 0x9E3779B97F4A7C15 % 2**128:032x}" for n in numbers],
        "image_url": [f"https://host{h}.example.org/photos/{n:08d}.jpg" for h, n in zip(hosts, numbers, strict=True)],
        "image_sha256": [f"{n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**256:064x}" for n in numbers],
        "label": [f"thing {n}" for n in labels],
        "points": pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32()), points),
        "count": counts, "collection_method": ["pointing"] * rows, "unit": ["percent"] * rows, "orientation": ["upright"] * rows,
        "caption": _captions(rng, rows, words),
        "outcome": np.where(rng.random(rows) < 0.9, "ok", "not_found"),
        "width": rng.integers(200, 4000, rows), "height": rng.integers(200, 4000, rows), "score": rng.random(rows),
        "image": [{"bytes": pictures[n % 200] + n.to_bytes(8), "path": f"{n:08d}.jpg"} for n in numbers],
    }  # fmt: skip
    arrays = [
        told[f.name] if isinstance(told.get(f.name), pa.Array) else pa.array(told.get(f.name, [None] * rows), f.type)
        for f in SCHEMA
    ]
    return pa.RecordBatch.from_arrays([a.cast(f.type) for a, f in zip(arrays, SCHEMA, strict=True)], schema=SCHEMA)


def _captions(rng: np.random.Generator, rows: int, words: pa.Array) -> pa.Array:
    """Words as often as words are: a few in every caption, most in few."""
    lengths = rng.integers(60, 160, rows)
    ends = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    drawn = np.exp(rng.random(int(lengths.sum())) * np.log(WORDS)).astype(np.int64) - 1
    return pa.compute.binary_join(pa.ListArray.from_arrays(ends, words.take(pa.array(drawn))), " ")


def _words() -> pa.Array:
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    return pa.array(["".join(rng.choice(letters, length)) for length in rng.integers(2, 10, WORDS)])


def _picture(number: int, size: int) -> bytes:
    """A JPEG of about so many bytes: blurred colours under grain."""
    rng = np.random.default_rng(number)
    side = max(16, int((size * 3.1) ** 0.5))
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    grain = rng.normal(0, 9, (side, side, 1))
    out = io.BytesIO()
    Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
    return out.getvalue()
