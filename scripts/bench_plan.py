#!/usr/bin/env python
"""How much memory a list of ten million URLs takes, and how long a run over a million finished rows.

    python scripts/bench_plan.py                          both, a quarter of an hour or more
    python scripts/bench_plan.py --only memory --rows 1000000
    python scripts/bench_plan.py --only again --keep DIR  the finished rows are kept in DIR and used the next time

memory: a generated Parquet list of URLs at private addresses (10.0.0.0/8, 100,000 hosts), which pixmo refuses without sending
a packet: the list is planned and then walked whole. Private memory (USS) of each process is sampled, for each phase.

again: a million different pictures of 260 bytes are fetched from a host on loopback and looked at, as any others; the
counted run is the second one, which must ask nothing, open no pack and change no file.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.contenders import HERE
from bench.hosts import free_port, wait_for
from bench.measure import clean_environment, counted, machine, spelled
from bench.memory import Peaks, Watch

HOSTS = 100_000
BATCH_ROWS = 500_000
MEMORY_BAR_MB, AGAIN_BAR_S = 300, 10
PIXMO = (sys.executable, "-m", "pixmo")


def write_list(path: Path, rows: int) -> None:
    """A Parquet list of so many different URLs at private addresses, with a caption each."""
    schema = pa.schema([("image_url", pa.string()), ("caption", pa.string())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, rows, BATCH_ROWS):
            number = pa.array(range(start, min(start + BATCH_ROWS, rows)), pa.int64())
            text = pc.utf8_lpad(pc.cast(number, pa.string()), 9, "0")
            writer.write_batch(pa.record_batch([urls_of(number, text), caption_of(text)], schema=schema))


def urls_of(number: pa.Array, text: pa.Array) -> pa.Array:
    """http://10.x.y.z/photos/2024/NNNNNNNNN.jpg, the address one of HOSTS."""
    host = pc.subtract(number, pc.multiply(pc.divide(number, HOSTS), HOSTS))
    parts = [pc.cast(pc.bit_wise_and(pc.shift_right(host, bits), 255), pa.string()) for bits in (16, 8, 0)]
    return pc.binary_join_element_wise(
        "http://10.", parts[0], ".", parts[1], ".", parts[2], "/photos/2024/", text, ".jpg", ""
    )


def caption_of(text: pa.Array) -> pa.Array:
    """About a hundred characters that differ."""
    words = "A photograph of a street corner in the rain, with people under umbrellas waiting for the tram number"
    return pc.binary_join_element_wise(words, text, " ")


def memory(rows: int, seconds: float, home: Path) -> bool:
    """Whether every process stayed under the bar; prints the peaks by phase."""
    source, out = home / "list.parquet", home / "out"
    write_list(source, rows)
    command = [*PIXMO, "download", str(source), str(out), "--no-decode", "--n-proc", "2"]
    print(f"memory: {rows:,} URLs, {source.stat().st_size / 1e6:,.0f} MB of Parquet\n  {spelled(command)}", flush=True)
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=clean_environment(), cwd=home)
        phase = Phase(out / ".pixmo/plan.json")
        with Watch(process.pid, phase) as watch:
            ended = wait(process, seconds)
    if process.returncode not in (0, 3) and ended:
        print(f"  FAILED ({process.returncode}): {(home / 'log.txt').read_text()[-2000:]}")
        return False
    print(f"  planned in {phase.planned_s:,.0f} s; " + ("walked whole" if ended else f"stopped after {seconds:,.0f} s"))
    return report(watch.peaks)


class Phase:
    """`planning` until plan.json is there, `running` from then on."""

    def __init__(self, plan: Path) -> None:
        self._plan, self._started = plan, time.monotonic()
        self.planned_s = 0.0

    def __call__(self) -> str:
        """The phase now."""
        if not self.planned_s and self._plan.exists():
            self.planned_s = time.monotonic() - self._started
        return "running" if self.planned_s else "planning"


def wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ended by itself; else it is stopped as Ctrl-C does, and killed when that does not help."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return False
    return True


