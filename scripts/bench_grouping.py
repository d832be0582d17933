#!/usr/bin/env python
"""How long gathering 2.4 million point rows by picture takes, and how much memory, beside the same in Python lists.

    python scripts/bench_grouping.py                        both orders, all ways, a quarter of an hour
    python scripts/bench_grouping.py --only ours --runs 3
    python scripts/bench_grouping.py --rows 240000 --order random

The list is Parquet of the size of pixmo-points: a row is what is pointed at in a picture, some ten rows to each of 228,000 pictures, in
random order or picture by picture with late-comers as published. `official` groups as the official downloader: row by row from `datasets`
into Python lists, by picture, then a table of them; `lists` is the same by the shortest way there is in Python, rows of a batch
at once. Every way runs in a process of its own and counts pictures, annotations and points, which are known.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.measure import Used, clean_environment, counted, machine, median, spread
from numpy.typing import NDArray

from pixmo.records.arrow import Label, labelled, schema_of
from pixmo.records.points import Points

ROWS, PICTURES = 2_376_222, 228_080
BAR_S, BAR_MB, TIMES = 60, 2_000, 10
PART_ROWS = 200_000
ORDERS = ("random", "source")
WORDS = [
    "red",
    "blue",
    "small",
    "large",
    "left",
    "leftmost",
    "wooden",
    "open",
    "parked",
    "dog",
    "cat",
    "person",
    "car",
    "window",
    "wheel",
    "tree",
    "bottle",
    "of",
    "the",
    "on",
    "in",
]
HOSTS = (
    "https://i.imgur.com/",
    "https://live.staticflickr.com/65535/",
    "https://upload.wikimedia.org/wikipedia/commons/",
)
Numbers = NDArray[np.int64]


class Counts(NamedTuple):
    """What is in a list, grouped."""

    pictures: int
    annotations: int
    points: int


def pictures_of_rows(rows: int, pictures: int, order: str, draw: np.random.Generator) -> Numbers:
    """The picture of each row: each has one at least; `source` keeps nine in ten of a picture's rows together."""
    more = draw.integers(0, pictures, rows - pictures)
    found: Numbers = np.concatenate([np.arange(pictures), more])
    if order == "random":
        return draw.permutation(found)
    found.sort()
    late = draw.random(rows) < 0.1
    return np.concatenate([found[~late], draw.permutation(found[late])])


def part(pictures: Numbers, draw: np.random.Generator) -> pa.RecordBatch:
    """Rows of pixmo-points as records: about six points each, one in seven none, one in a thousand hundreds."""
    rows = len(pictures)
    counts = np.where(draw.random(rows) < 0.15, 0, draw.geometric(1 / 7, rows))
    counts = np.where(draw.random(rows) < 0.001, 300, counts)
    total = int(counts.sum())
    xy = [pa.array(np.round(draw.random(total) * 100, 1)) for _ in "xy"]
    points = pa.ListArray.from_arrays(
        np.append(0, np.cumsum(counts)).astype(np.int32), pa.StructArray.from_arrays(xy, ["x", "y"])
    )
    words = [pa.array(WORDS).take(pa.array(draw.integers(0, len(WORDS), rows))) for _ in range(3)]
    columns: dict[str, Any] = {
        "image_url": urls_of(pictures), "image_sha256": shas_of(pictures), "label": pc.binary_join_element_wise(*words, " "),
        "points": points, "count": counts, "unit": pa.repeat("percent", rows), "orientation": pa.repeat("unknown", rows),
        "collection_method": pa.array(["pointing", "counting"]).take(pa.array(draw.integers(0, 2, rows))),
    }  # fmt: skip
    kinds = [f for f in schema_of(Points) if f.name in columns]
    arrays = [pa.array(columns[f.name]).cast(f.type) for f in kinds]
    return pa.RecordBatch.from_arrays(arrays, schema=labelled(pa.schema(kinds), Label("points")))


def urls_of(pictures: Numbers) -> pa.Array:
    """Addresses of about a hundred characters."""
    host = pa.array(HOSTS).take(pa.array(pictures % len(HOSTS)))
    number = pc.utf8_lpad(pa.array(pictures).cast(pa.string()), 9, "0")
    return pc.binary_join_element_wise(host, number, "_photograph_of_a_street_corner_in_the_rain_1024x768_b.jpg", "")


def shas_of(pictures: Numbers) -> pa.Array:
    """64 digits for each."""
    number = pc.utf8_lpad(pa.array(pictures * 2_654_435_761 % 10**9).cast(pa.string()), 16, "0")
    return pc.binary_join_element_wise(number, number, number, number, "")


def write_list(path: Path, rows: int, pictures: int, order: str) -> None:
    """The list, and beside it what is in it."""
    draw = np.random.default_rng(1)
    of_rows = pictures_of_rows(rows, pictures, order, draw)
    points = 0
    with pq.ParquetWriter(path, part(of_rows[:1], draw).schema, compression="snappy") as writer:
        for start in range(0, rows, PART_ROWS):
            batch = part(of_rows[start : start + PART_ROWS], draw)
            points += pc.sum(batch.column("count")).as_py()
            writer.write_batch(batch)
    path.with_suffix(".counts").write_text(json.dumps([pictures, rows, points]))


