#!/usr/bin/env python
"""The download road against img2dataset and against the least a fetcher can do, side by side on this machine.

    python scripts/bench_download.py --runs 3
    python scripts/bench_download.py --only plain,https --without pixmo --img2dataset /path/to/its/python

Run it with the python that has pixmo installed; nginx and openssl must be there (Debian: nginx-light openssl). It
speaks to loopback only, except to install img2dataset once when `--img2dataset` names no python that has it.

Roads: plain (http: hash, store, shards, no decode), https (the same), default (full decode, pHash, shards), hosts
(2,000 names 100 ms away). Contenders take turns A B C A B C; CPU is user + system of every process of a contender, its
start included, nginx apart. Every run's pictures are hashed afterwards: all must have fetched the same bytes, else the
exit status is 1.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.contenders import HERE, ROADS, Contender, img2dataset_command
from bench.figures import Figures, Run, ratios, table
from bench.hosts import Nginx, free_port, nginx, wait_for
from bench.measure import Used, clean_environment, counted, machine, median, spelled, spread
from bench.pictures import Pictures, Work, pictures

WARM_UP = 16  # pictures of each contender's first, uncounted run: its CPU is the cost of starting
NAMES, LATENCY_S, BODY_BYTES, IN_FLIGHT = 2_000, 0.100, 10_000, 64
Job = tuple[str, Contender]


class Bench:
    """The roads over one nginx and one set of pictures."""

    def __init__(self, options: argparse.Namespace, served: Pictures, host: Nginx, home: Path) -> None:
        self._options, self._served, self._host, self._home = options, served, host, home
        self._i2d = ""
        self._env = clean_environment(
            SSL_CERT_FILE=str(host.trust), NO_ALBUMENTATIONS_UPDATE="1", WANDB_MODE="disabled", HF_HUB_OFFLINE="1"
        )

    def roads(self, names: Sequence[str]) -> list[Figures]:
        """All runs of the named roads: the warm-up first, then the contenders in turn."""
        found = []
        for road in names:
            jobs = [(road, c) for c in ROADS[road] if not any(c.name.startswith(w) for w in self._options.without)]
            rows = [Figures(road, contender.name, self._served.count) for _, contender in jobs]
            for job, row in zip(jobs, rows, strict=True):
                print(f"{road}, {job[1].name}, {job[1].connections}:\n  {spelled(self._argv(job, self._served.count))}")
                row.start_cpu_s = self._run(job, WARM_UP).used.cpu_s
            for number in range(self._options.runs):
                for job, row in zip(jobs, rows, strict=True):
                    run = self._run(job, self._served.count)
                    print(f"  {road} {number + 1}/{self._options.runs} {told(run, self._served.count)}", flush=True)
                    if run.work is not None:
                        row.runs.append(run)
            found += rows
        return found

    def _argv(self, job: Job, count: int) -> list[str]:
        road, contender = job
        if "{i2d}" in contender.command and not self._i2d:
            self._i2d = img2dataset_command(self._options.img2dataset, self._served.folder.parent)
        base = self._host.https if road == "https" else self._host.http
        return contender.argv(
            python=sys.executable, i2d=self._i2d, urls=str(self._urls(base, count)), out=str(self._home / "out"),
            base=base, count=str(count), bench=str(HERE),
        )  # fmt: skip

    def _urls(self, base: str, count: int) -> Path:
        path = self._home / f"urls-{base.partition(':')[0]}-{count}.txt"
        if not path.exists():
            path.write_text("".join(f"{base}/{number}.jpg\n" for number in range(count)))
        return path

    def _run(self, job: Job, count: int) -> Run:
        road, contender = job
        out, log = self._home / "out", self._home / "log.txt"
        shutil.rmtree(out, ignore_errors=True)
        os.sync()  # what the one before wrote is not written on this one's time
        before = self._host.cpu_s()
        used = counted(self._argv(job, count), self._env, log, self._options.limit_s)
        host_s = self._host.cpu_s() - before
        run = Run(road, contender.name, used, None, host_s)
        if used.returncode:
            run.note = f"ended with {used.returncode}: " + "\n    ".join(log.read_text().splitlines()[-5:])
        elif used.returncode is None:
            run.note = f"did not end within {self._options.limit_s:.0f} s"
        else:
            run.work = contender.fetched(out, log)
            if count == self._served.count:
                run.note = unequal(run.work, self._served)
        shutil.rmtree(out, ignore_errors=True)
        return run


def told(run: Run, count: int) -> str:
    """One run in one line."""
    rate = f"{count / run.used.wall_s:,.0f} pictures/s, {run.used.cpu_s / count * 1e6:,.0f} µs CPU per picture"
    return f"{run.contender}: {rate if run.work else 'FAILED'}" + (f"\n    {run.note}" if run.note else "")


def unequal(work: Work, served: Pictures) -> str:
    """How a contender's pictures differ from those served; empty when they do not."""
    if (work.pictures, work.total_bytes, work.digest) == (served.count, served.total_bytes, served.digest):
        return ""
    return f"NOT THE SAME WORK: {work.pictures:,} pictures, {work.total_bytes:,} bytes of {served.total_bytes:,}"


