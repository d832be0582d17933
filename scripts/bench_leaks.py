"""Measure find_leaks: a million training rows against an index of ten thousand held-out pictures, with leaks that are known.

    python scripts/bench_leaks.py [--rows 1000000] [--held 10000] [--radius 4] [--brute] [--json]

Rows go through the stage as a run hands them over, in shards of 2,048 with their texts. Prints CPU and wall seconds, the peak of
memory, and exits 1 when a verdict differs from what was generated. The hashes are those of bench_duplicates.py: code words any two
of which differ in 14 bits or more, two fifths of them themed, so that some bands are crowded; one row in a hundred is a copy with
1 to RADIUS bits turned, one in two hundred of the mirror image; one in two hundred has a held-out URL, spelled otherwise, one in two hundred
held-out bytes; 6 % are blanks, and so are a hundred held-out pictures. `--brute` compares all with all too, on a tenth of the rows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one thread: what is measured is one

import numpy as np
import pyarrow as pa
from bench_duplicates import apart, copies
from numpy.typing import NDArray

from pixmo.image.nearest import Nearest
from pixmo.stages.find_leaks import FindLeaks
from pixmo.storage.holdout import SCHEMA, frozen, publish

SHARD_ROWS = 2048
BLANKS = 100  # held-out pictures without detail
U64 = NDArray[np.uint64]


class Made(NamedTuple):
    """Training rows, the index, and how each row must be recognised: 0 url, 1 sha256, 2 near, 3 mirrored, -1 not at all."""

    rows: pa.Table
    held: pa.Table
    kinds: NDArray[np.int8]
    hashes: U64
    held_hashes: U64


def hexes(numbers: U64) -> pa.Array:
    """16 digits each."""
    text = numbers.astype(">u8").tobytes().hex()
    return pa.array([text[at : at + 16] for at in range(0, len(text), 16)])


def shas(numbers: NDArray[np.int64]) -> pa.Array:
    """A digest for each number."""
    return pa.array([f"{n:064x}" for n in numbers.tolist()])


def made(rows: int, held: int, radius: int, seed: int = 0) -> Made:
    """What is described above."""
    rng = np.random.default_rng(seed)
    words = apart(rows + 2 * held, rng)
    straight, turned, hashes = words[:held], words[held : 2 * held], words[2 * held :].copy()
    kinds = np.full(rows, -1, np.int8)
    drawn = rng.random(rows)
    for kind, low, high in ((2, 0, 0.01), (3, 0.01, 0.015), (0, 0.015, 0.02), (1, 0.02, 0.025)):
        kinds[(drawn >= low) & (drawn < high)] = kind
    of = rng.integers(0, held - BLANKS, rows)
    for kind, source in ((2, straight), (3, turned)):
        hashes[kinds == kind] = copies(source[of[kinds == kind]], radius, rng)
    blank = drawn > 0.94
    hashes[blank] = 1 << 63
    slopes = hexes(rng.integers(1, 2**64, rows, dtype=np.uint64))
    ids = np.where(kinds == 1, of, held + np.arange(rows))
    urls = [
        f"HTTPS://live.example.org:443/{n}/{n * 7919:x}_b.jpg#x" if kind == 0 else f"https://h{m % 700}.example.net/{m}_b.jpg?w=1"
        for m, (n, kind) in enumerate(zip(of.tolist(), kinds.tolist(), strict=True))
    ]  # fmt: skip
    table = pa.table({"image_url": urls, "fetched_sha256": shas(ids), "phash": hexes(hashes), "dhash": slopes})
    straight = np.where(np.arange(held) < held - BLANKS, straight, np.uint64(1 << 63))
    told = {
        "image_url": [f"http://live.example.org/{n}/{n * 7919:x}_b.jpg" for n in range(held)],
        "fetched_sha256": shas(np.arange(held)), "phash": hexes(straight), "dhash": slopes[:held],
        "mirrored_phash": hexes(turned), "mirrored_dhash": slopes[:held],
    }  # fmt: skip
    return Made(table, pa.table(told), kinds, hashes, straight)


def main() -> int:
    """Generates, marks, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--held", type=int, default=10_000)
    parser.add_argument("--radius", type=int, default=4, choices=range(1, 7))
    parser.add_argument("--brute", action="store_true", help="compare all with all too, on a tenth of the rows")
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    data = made(told.rows, told.held, told.radius)
    schema = FindLeaks().needs
    table = pa.table(
        {
            n: data.rows.column(n) if n in data.rows.column_names else pa.nulls(told.rows, pa.string())
            for n in schema.names
        }
    )
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = Path(folder) / "eval.holdout"
        publish(frozen("eval", data.held.cast(_fitting(data.held)).to_batches(), "generated"), path)
        built = time.perf_counter() - start
        wall, cpu = time.perf_counter(), time.process_time()
        stage = FindLeaks((str(path),), told.radius)
        kinds = [
            stage(batch).column("leak_kind").to_pylist()
            for batch in table.cast(schema).to_batches(max_chunksize=SHARD_ROWS)
        ]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    names = [None if k < 0 else ("url", "sha256", "near", "mirrored")[k] for k in data.kinds.tolist()]
    wrong = sum(found != right for found, right in zip((k for part in kinds for k in part), names, strict=True))
    figures = {
        "rows": told.rows, "held": told.held, "radius": told.radius, "leaks": sum(n is not None for n in names),
        "rows_told_wrong": wrong, "index_built_s": round(built, 2), "cpu_s": round(cpu, 2), "wall_s": round(wall, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "rss_before_mb": round(before_mb),
    }  # fmt: skip
    figures |= brute(data, told.radius) if told.brute else {}
    print(json.dumps(figures) if told.json else "\n".join(f"{k:20} {v}" for k, v in figures.items()))
    return 1 if wrong else 0


def _fitting(table: pa.Table) -> pa.Schema:
    return pa.schema([SCHEMA.field(name) for name in table.column_names])


def brute(data: Made, radius: int) -> dict[str, float]:
    """Seconds for the near pairs of a tenth of the rows: all with all, and by bands."""
    queries = data.hashes[: len(data.hashes) // 10]
    start = time.perf_counter()
    found = [int(np.count_nonzero(np.bitwise_count(queries ^ one) <= radius)) for one in data.held_hashes]
    middle = time.perf_counter()
    Nearest(data.held_hashes, radius).of(queries)
    end = time.perf_counter()
    return {"brute_pairs": sum(found), "brute_s": round(middle - start, 2), "by_bands_s": round(end - middle, 2)}


if __name__ == "__main__":
    sys.exit(main())