def ours(path: Path) -> Counts:
    """What GroupedSource gives."""
    from pixmo.sources.files import FileSource, Part
    from pixmo.sources.grouped import GroupedSource
    from pixmo.sources.place import LocalPlace

    found = np.zeros(3, np.int64)
    for batch in GroupedSource(FileSource(path.name, [Part(LocalPlace(path))]), path.parent).batches():
        found += counts_of(batch.column("annotations"), batch.num_rows)
    return Counts(*found.tolist())


def counts_of(annotations: pa.Array, pictures: int) -> list[int]:
    """Rows, annotations, points."""
    flat = annotations.flatten()
    return [pictures, len(flat), len(pc.list_flatten(pc.struct_field(flat, "points")))]


def by_picture(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as dicts, gathered in lists."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row.pop("image_url"), row.pop("image_sha256")), []).append(row)
    return [{"image_url": u, "image_sha256": s, "annotations": of} for (u, s), of in found.items()]


def table_of(pictures: list[dict[str, Any]]) -> Counts:
    """What a table made of such dicts holds, as `datasets` makes it."""
    import datasets

    table = datasets.Dataset.from_list(pictures).data.table
    found = np.sum([counts_of(chunk, len(chunk)) for chunk in table.column("annotations").chunks], 0)
    return Counts(*found.tolist())


def lists(path: Path) -> Counts:
    """Python lists by the shortest way: batches become dicts at once, dicts a table."""
    with pq.ParquetFile(path) as file:
        return table_of(by_picture(row for batch in file.iter_batches(8192) for row in batch.to_pylist()))


def official(path: Path) -> Counts:
    """Python lists as the official downloader fills them: row by row from `datasets`."""
    import datasets

    rows = datasets.Dataset.from_parquet(str(path), cache_dir=str(path.parent / "cache"))
    return table_of(by_picture(rows))


WAYS = {"ours": ours, "lists": lists, "official": official}


def within(way: str, path: Path) -> None:
    """One way in this process: what it counted, and its seconds without the import of `datasets`."""
    if way != "ours":
        import datasets  # noqa: F401
    started = time.perf_counter()
    found = WAYS[way](path)
    print(json.dumps({"found": found, "wall_s": time.perf_counter() - started}))


def measured(way: str, path: Path) -> tuple[float, Used]:
    """Seconds of one run, and what its process used. Ends the program when it counted wrongly."""
    log = path.with_suffix(".txt")
    command = [sys.executable, str(Path(__file__).resolve()), "--within", way, str(path.resolve())]
    used = counted(command, clean_environment(HF_HUB_OFFLINE="1"), log, limit_s=3600)
    if used.returncode != 0:
        raise SystemExit(f"{way} ended with {used.returncode}: {log.read_text()[-2000:]}")
    told = json.loads(log.read_text().splitlines()[-1])
    expected = json.loads(path.with_suffix(".counts").read_text())
    if told["found"] != expected:
        raise SystemExit(f"{way} counted {told['found']} instead of {expected}")
    return told["wall_s"], used


def compare(order: str, ways: Sequence[str], runs: int, path: Path) -> bool:
    """Prints a row for each way; whether the bars hold."""
    seconds: dict[str, float] = {}
    holds = True
    for way in ways:
        found = [measured(way, path) for _ in range(runs)]
        seconds[way] = median([wall_s for wall_s, _ in found])
        peak_mb = max(used.max_rss_mb for _, used in found)
        cpu = spread([used.cpu_s for _, used in found], 1)
        print(f"| {order} | {way} | {spread([w for w, _ in found], 1)} | {cpu} | {peak_mb:,.0f} |", flush=True)
        holds &= way != "ours" or (seconds[way] <= BAR_S and peak_mb <= BAR_MB)
    for way in seconds.keys() - {"ours"} if "ours" in seconds else ():
        times = seconds[way] / seconds["ours"]
        holds &= way != "official" or times >= TIMES
        print(f"  {order}: ours is {times:.1f} times as fast as {way}", flush=True)
    return holds


def main(words: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows ({ROWS:,}); a tenth as many pictures")
    parser.add_argument("--order", choices=ORDERS, help="only this order")
    parser.add_argument("--only", choices=tuple(WAYS), help="only this way")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--within", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.within:
        within(options.within[0], Path(options.within[1]))
        return 0
    print(machine())
    pictures = max(1, round(options.rows * PICTURES / ROWS))
    holds = []
    with tempfile.TemporaryDirectory(prefix="pixmo-bench-") as folder:
        print(
            f"{options.rows:,} rows of {pictures:,} pictures\n\n| order | way | seconds | CPU s | peak RSS MB |\n|---|---|--:|--:|--:|"
        )
        for order in [options.order] if options.order else ORDERS:
            path = Path(folder) / f"{order}.parquet"
            write_list(path, options.rows, pictures, order)
            holds.append(compare(order, [options.only] if options.only else list(WAYS), options.runs, path))
    print(
        f"bars: ≤{BAR_S} s, ≤{BAR_MB:,} MB, ≥{TIMES} times as fast as the official way: {'hold' if all(holds) else 'MISSED'}"
    )
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
