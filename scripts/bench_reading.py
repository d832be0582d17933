#!/usr/bin/env python
"""How fast typed rows are read back, beside `datasets` over the same Parquet files and columns.

    python scripts/bench_reading.py [--rows 20000] [--pictures 1000] [--repeats 5] [--json]

points: rows of one picture with ten annotations each, about three points an annotation. singles: one annotation a row. bytes and
decoded: grouped rows with an embedded picture of about 70 kB. pixmo makes records of every annotation and every other column a
Python value; `datasets` makes dicts and lists of the same columns, from its own Arrow cache (made beforehand) and streamed from
the Parquet. Rows per second, medians, contenders in turn. Exits 1 when pixmo is slower than either, or sees other points.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import datasets
import numpy as np
import pyarrow as pa
from bench.pictures import picture

from pixmo.dataset.load import load
from pixmo.records.arrow import Label, annotation_type, grouped_schema, labelled, schema_of
from pixmo.records.points import Points
from pixmo.storage.export.features import PICTURE
from pixmo.storage.export.parquet import write_parquet
from pixmo.storage.export.pictures import ROW_GROUP_BYTES, ROW_GROUP_ROWS

PER_PICTURE = 10
Seen = tuple[int, int]  # rows, points


def pointed(number: int) -> dict[str, pa.Array]:
    """So many annotations, column by column, as pixmo-points has them."""
    rng = np.random.default_rng(0)
    counts = np.minimum(rng.geometric(0.25, number) - 1, 60)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    x, y = np.round(rng.uniform(0, 100, (2, int(offsets[-1]))), 1)
    places = pa.StructArray.from_arrays([pa.array(x), pa.array(y)], ["x", "y"])
    told = {
        "label": pa.array([f"thing number {n % 997}" for n in range(number)]),
        "points": pa.ListArray.from_arrays(pa.array(offsets), places), "count": pa.array(counts.astype(np.int64)),
        "collection_method": pa.array(["pointing"] * number), "unit": pa.array(["percent"] * number),
        "orientation": pa.array(["unknown"] * number),
    }  # fmt: skip
    return {f.name: told.get(f.name, pa.nulls(number, f.type)) for f in schema_of(Points)}


def grouped(rows: int, pictures: bool) -> pa.Table:
    """Rows of one picture with all its annotations, with or without the picture."""
    columns, kind = pointed(rows * PER_PICTURE), annotation_type(Points)
    inside = pa.StructArray.from_arrays([columns[f.name] for f in kind], fields=list(kind))
    offsets = pa.array(np.arange(0, rows * PER_PICTURE + 1, PER_PICTURE, dtype=np.int32))
    schema = labelled(grouped_schema(Points), Label("points", True))
    table = pa.Table.from_arrays([*names(rows), pa.ListArray.from_arrays(offsets, inside)], schema=schema)
    if pictures:
        files = [picture(n % 200) for n in range(rows)]
        table = table.append_column("image", pa.array([{"bytes": f, "path": None} for f in files], PICTURE))
    return table


def names(rows: int) -> list[pa.Array]:
    """URLs and digests."""
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(rows)]
    return [pa.array([f"https://example.org/photos/{d[:20]}.jpg" for d in digests]), pa.array(digests)]


def singles(rows: int) -> pa.Table:
    """One annotation a row."""
    url, sha = names(rows)
    columns = pointed(rows) | {"image_url": url, "image_sha256": sha}
    schema = labelled(schema_of(Points), Label("points"))
    return pa.Table.from_arrays([columns[n] for n in schema.names], schema=schema)


def cut(table: pa.Table) -> list[pa.RecordBatch]:
    """In row groups as a download writes them: of at most 1,000 rows, some 16 MB with pictures."""
    rows = max(1, min(ROW_GROUP_ROWS, ROW_GROUP_BYTES * table.num_rows // table.nbytes))
    return list(table.combine_chunks().to_batches(max_chunksize=rows))


def pixmos(path: Path, look: str) -> Seen:
    """Rows as pixmo gives them: all records, and the picture."""
    rows = points = 0
    for row in load(path):
        rows += 1
        points += sum(len(cast("Points", record).points) for record in row.records)
        if look == "bytes":
            assert row.picture_bytes
        elif look == "decoded":
            row.picture()
    return rows, points


def theirs(dataset: Any, look: str) -> Seen:  # Any: a Dataset or an IterableDataset
    """Rows as `datasets` gives them: all columns, and the picture."""
    rows = points = 0
    for row in dataset:
        rows += 1
        points += sum(len(one["points"]) for one in row["annotations"]) if "annotations" in row else len(row["points"])
        if look == "bytes":
            assert row["image"]["bytes"]
        elif look == "decoded":
            row["image"].load()
    return rows, points


def contenders(path: Path, look: str, cache: str) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """Who reads this file, and how."""
    yield "pixmo", lambda: pixmos(path, look)
    cached = datasets.Dataset.from_parquet(str(path), cache_dir=cache)
    streamed = datasets.load_dataset("parquet", data_files=str(path), split="train", streaming=True)
    if look == "bytes":
        undecoded: Any = datasets.Image(decode=False)  # Any: a feature
        cached, streamed = (d.cast_column("image", undecoded) for d in (cached, streamed))
    yield "datasets", lambda: theirs(cached, look)
    yield "datasets, streamed", lambda: theirs(streamed, look)


def rates(path: Path, look: str, repeats: int, cache: str) -> dict[str, float]:
    """Rows per second of each contender, medians of runs in turn."""
    who = list(contenders(path, look, cache))
    found: dict[str, list[float]] = {name: [] for name, _ in who}
    seen = set()
    for _ in range(repeats):
        for name, read in who:
            start = time.perf_counter()
            rows, points = read()
            found[name].append(rows / (time.perf_counter() - start))
            seen.add((rows, points))
    if len(seen) != 1:
        raise SystemExit(f"{path.name}: contenders saw {sorted(seen)}")
    return {name: statistics.median(all_) for name, all_ in found.items()}


def main() -> int:
    """Writes the files, measures, prints; 1 when pixmo is slower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    datasets.disable_progress_bars()
    cases = [("points", grouped(told.rows, False)), ("singles", singles(told.rows * 4))]
    cases += [(look, grouped(told.pictures, True)) for look in ("bytes", "decoded")]
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for look, table in cases:
            path = Path(folder) / f"{look}.parquet"
            write_parquet(path, cut(table), table.schema)
            results[look] = rates(path, look, told.repeats, folder)
    if told.json:
        print(json.dumps(results, indent=1))
    else:
        for look, found in results.items():
            print(f"{look:8}", *(f"{name} {rate:>9,.0f}/s" for name, rate in found.items()), sep="  ")
    return int(any(found["pixmo"] < max(found.values()) for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
