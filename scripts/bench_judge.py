"""Judging captions against a server on loopback: `python scripts/bench_judge.py [--pictures 1500] [--runs 3] [--kills 3]`.

1,500 pictures, four questions each (statements of people, statements of the caption, recall, consistency), 200 ms of latency, 64 at once.
- wall: of `pixmo eval caption`, from its start to its end, report and all, over the ideal (questions × latency / 64); and of the asking alone,
  from the first question to the last answer. Bar 1.3.
- CPU: of the same command per question, over a bare loop of the `openai` client that sends the same bodies. Bar 1.5.
- memory: the peak of the command. Bar 500 MB.
- kills: the command is killed with SIGKILL so often in mid-run and run again: results must be the same bytes as without, and no question may be
  asked again but those that were in flight.
The server and each command run in processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

AT_ONCE, LATENCY_S = 64, 0.2
RESULTS = ("results.json", "statements.parquet", "references.jsonl")
THINGS = ("barn", "boat", "cup", "dog", "door", "hat", "lamp", "road", "sign", "tree", "wall", "window")
PLACES = ("on the left", "on the right", "in the middle", "behind the house", "near the water", "under the sky")


def sentence(number: int) -> str:
    """One of many statements."""
    return f"There is a {THINGS[number % 12]} numbered {number} {PLACES[number % 6]}."


def write_data(folder: Path, pictures: int) -> tuple[Path, Path]:
    """(predictions, references): three transcripts of four sentences; a caption of eight, five of which somebody said."""
    predictions, references = folder / "captions.jsonl", folder / "references.jsonl"
    with predictions.open("w") as said, references.open("w") as known:
        for n in range(pictures):
            url = f"http://pictures.test/{n}.jpg"
            facts = [sentence(20 * n + i) for i in range(12)]
            other = [sentence(20 * n + 12 + i) for i in range(3)]
            transcripts = [" ".join(facts[i : i + 4]) for i in (0, 4, 8)]
            said.write(json.dumps({"image_url": url, "prediction": " ".join(facts[:10:2] + other)}) + "\n")
            known.write(json.dumps({"image_url": url, "transcripts": transcripts}) + "\n")
    return predictions, references


@contextmanager
def server() -> Iterator[str]:
    """The base URL of a judge by rule."""
    words = ["--latency", str(LATENCY_S), "--answer-by", "tests.server.judge:Judge"]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.server.chat", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def log_of(base_url: str) -> list[dict[str, Any]]:
    """The requests that came."""
    with urlopen(base_url.removesuffix("/v1") + "/log") as response:
        return list(json.load(response)["log"])


def asked_of(base_url: str) -> Counter[str]:
    """How often each question was asked."""
    return Counter(entry["question"] for entry in log_of(base_url))


def command(base_url: str, predictions: Path, references: Path, out: Path) -> list[str]:
    """What a user would type."""
    words = ["eval", "caption", str(predictions), "--references", str(references), "-o", str(out), "--quiet"]
    return [
        sys.executable,
        "-m",
        "pixmo",
        *words,
        "--judge",
        "bench",
        "--base-url",
        base_url,
        "--chat-concurrency",
        str(AT_ONCE),
    ]


def run_once(folder: Path, pictures: int) -> dict[str, Any]:
    """One whole evaluation, and the same questions in a bare loop."""
    predictions, references = write_data(folder, pictures)
    with server() as url:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-c", _PEAK, *command(url, predictions, references, folder / "out")],
            cwd=ROOT, check=True, capture_output=True, text=True, env=os.environ | {"OPENAI_API_KEY": ""},
        )  # fmt: skip
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        came = [entry["at"] for entry in log_of(url)]
        asked, asking = len(came), max(came) - min(came) + LATENCY_S
        peak = int(done.stderr.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with server() as url:
        bare = json.loads(
            subprocess.run(
                [sys.executable, __file__, "--bare", url, str(folder / "out")],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
    return {
        "questions": asked, "wall_s": wall, "asking_s": asking, "bare_wall_s": bare["wall_s"], "ideal_s": asked * LATENCY_S / AT_ONCE, "cpu_ms": cpu / asked * 1e3,
        "bare_cpu_ms": bare["cpu_ms"], "bare_questions": bare["questions"], "peak_mb": peak / 1024,
    }  # fmt: skip


_PEAK = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
)


async def bare(base_url: str, out: Path) -> dict[str, Any]:
    """The bodies of a finished evaluation, sent by the `openai` client as its users do; CPU per question."""
    import openai
    import pyarrow.dataset as pd

    from pixmo.engines.chat.settings import ChatSettings
    from pixmo.engines.chat.wire import body_of
    from pixmo.run.folder import Folder
    from pixmo.run.runner import one_batch

    table = pd.dataset(out / "data", format="parquet").to_table()
    bodies = []
    for step in Folder(out).recipe().steps:
        if getattr(step.stage, "asks", "") == "chat":
            told = ChatSettings(**(step.stage.chat_settings() | {"base_url": base_url}))
            questions = step.stage.questions(one_batch(table.select(step.stage.needs.names)))
            bodies += [body_of(told, q, q.messages) for q in questions]
    gate = asyncio.Semaphore(AT_ONCE)
    async with openai.AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0) as client:

        async def one(body: dict[str, Any]) -> None:
            async with gate:
                done = await client.chat.completions.create(**body)
                assert json.loads(done.choices[0].message.content or "")

        await one(bodies[0])
        start, begun = time.process_time(), time.perf_counter()
        await asyncio.gather(*map(one, bodies))
        cpu, wall = time.process_time() - start, time.perf_counter() - begun
        return {"cpu_ms": cpu / len(bodies) * 1e3, "questions": len(bodies), "wall_s": wall}


def kills(folder: Path, pictures: int, times: int) -> dict[str, Any]:
    """Killed in mid-run and run again, against a run that was left alone."""
    predictions, references = write_data(folder, pictures)
    with server() as url:
        subprocess.run(
            command(url, predictions, references, folder / "whole"), cwd=ROOT, check=True, capture_output=True
        )
    with server() as url:
        words = command(url, predictions, references, folder / "killed")
        total, killed = 4 * pictures, 0
        for nth in range(times):
            process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while asked_of(url).total() < total * (nth + 1) / (times + 1) and process.poll() is None:
                time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        asked = asked_of(url)
    same = all((folder / "whole" / name).read_bytes() == (folder / "killed" / name).read_bytes() for name in RESULTS)
    return {
        "killed": killed,
        "questions": len(asked),
        "again": asked.total() - len(asked),
        "in_flight_at_most": times * AT_ONCE,
        "same_bytes": same,
    }


def main() -> None:
    """Measures, prints a table and JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pictures", type=int, default=1500)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--kills", type=int, default=3)
    options.add_argument("--bare", nargs=2, default=[])
    given = options.parse_args()
    if given.bare:
        print(json.dumps(asyncio.run(bare(given.bare[0], Path(given.bare[1])))))
        return
    scratch = Path(tempfile.mkdtemp(prefix="bench-judge-"))
    rows = []
    for run in range(given.runs):
        (folder := scratch / str(run)).mkdir()
        rows.append(row := run_once(folder, given.pictures))
        print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
    found: dict[str, Any] = {
        "wall_over_ideal": statistics.median(r["wall_s"] / r["ideal_s"] for r in rows),
        "asking_over_ideal": statistics.median(r["asking_s"] / r["ideal_s"] for r in rows),
        "cpu_over_bare": statistics.median(r["cpu_ms"] / r["bare_cpu_ms"] for r in rows),
        "peak_mb": max(r["peak_mb"] for r in rows),
    }
    if given.kills:
        (folder := scratch / "kills").mkdir()
        found |= kills(folder, given.pictures, given.kills)
    shutil.rmtree(scratch)
    print("\n".join(f"{name:20}{value}" for name, value in found.items()))
    print(json.dumps(found | {"runs": rows}))


if __name__ == "__main__":
    main()