def report(peaks: Peaks) -> bool:
    """Prints the table; whether the bar holds."""
    print("\n| phase | process | how many | private memory, most of any one, MB |\n|---|---|--:|--:|")
    for (phase, role), most in sorted(peaks.private_mb.items()):
        print(f"| {phase} | {role} | {peaks.processes[role]} | {most:,.0f} |")
    holds = bool(peaks.private_mb) and max(peaks.private_mb.values()) <= MEMORY_BAR_MB
    print(f"{peaks.samples:,} samples; bar ≤{MEMORY_BAR_MB} MB: {'holds' if holds else 'MISSED'}", flush=True)
    return holds


@contextmanager
def tiny_host() -> Iterator[int]:
    """The port of a host of tiny pictures."""
    port = free_port()
    with subprocess.Popen([sys.executable, str(HERE / "tiny_host.py"), str(port)]) as process:
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()


def finish(rows: int, home: Path) -> list[str]:
    """The command of the second run, its first one finished: rows that are fetched, looked at and written."""
    source, out = home / "urls.txt", home / "out"
    effort = ["--allow-host", "127.0.0.1", "--requests-per-s", "0", "--per-host", "64", "--n-proc", "2"]
    command = [*PIXMO, "download", str(source), str(out), *effort]
    if (home / "finished").exists():
        return command
    with tiny_host() as port:
        with source.open("w") as file:
            file.writelines(f"http://127.0.0.1:{port}/{number}.png\n" for number in range(rows))
        first = counted(command, clean_environment(), home / "first.txt", limit_s=4 * 3600)
    if first.returncode != 0:
        raise SystemExit(f"the first run ended with {first.returncode}: {(home / 'first.txt').read_text()[-2000:]}")
    print(f"  first run: {first.wall_s:,.0f} s, {rows / first.wall_s:,.0f} rows/s", flush=True)
    (home / "finished").touch()
    return command


def state(out: Path) -> dict[str, tuple[int, int]]:
    """Every file by path, locks left out: its size and when it was written."""
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name != "lock"]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def again(rows: int, home: Path) -> bool:
    """Whether the second run is fast, opens no pack and changes no file. The host is gone by then: asking would fail."""
    print(f"again: {rows:,} rows", flush=True)
    command = finish(rows, home)
    print(f"  {spelled(command)}")
    before, opened = state(home / "out"), home / "opened.txt"
    opened.write_text("")
    env = clean_environment(PYTHONPATH=str(HERE / "spy"), PIXMO_BENCH_OPENED=str(opened))
    used = counted(command, env, home / "second.txt")
    packs, after = len(opened.read_text().splitlines()), state(home / "out")
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    print(f"  second run: {used.wall_s:.1f} s, {used.cpu_s:.1f} s CPU, largest process {used.max_rss_mb:,.0f} MB")
    print(f"  packs opened: {packs}; files changed: {len(changed)} {changed[:5]}; exit status {used.returncode}")
    holds = used.returncode == 0 and used.wall_s < AGAIN_BAR_S and not packs and not changed
    print(f"  bar <{AGAIN_BAR_S} s, no picture opened: {'holds' if holds else 'MISSED'}", flush=True)
    return holds


def main(words: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("memory", "again"), help="only this one")
    parser.add_argument("--rows", type=int, help="rows (10,000,000 for memory, 1,000,000 for again)")
    parser.add_argument("--seconds", type=float, default=3_600, help="memory: stop the run after so long (3600)")
    parser.add_argument("--keep", type=Path, help="again: where the finished rows are, or are to be kept")
    options = parser.parse_args(words)
    print(machine())
    holds = []
    with tempfile.TemporaryDirectory(prefix="pixmo-bench-") as folder:
        home = Path(folder)
        if options.only != "again":
            (home / "memory").mkdir()
            holds.append(memory(options.rows or 10_000_000, options.seconds, home / "memory"))
        if options.only != "memory":
            kept = options.keep.resolve() if options.keep else home / "again"
            kept.mkdir(parents=True, exist_ok=True)
            holds.append(again(options.rows or 1_000_000, kept))
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
