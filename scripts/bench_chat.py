"""The chat engine against a server on loopback that fails as real ones do: `python scripts/bench_chat.py [--runs 5]`.

Three figures, each the median of the runs.
1. Faults: questions with 200 ms of latency, 5 % 429 (Retry-After: 0.5), 2 % 500, 1 % that hang, 1 % malformed bodies;
   64 at once. All must be answered, and what the server charged must be within what the engine counted, and that within
   the budget. The wall time is compared with an ideal: the same draws of faults (they depend on the seed, the question
   and the number of the try), 64 slots taken first come first served, the same latency and time-out, 429 and 500 answered
   in no time, every back-off at its shortest (half of its longest, or Retry-After) and spent outside the slots, no
   overhead at all. The same list once more with a budget of a third: it must stop before passing it.
2. CPU per call without faults, its line in the journal included, against a bare loop of the `openai` client with as many in flight and the same bodies.
The server runs in a process of its own, each measurement too.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from pixmo.ask import ChatOutcome  # noqa: E402
from pixmo.engines.chat.budget import BudgetSpent  # noqa: E402
from pixmo.engines.chat.question import ChatQuestion, Message  # noqa: E402
from pixmo.engines.chat.settings import ChatSettings  # noqa: E402
from pixmo.engines.chat.wire import body_of  # noqa: E402
from pixmo.run.asking import Journalled  # noqa: E402
from pixmo.run.chatting import Chatting, Desk  # noqa: E402
from pixmo.storage.store import Store  # noqa: E402
from tests.server.chat import draw  # noqa: E402

LATENCY_S, TIMEOUT_S, AT_ONCE = 0.2, 2.0, 64
RETRY_AFTER_S = 0.5
SHARES = {f"429:{RETRY_AFTER_S}": 0.05, "500": 0.02, "hang": 0.01, "malformed": 0.01}
PRICES = {"usd_per_mtok_in": 1.0, "usd_per_mtok_out": 2.0}
SCHEMA = json.dumps(
    {
        "type": "object", "required": ["sentences"], "additionalProperties": False,
        "properties": {"sentences": {"type": "array", "items": {
            "type": "object", "required": ["text", "from"], "additionalProperties": False,
            "properties": {"text": {"type": "string"}, "from": {"type": "integer"}}}}},
    }
)  # fmt: skip
ANSWER = json.dumps(
    {"sentences": [{"text": f"The {n}th thing stands left of the next one.", "from": n} for n in range(8)]}
)
SPEECH = "so there is a red cup on the table and behind it I think a window with some plants in it " * 12


def questions(count: int) -> list[ChatQuestion]:
    """As many different ones."""
    system = Message("system", "Write what was said about the picture as sentences.")
    return [ChatQuestion((system, Message("user", f"Recording {n}: {SPEECH}")), schema=SCHEMA) for n in range(count)]


def settings(base_url: str, **changes: Any) -> ChatSettings:
    """Those of all measurements."""
    given: dict[str, Any] = {"model": "bench", "max_tokens": 256, "timeout_s": TIMEOUT_S, "concurrency": AT_ONCE}
    return ChatSettings(base_url=base_url, **(given | PRICES | changes))


@contextmanager
def server(shares: dict[str, float], seed: int = 0) -> Iterator[str]:
    """The base URL of a fresh server in its own process."""
    words = ["--latency", str(LATENCY_S), "--shares", json.dumps(shares), "--seed", str(seed), "--answer", ANSWER]
    command = [sys.executable, "-m", "tests.server.chat", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def ideal_s(asked: list[ChatQuestion], seed: int) -> float:
    """The wall time with no overhead; see the module."""
    slots = [0.0] * AT_ONCE
    ready = [(0.0, number, 1) for number in range(len(asked))]  # when, what, which try
    heapq.heapify(ready)
    end = 0.0
    while ready:
        at, number, nth = heapq.heappop(ready)
        start = max(at, heapq.heappop(slots))
        fault = draw(SHARES, seed, asked[number].messages[-1].content, nth)
        takes = TIMEOUT_S if fault == "hang" else 0.0 if fault[0].isdigit() else LATENCY_S
        heapq.heappush(slots, start + takes)
        end = max(end, start + takes)
        if fault != "ok":
            pause = max(
                ChatSettings.retry_base_s * 2 ** (nth - 1) / 2, RETRY_AFTER_S if fault.startswith("429") else 0.0
            )
            heapq.heappush(ready, (start + takes + pause, number, nth + 1))
    return end


def charged_usd(base_url: str, told: ChatSettings) -> float:
    """What the server would put on the bill."""
    with urlopen(base_url.removesuffix("/v1") + "/log") as response:
        log = json.load(response)["log"]
    return told.usd(sum(e["tokens_in"] for e in log), sum(e["tokens_out"] for e in log)) or 0.0


class Stage:
    """What `pixmo.run.chatting` wants of a stage."""

    def __init__(self, told: ChatSettings) -> None:
        self._told = told

    def chat_settings(self) -> dict[str, Any]:
        """As a stage gives them."""
        return asdict(self._told)

    def check_answer(self, question: ChatQuestion, text: str) -> str:
        """Nothing is wrong."""
        return ""


@contextmanager
def journalled(told: ChatSettings) -> Iterator[tuple[Journalled[ChatQuestion], Chatting]]:
    """The engine as a run has it: behind the journal of a store."""
    with tempfile.TemporaryDirectory() as folder:
        chatting, store = Chatting(Stage(told), Desk(told)), Store(Path(folder))
        yield Journalled(store, chatting, ChatOutcome, "text"), chatting
        store.close()


async def with_faults(base_url: str, count: int, seed: int, budget_usd: float) -> dict[str, Any]:
    """One run; `spent` says whether it ended for money."""
    told = settings(base_url, budget_usd=budget_usd)
    asked, spent = questions(count), False
    with journalled(told) as (world, chatting):
        start, ok = time.perf_counter(), 0
        try:
            ok = sum(a.outcome is ChatOutcome.OK for a in await world.ask(asked))
        except BudgetSpent:
            spent = True
        wall = time.perf_counter() - start
        await world.close()
    budget = chatting.budget
    charged = charged_usd(base_url, told)
    assert charged <= budget.spent <= budget_usd, (charged, budget)
    return {
        "answered": ok, "wall_s": wall, "ideal_s": ideal_s(asked, seed), "charged_usd": charged,
        "counted_usd": budget.spent, "budget_usd": budget_usd, "budget_spent": spent,
    }  # fmt: skip


async def cpu_of_pixmo(base_url: str, count: int, seed: int) -> dict[str, Any]:
    """CPU seconds of one call, the journal included."""
    with journalled(settings(base_url, budget_usd=1e6)) as (world, _):
        first, *asked = questions(count + 1)
        await world.ask([first])
        start, wall = time.process_time(), time.perf_counter()
        assert all(answer.value == ANSWER for answer in await world.ask(asked))
        await world.close()
        return {"cpu_ms": (time.process_time() - start) / count * 1e3, "wall_s": time.perf_counter() - wall}


async def cpu_of_bare(base_url: str, count: int, seed: int) -> dict[str, Any]:
    """The same bodies, sent by the `openai` client as its users do."""
    import openai

    told, gate = settings(base_url), asyncio.Semaphore(AT_ONCE)
    async with openai.AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0, timeout=TIMEOUT_S) as client:
        asked = questions(count)

        async def one(question: ChatQuestion) -> None:
            async with gate:
                done = await client.chat.completions.create(**body_of(told, question, question.messages))
                assert done.choices[0].message.content == ANSWER

        await one(asked[0])
        start, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*map(one, asked))
        return {"cpu_ms": (time.process_time() - start) / count * 1e3, "wall_s": time.perf_counter() - wall}


def measure(what: str, base_url: str, *words: object) -> dict[str, Any]:
    """One measurement in its own process."""
    command = [sys.executable, __file__, "--inside", what, base_url, *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"OPENAI_API_KEY": ""})
    return dict(json.loads(done.stdout))


def inside(what: str, base_url: str, count: str, seed: str, *rest: str) -> dict[str, Any]:
    """What `measure` started."""
    ways: dict[str, Coroutine[Any, Any, dict[str, Any]]] = {}
    if what == "faults":
        ways[what] = with_faults(base_url, int(count), int(seed), float(rest[0]))
    else:
        ways[what] = (cpu_of_pixmo if what == "pixmo" else cpu_of_bare)(base_url, int(count), int(seed))
    return asyncio.run(ways[what])


def main() -> None:
    """Measures, prints a table and JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--count", type=int, default=2000)
    options.add_argument("--inside", nargs="+", default=[])
    given = options.parse_args()
    if given.inside:
        print(json.dumps(inside(*given.inside)))
        return
    rows = []
    for run in range(given.runs):
        with server(SHARES, run) as url:
            row = measure("faults", url, given.count, run, 10.0)
        with server(SHARES, run) as url:
            row["third"] = measure("faults", url, given.count, run, row["counted_usd"] / 3)
        with server({}) as url:
            row["cpu_pixmo"] = measure("pixmo", url, given.count, run)["cpu_ms"]
            row["cpu_bare"] = measure("bare", url, given.count, run)["cpu_ms"]
        rows.append(row)
        told = f"answered {row['answered']}/{given.count}  wall {row['wall_s']:.2f} s  ideal {row['ideal_s']:.2f} s"
        print(f"{told}  counted {row['counted_usd']:.3f} USD  CPU {row['cpu_pixmo']:.2f} / {row['cpu_bare']:.2f} ms")
    found = {
        "answered": min(r["answered"] for r in rows),
        "wall_over_ideal": statistics.median(r["wall_s"] / r["ideal_s"] for r in rows),
        "cpu_over_bare": statistics.median(r["cpu_pixmo"] / r["cpu_bare"] for r in rows),
        "a_third_stops": all(r["third"]["budget_spent"] for r in rows),
    }
    print(f"\n{'wall / ideal':16}{found['wall_over_ideal']:.3f}   bar 1.3")
    print(f"{'CPU / bare':16}{found['cpu_over_bare']:.3f}   bar 1.5")
    print(json.dumps(found | {"runs": rows}))


if __name__ == "__main__":
    main()
