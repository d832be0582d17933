"""Measure the exact near-duplicate join: a million 64-bit hashes, skewed as real ones are, with groups that are known.

    python scripts/bench_duplicates.py [--pictures 1000000] [--radius 4] [--stage] [--json]

Prints CPU and wall seconds and the peak of memory, and exits 1 when a group differs from the one generated. The generator: hashes
that belong apart are code words of an extended BCH code (64, 30), any two of which differ in at least 14 bits; copies differ from
theirs in 1 to 4, so that radius 4 has one right answer. The skew: two fifths of the words come from 40 themes that share half of
their message bits; a tenth of all pictures have a hash that another has; 6 % are blanks of one hash, and 4 % are near-blanks
of 40,000 hashes that are nearly all within the radius of many others. Blanks must stay alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one thread: what is measured is one

import numpy as np
from numpy.typing import NDArray

from pixmo.image.same import Rows, same

# generator of the BCH code (63, 30) that corrects 6 errors; with a parity bit any two words differ in 14
_GENERATOR = 0o157464165547
_MESSAGE_BITS, _CHECK_BITS = 30, 33
_BLANK = np.uint64(0x8000000000000000)
U64 = NDArray[np.uint64]


class Pictures(NamedTuple):
    """Rows as the join takes them, and per row the one that stands for it (itself: nobody's duplicate)."""

    rows: Rows
    stands_for: NDArray[np.int64]


def words(messages: NDArray[np.int64]) -> U64:
    """The code words of 30-bit messages."""
    code = messages.astype(np.uint64) << np.uint64(_CHECK_BITS)
    rest = code.copy()
    for bit in range(62, _CHECK_BITS - 1, -1):
        is_set = (rest >> np.uint64(bit)) & np.uint64(1)
        rest ^= is_set * np.uint64(_GENERATOR << (bit - _CHECK_BITS))
    code = code | rest
    whole: U64 = code << np.uint64(1) | (np.bitwise_count(code) & 1).astype(np.uint64)
    return whole


def apart(count: int, rng: np.random.Generator) -> U64:
    """Hashes any two of which differ in at least 14 bits, about half of them set, two fifths of them themed."""
    themes = rng.integers(0, 2**15, 40) << 15
    messages = rng.integers(0, 2**30, count * 2)
    themed = rng.random(len(messages)) < 0.4
    messages[themed] = rng.choice(themes, themed.sum()) | (messages[themed] & 0x7FFF)
    found = words(rng.permutation(np.unique(messages)))
    found = found[np.abs(np.bitwise_count(found).astype(int) - 32) <= 12]  # pHash sets half of its bits
    if len(found) < count:
        raise SystemExit(f"only {len(found):,} hashes apart from each other for {count:,}: give fewer pictures")
    first: U64 = found[:count]
    return first


def copies(originals: U64, radius: int, rng: np.random.Generator) -> U64:
    """Each with 1 to `radius` bits turned."""
    turned = originals.copy()
    bits = np.argsort(rng.random((len(originals), 64)), axis=1)[:, :radius].astype(np.uint64)
    wanted = rng.integers(1, radius + 1, len(originals))
    for n in range(radius):
        turned ^= np.where(n < wanted, np.uint64(1) << bits[:, n], np.uint64(0))
    result: U64 = turned
    return result


def pictures(count: int, radius: int, seed: int = 0) -> Pictures:
    """The pictures described above, shuffled."""
    rng = np.random.default_rng(seed)
    equal, near, blank, faint = count // 10, count // 20, count * 6 // 100, count * 4 // 100
    originals = apart(count - equal - near - blank - faint, rng)
    of_equal, of_near = rng.integers(0, len(originals), equal), rng.integers(0, len(originals), near)
    few_bits = np.bitwise_or.reduce(np.uint64(1) << rng.integers(0, 64, (5, faint), dtype=np.uint64))
    parts = [originals, originals[of_equal], copies(originals[of_near], radius, rng), np.full(blank, _BLANK), few_bits]
    phash = np.concatenate(parts)
    stands = np.concatenate([np.arange(len(originals)), of_equal, of_near])
    stands = np.concatenate([stands, np.arange(len(stands), count)])
    is_original = stands == np.arange(count)
    order = rng.permutation(count)
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    rows = Rows(
        rng.integers(0, 2**64, (count, 4), dtype=np.uint64), phash[order],
        rng.integers(1, 2**64, count, dtype=np.uint64), np.ones(count, np.bool_), np.zeros(count, np.int16),
        np.where(is_original, 2_000_000, 500_000)[order],
    )  # fmt: skip
    return Pictures(rows, place[stands][order])


def through_stage(rows: Rows, radius: int) -> NDArray[np.int64]:
    """The same through the stage: Arrow batches in and out, ids and hexadecimal digits included."""
    import pyarrow as pa

    from pixmo.stages.find_duplicates import FindDuplicates

    def batches(step: int = 8192) -> Iterator[pa.RecordBatch]:
        for at in range(0, len(rows.phash), step):
            digests = [d.tobytes().hex() for d in rows.sha256[at : at + step].astype(">u8")]
            columns = {
                "row_id": [f"{n:032x}" for n in range(at, at + len(digests))],
                "fetched_sha256": digests,
                "phash": [f"{n:016x}" for n in rows.phash[at : at + step].tolist()],
                "dhash": [f"{n:016x}" for n in rows.dhash[at : at + step].tolist()],
                "split": ["train"] * len(digests),
                "width": rows.pixels[at : at + step] // 1000,
                "height": [1000] * len(digests),
            }
            yield pa.RecordBatch.from_pydict(columns)

    of: list[NDArray[np.int64]] = []
    for batch in FindDuplicates(radius=radius)(batches()):
        of.append(np.array([-1 if n is None else int(n, 16) for n in batch.column("duplicate_of").to_pylist()]))
    return np.concatenate(of)


def main() -> int:
    """Generates, joins, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--radius", type=int, default=4, choices=range(1, 5))
    parser.add_argument("--stage", action="store_true", help="through the stage, with its Arrow batches")
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    made = pictures(told.pictures, told.radius)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter(), time.process_time()
    of = through_stage(made.rows, told.radius) if told.stage else same(made.rows, told.radius).duplicate_of
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = np.where(of < 0, np.arange(len(of)), of)
    wrong = int(np.count_nonzero(found != made.stands_for))
    figures = {
        "pictures": told.pictures, "distinct_hashes": len(np.unique(made.rows.phash)), "radius": told.radius,
        "duplicates": int(np.count_nonzero(of >= 0)), "rows_in_wrong_group": wrong,
        "cpu_s": round(cpu, 2), "wall_s": round(wall, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "rss_before_mb": round(before_mb), "numpy": np.__version__,
    }  # fmt: skip
    print(json.dumps(figures) if told.json else "\n".join(f"{k:20} {v}" for k, v in figures.items()))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