def hosts(options: argparse.Namespace, home: Path) -> dict[str, list[float]]:
    """Pictures per second over 2,000 names, for pixmo's fetcher and for a bare loop."""
    port = free_port()
    server = [sys.executable, str(HERE / "slow_host.py"), str(port), str(LATENCY_S), str(BODY_BYTES)]
    whos = [who for who in ("fetcher", "bare") if who != "fetcher" or "pixmo" not in options.without]
    found: dict[str, list[float]] = {who: [] for who in whos}
    print(f"hosts: {spelled(server)}")
    with subprocess.Popen(server) as process:
        wait_for(port, process)
        for number in range(options.runs):
            for who in whos:
                words = [who, port, NAMES, options.host_pictures, IN_FLIGHT]
                command = [sys.executable, str(HERE / "many_hosts.py"), *map(str, words)]
                used = counted(command, clean_environment(), home / "hosts.txt", options.limit_s)
                rate, line = rate_of(used, home / "hosts.txt", options.host_pictures)
                print(f"  {number + 1}/{options.runs} {spelled(command)}\n    {line}", flush=True)
                found[who] += [rate] if rate else []
        process.terminate()
    return found


def rate_of(used: Used, log: Path, pictures: int) -> tuple[float, str]:
    """(pictures per second or 0 when it failed, what to print)."""
    if used.returncode != 0:
        return 0.0, f"FAILED ({used.returncode}): " + "\n    ".join(log.read_text().splitlines()[-5:])
    work = json.loads(log.read_text().splitlines()[-1])
    if (work["pictures"], work["total_bytes"]) != (pictures, pictures * BODY_BYTES):
        return 0.0, f"FAILED: {work['pictures']:,} pictures and {work['total_bytes']:,} bytes arrived"
    rate = pictures / work["seconds"]
    return rate, f"{rate:,.0f} pictures/s, {used.cpu_s / pictures * 1e6:,.0f} µs CPU per picture"


def host_lines(found: dict[str, list[float]]) -> list[str]:
    """The rates against what latency and connections allow."""
    ideal = IN_FLIGHT / LATENCY_S
    terms = f"{NAMES:,} names, {LATENCY_S * 1000:.0f} ms, {BODY_BYTES:,} B bodies, {IN_FLIGHT} in flight"
    lines = [f"hosts: {terms}: {ideal:.0f}/s"]
    for who, rates in found.items():
        share = f"{spread(rates)} pictures/s, {median(rates) / ideal:.1%} of it" if rates else "failed"
        bar = (
            f"; bar ≥90 %: {'holds' if median(rates) >= 0.9 * ideal else 'MISSED'}"
            if who == "fetcher" and rates
            else ""
        )
        lines.append(f"  {who}: {share}{bar}")
    return lines


def versions() -> str:
    """Of what is compared and compared with."""
    named = ("pixmo", "aiohttp", "pillow", "imagehash", "pyarrow")
    try:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in named)
    except importlib.metadata.PackageNotFoundError as error:
        raise SystemExit(
            f"{sys.executable} has no {error.name}; use the python of .venv, which any make target makes"
        ) from error


def options_of(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = lambda text: [word.strip() for word in text.split(",") if word.strip()]  # noqa: E731  # argparse wants one
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each contender (3)")
    parser.add_argument(
        "--only", type=listed, default=[*ROADS, "hosts"], help="roads, comma between: plain,https,default,hosts"
    )
    parser.add_argument("--without", type=listed, default=[], help="contenders left out: img2dataset,pixmo,bare")
    parser.add_argument("--pictures", type=int, default=4_000, help="pictures of a run (4000)")
    parser.add_argument(
        "--host-pictures", type=int, default=12_800, help="pictures of a run of the road `hosts` (12800)"
    )
    parser.add_argument("--img2dataset", type=Path, metavar="PYTHON", help="a python that has img2dataset 1.47.0")
    parser.add_argument("--limit-s", type=float, default=600, help="seconds after which a run is killed (600)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything measured there")
    options = parser.parse_args(words)
    if unknown := set(options.only) - {*ROADS, "hosts"}:
        parser.error(f"no road named {', '.join(sorted(unknown))}; known: {', '.join(ROADS)}, hosts")
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Measures, prints, and says whether all did the same work."""
    options = options_of(words)
    print(f"{machine()}\n{versions()}")
    rows: list[Figures] = []
    many: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="pixmo-bench-") as folder:
        home = Path(folder)
        if roads := [road for road in options.only if road != "hosts"]:
            served = pictures(options.pictures)
            with nginx(served.folder, home) as host:
                sizes = f"{served.count:,} JPEGs of {served.mean_bytes:,.0f} B"
                print(f"{host.version}; {sizes}; {host.certificates} trusted certificates")
                rows = Bench(options, served, host, home).roads(roads)
        if "hosts" in options.only:
            many = hosts(options, home)
    print(
        "\n"
        + "\n".join([table(rows), *ratios(rows)] if rows else [])
        + "\n".join(["", *host_lines(many)] if many else [])
    )
    if options.json:
        told = {
            "machine": machine(),
            "versions": versions(),
            "roads": [r.as_json() for r in rows if r.runs],
            "hosts": many,
        }
        options.json.write_text(json.dumps(told, indent=1))
    sound = all(len(row.runs) == options.runs and not any(run.note for run in row.runs) for row in rows)
    return 0 if sound and all(len(rates) == options.runs for rates in many.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
