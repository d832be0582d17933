#!/usr/bin/env python
"""How fast `pixmo view` is on a large set: its first page, any page, filters, search, statistics, and the memory it takes.

    python scripts/bench_view.py [--rows 1000000] [--picture-bytes 20000] [--scale 1.0] [--folder DIR] [--json]

Makes the set first, unless it is there: a million rows with pictures of 20 kB are 20 GB; `--scale 0.001` is a thousand rows. The
first paint is the time from the start of the process to the last byte of the first page and all its pictures; the set's files may be
in the system's cache. Times are those of whole answers, over one connection, on this machine. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.view_set import made

PAGES = 100
THUMB = re.compile(r'src="(?:\./)?(thumb/[^"]+)"')
FILTERS = (
    "f.points.ge=5&sort=score",
    "f.points.ge=7&sort=score",
    "f.outcome.is=not_found&sort=points",
    "f.host.has=host12&sort=score",
)
SEARCHES = ("thing", "%22thing+17%22", "thing+-17", "ta*")


class Bar(NamedTuple):
    """A figure, its unit, and what it must stay under."""

    name: str
    value: float
    unit: str
    under: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.under is None or self.value < self.under


class Viewer:
    """A `pixmo view` of its own, asked over one connection."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.began = time.perf_counter()
        command = [sys.executable, "-m", "pixmo", "view", str(folder), "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PIXMO_HOME": str(home)}
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://([\d.]+):(\d+)/", line):
                self.connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=600)
                return
        raise SystemExit("the viewer did not start")

    def get(self, path: str) -> tuple[float, int, str]:
        """(milliseconds, status, text) of an answer."""
        start = time.perf_counter()
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        return 1000 * (time.perf_counter() - start), answer.status, body.decode("utf-8", "replace")

    def page(self, path: str) -> float:
        """Milliseconds of a page that must be there."""
        took, status, _ = self.get(path)
        if status != 200:
            raise SystemExit(f"{path}: answered {status}")
        return took

    def peak_mb(self) -> float:
        """The most memory the process had."""
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", told)[1]) / 1000  # type: ignore[index]  # it is there on Linux

    def close(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(30)


def measured(viewer: Viewer, rows: int) -> list[Bar]:
    """All figures, in the order in which somebody would meet them."""
    draw = random.Random(0)
    pages = max(1, rows // 24)
    _, _, first = viewer.get("/")
    for thumb in THUMB.findall(first):
        viewer.page("/" + thumb.replace("&amp;", "&"))
    told = [Bar("first paint, with pictures", time.perf_counter() - viewer.began, "s", 2)]

    def somewhere() -> str:
        return f"/?page={draw.randint(1, pages)}"

    told += _times("a page of the grid", [viewer.page(somewhere()) for _ in range(PAGES)], 300)
    told += _times("a row", [viewer.page(f"/row/{draw.randrange(rows)}") for _ in range(PAGES)], 300)
    thumbs = [thumb for _ in range(8) for thumb in THUMB.findall(viewer.get(somewhere())[2])]
    told += _times("a thumbnail", [viewer.page("/" + thumb.replace("&amp;", "&")) for thumb in thumbs], None)
    told.append(Bar("memory before the index", viewer.peak_mb(), "MB", 400))
    start, during = time.perf_counter(), []
    while "<progress" in viewer.get("/filters")[2]:
        during.append(viewer.page(somewhere()))
        time.sleep(0.5)
    told.append(Bar("index", time.perf_counter() - start, "s"))
    told += _times("a page while it is built", during, 300) if during else []
    told.append(Bar("memory with the index", viewer.peak_mb(), "MB", 400))
    told += [
        Bar("first sorting", viewer.page("/?sort=points"), "ms"),
        Bar("first sorting by a fraction", viewer.page("/?sort=score"), "ms"),
    ]
    told += _each("filter and sort", [f"/?{f}" for f in FILTERS], viewer.page, 500)
    told += _each("search", [f"/?q={q}" for q in SEARCHES], viewer.page, 1000)
    told += _each("search, sorted", [f"/?q={q}&sort=score" for q in SEARCHES[:2]], viewer.page, 1000)
    told.append(Bar("a SQL condition", viewer.page("/?sql=points+%3E+3+AND+width+%3C+height"), "ms", 1000))
    told.append(Bar("shuffled", viewer.page("/?seed=7"), "ms", 1000))
    told += _times("statistics", [viewer.page("/statistics") for _ in range(10)], 300)
    told.append(Bar("memory in the end", viewer.peak_mb(), "MB", 400))
    return told


def _times(name: str, took: list[float], under: float | None) -> list[Bar]:
    ordered = sorted(took)
    return [
        Bar(f"{name}, median", statistics.median(took), "ms"),
        Bar(f"{name}, 95 of 100", ordered[int(0.95 * (len(ordered) - 1))], "ms", under),
    ]


def _each(name: str, paths: list[str], ask: Callable[[str], float], under: float) -> list[Bar]:
    """The slowest of several questions, each asked once: none is in the cache."""
    return [Bar(f"{name}, slowest of {len(paths)}", max(ask(path) for path in paths), "ms", under)]


def main() -> int:
    """Makes, measures, prints; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--picture-bytes", type=int, default=20_000)
    parser.add_argument("--scale", type=float, default=1.0, help="of the rows; 0.001 for a quick look")
    parser.add_argument("--folder", type=Path, help="where the set is made, or lies from before")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = max(48, int(given.rows * given.scale))
    folder = (
        given.folder
        or Path(tempfile.gettempdir()) / f"pixmo-bench-{os.getuid()}" / f"view-{rows}-{given.picture_bytes}"
    )
    made(folder, rows, given.picture_bytes)
    home = Path(tempfile.mkdtemp(prefix="pixmo-view-"))
    viewer = None
    try:
        viewer = Viewer(folder, home)
        bars = measured(viewer, rows)
    finally:
        if viewer is not None:
            viewer.close()
        shutil.rmtree(home, ignore_errors=True)
    size = sum(f.stat().st_size for f in folder.rglob("*.parquet"))
    if given.json:
        print(json.dumps({"rows": rows, "bytes": size} | {b.name: round(b.value, 3) for b in bars}))
    else:
        print(f"{rows:,} rows, {size / 1e9:.1f} GB")
        for b in bars:
            bar = f"   {'under' if b.holds else 'NOT UNDER'} {b.under:g} {b.unit}" if b.under is not None else ""
            print(f"{b.name:36}{b.value:10.1f} {b.unit}{bar}")
    return 0 if all(b.holds for b in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
