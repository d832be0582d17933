"""Kills a run at random moments, one of its processes or all, and compares what comes out in the end with an undisturbed run.

`python -m tests.road.kills --kills 300` runs it alone; the test runs it with 50.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pixmo.storage.manifest import file_digest
from tests.road.lists import ADDRESSES, Row, fill, road, write_list
from tests.server.trouble import TroubleServer

IN_FLIGHT = 8  # two connections to each of four hosts
KILLS_PER_CASE = 5


@dataclass
class Tally:
    """What happened; `failures` must stay empty."""

    kills: int = 0
    all_killed: int = 0
    runs: int = 0
    asked: int = 0
    distinct: int = 0
    repeats: int = 0
    failures: list[str] = field(default_factory=list)


def rows_of(server: TroubleServer) -> list[Row]:
    """Four hosts, a little slow; some pictures wanted twice, some missing, some that pass on the second try."""
    rows = []
    for i in range(160):
        host = ADDRESSES[i % 4]
        path = f"/slow:0.03/p/{i % 40}.jpg?{i % 140}"
        if i % 20 == 7:
            path = f"/status:404?{i}"
        elif i % 20 == 11:
            path = f"/html?{i}"
        rows.append(Row(server.url(path, host), "", None))
    return rows


def published(out: Path) -> dict[str, str]:
    """Every published file and its digest, the manifest included, the report (which holds clocks) not."""
    files = [p for p in out.rglob("*") if p.is_file() and ".pixmo" not in p.parts and p.name != "report.html"]
    return {p.relative_to(out).as_posix(): file_digest(p) for p in files}


def start(recipe: Path, out: Path) -> subprocess.Popen[bytes]:
    """A run of its own process group."""
    command = [sys.executable, "-m", "pixmo", "run", str(recipe), str(out), "--n-proc", "2", "--quiet"]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(recipe: Path, out: Path) -> str:
    """Runs to the end; its complaint when it does not end well."""
    process = start(recipe, out)
    try:
        _, complaint = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return "did not end by itself"
    return "" if process.returncode in (0, 3) else complaint.decode(errors="replace")[-2000:]


def group_of(leader: int) -> list[int]:
    """The processes of a run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            if int(fields[2]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def kill_once(recipe: Path, out: Path, chance: random.Random, longest_s: float, tally: Tally) -> None:
    """Starts a run and kills one of its processes, or all, at a random moment."""
    process = start(recipe, out)
    time.sleep(chance.uniform(0.2, longest_s))
    members = group_of(process.pid)
    kill_all = chance.random() < 0.5
    tally.all_killed += kill_all
    for pid in members if kill_all else chance.sample(members, min(1, len(members))):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    tally.kills += 1
    try:
        process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        tally.failures.append(f"hung after {'all' if kill_all else 'one'} of its processes were killed")
    deadline = time.monotonic() + 20
    while group_of(process.pid):  # orphans must leave by themselves
        if time.monotonic() > deadline:
            tally.failures.append("processes stayed behind")
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.02)


def attack(kills: int, seed: int, folder: Path) -> Tally:
    """So many kills, a few per folder, each folder finished and compared."""
    chance = random.Random(seed)
    tally = Tally()
    with TroubleServer(addresses=ADDRESSES[:4]) as server:
        fill(server)
        rows = rows_of(server)
        recipe = folder / "recipe.toml"
        recipe.write_text(road(write_list(folder / "list.jsonl", rows), per_host=2, concurrency=IN_FLIGHT).to_toml())
        begun = time.monotonic()
        tally.failures += [c for c in [finish(recipe, folder / "reference")] if c]
        longest_s = time.monotonic() - begun
        wanted = published(folder / "reference")
        tally.distinct = len({r.url for r in rows})
        while tally.kills < kills and not tally.failures:
            tally.runs += 1
            out = folder / f"out{tally.runs}"
            server.log.clear()
            before = tally.kills
            for _ in range(min(KILLS_PER_CASE, kills - tally.kills)):
                kill_once(recipe, out, chance, longest_s, tally)
            tally.failures += [c for c in [finish(recipe, out)] if c]
            compare(wanted, published(out), server, tally, tally.kills - before)
    return tally


def compare(wanted: dict[str, str], got: dict[str, str], server: TroubleServer, tally: Tally, kills: int) -> None:
    """The same files; and no more questions than were in flight at each kill were asked again."""
    if got != wanted:
        differs = sorted(set(wanted.items()) ^ set(got.items()))
        tally.failures.append(f"files differ: {differs[:6]}")
    asked = Counter((seen.host, seen.path) for seen in server.log)
    repeats = asked.total() - len(asked)
    tally.asked += asked.total()
    tally.repeats += repeats
    if repeats > kills * IN_FLIGHT * 2:  # two owners; each may have `concurrency` in flight
        tally.failures.append(f"{repeats} questions were asked again after {kills} kills")


def main() -> None:
    """Attacks and prints what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = attack(options.kills, options.seed, Path(folder))
    print(json.dumps(tally.__dict__, indent=1))
    sys.exit(bool(tally.failures))


if __name__ == "__main__":
    main()
