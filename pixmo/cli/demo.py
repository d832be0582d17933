"""`pixmo demo`: the real command against a small web host of our own that has every kind of trouble."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import click

from pixmo.cli.demo_cases import Row
from pixmo.errors import BadFolder

LIST, SET, MARK = "urls.csv", "pictures", "expected.json"
SETTINGS = ["--allow-host", "127.0.0.0/8", "--max-bytes", "8MiB", "--retries", "2", "--retry-base", "0.2", "--first-byte-timeout", "2", "--timeout", "20", "--min-speed", "1kB/s", "--min-free-disk", "100MB", "--n-proc", "1"]  # fmt: skip
LOOK = ("hash_verdict", "format", "exif_orientation", "outcome", "duplicate_kind")


@click.command()
@click.argument("out", default="demo-out", type=click.Path(path_type=Path))
def command(out: Path) -> int:
    """Walk the whole road on this machine against a small web host full of trouble.

    Takes under a minute and no network. OUT is ./demo-out when it is not given; one of an earlier demo is made anew.
    """
    make_room(out)
    started = monotonic()
    with web_host() as rows:
        write_list(out, rows)
        run_download(out)
    found = columns(out / SET, LOOK)
    wrong = show(rows, found)
    show_ending(out, rows, found, monotonic() - started)
    return 1 if wrong else 0


def make_room(out: Path) -> None:
    """An empty folder; an earlier demo's is emptied, anything else is left alone. Raises BadFolder."""
    if out.is_dir() and (out / MARK).is_file() and (out / LIST).is_file():
        shutil.rmtree(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadFolder(f"{out}: is there and no demo made it; nothing was touched, choose another: pixmo demo OUT")
    out.mkdir(parents=True, exist_ok=True)


@contextmanager
def web_host() -> Iterator[list[Row]]:
    """The host at work, and the rows of its list; it ends with us, whatever happens."""
    command = [sys.executable, "-m", "pixmo.cli.demo_host"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        try:
            yield [Row(**row) for row in json.loads(host.stdout.readline())]
        finally:
            host.stdin.close()
            host.terminate()


def write_list(out: Path, rows: Sequence[Row]) -> None:
    """The list as a person would have it, and beside it what must come of it."""
    with (out / LIST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "image_sha256", "what_happens"])
        writer.writerows([row.url, row.sha256, row.kind] for row in rows)
    (out / MARK).write_text(json.dumps({row.url: row.outcome for row in rows}, indent=1), encoding="utf-8")


def run_download(out: Path) -> None:
    """The real command, in a process of its own, printed as one would type it."""
    arguments = ["download", str(out / LIST), str(out / SET), *SETTINGS]
    print("$ " + shlex.join(["pixmo", *arguments]), flush=True)
    done = subprocess.run([sys.executable, "-m", "pixmo", *arguments], check=False).returncode
    if done not in (0, 3):  # 3: rows remain that may be retried, as must be here
        raise SystemExit(done)


def columns(folder: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:  # Any: column values
    """Some columns of every row, kept or not, by URL: from the side files, which are plain Parquet."""
    import pyarrow.parquet as pq

    by_id: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / ".pixmo" / "columns").glob("*.parquet")):
        have = [n for n in pq.read_schema(path).names if n in (*names, "url", "row_id")]
        for row in pq.read_table(path, columns=have).to_pylist():
            by_id.setdefault(row["row_id"], {}).update(row)
    return {row["url"] or "": row for row in by_id.values()}


def show(rows: Sequence[Row], found: dict[str, dict[str, Any]]) -> int:  # Any: column values
    """Prints, kind by kind, what had to come and what came; the number of rows that came otherwise."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(row.kind, []).append(row)
    width = max(map(len, kinds))
    print(f"\n{'what the host did':<{width}}  rows  {'expected':<16} got")
    wrong = 0
    for kind, of_kind in kinds.items():
        got = sorted({str(found[row.url].get("outcome")) for row in of_kind})
        bad = [row for row in of_kind if not is_as_expected(row, found[row.url])]
        wrong += len(bad)
        mark = "" if not bad else "   <-- not as expected"
        print(f"{kind:<{width}}  {len(of_kind):>4}  {of_kind[0].outcome:<16} {', '.join(got)}{mark}")
    return wrong


def is_as_expected(row: Row, got: dict[str, Any]) -> bool:  # Any: column values
    """Whether outcome and the other columns that were told are as they must be."""
    return got.get("outcome") == row.outcome and all(got.get(name) == value for name, value in row.also.items())


def show_ending(
    out: Path, rows: Sequence[Row], found: dict[str, dict[str, Any]], seconds: float
) -> None:  # Any: as above
    """Prints the sum and where to look."""
    right = sum(is_as_expected(row, found[row.url]) for row in rows)
    doubles = [row.get("duplicate_kind") for row in found.values()]
    print(f"\n{right} of {len(rows)} rows as expected, in {seconds:.0f} s; "
          f"{doubles.count('exact')} exact and {doubles.count('near')} near duplicates marked")  # fmt: skip
    print(f"look at {out / SET / 'report.html'}")
    print(f"or      python -c \"import datasets; print(datasets.load_dataset('{out / SET}'))\"")
    print(
        f"then    pixmo status {out / SET}    pixmo verify {out / SET}    pixmo export {out / SET} --format webdataset"
    )
