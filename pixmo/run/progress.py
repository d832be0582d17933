"""What people see while it runs: a bar on a terminal, a line now and then elsewhere; always on stderr, none before two seconds."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pixmo.run.askers import Askers
    from pixmo.run.pictures import PictureStages
    from pixmo.run.recipe import Step
    from pixmo.run.shard import Shard
    from pixmo.run.world import LocalWorld

FIRST_S = 2.0
LINE_S = 15.0


class Progress:
    """Counts rows; `samples` are (seconds, rows done) for the report's throughput chart."""

    def __init__(self, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._terminal = self._stream.isatty()
        self._started = monotonic()
        self._bar: Any = None  # Any: a tqdm bar
        self._last_line = monotonic()
        self._done: Counter[str] = Counter()
        self.samples: list[tuple[float, int]] = []

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()

    def note(self, text: str) -> None:
        """One line about what begins."""
        if not self._quiet:
            self._close()
            print(text, file=self._stream)

    def rows_read(self, rows: int) -> None:
        """While a source is read; its length is not known."""
        self._show("read", rows, None, {})

    def on_shard(self, step: Step, shard: Shard) -> None:
        """A step of a shard is finished."""
        if step.kind == "world":
            self._done[step.use] += shard.planned.rows

    def files(self, done: int, total: int) -> None:
        """While files are written."""
        self._show("write", done, total, {}, unit="file")

    async def watch(self, world: LocalWorld, pictures: PictureStages, askers: Askers, rows: int) -> None:
        """Looks at the run twice a second until cancelled."""
        while True:
            done = min(rows, max(min(self._done.values(), default=0), world.filled))
            self.samples.append((monotonic() - self._started, done))
            if len(self.samples) > 2000:
                del self.samples[1::2]
            shown: dict[str, Any] = dict(Counter(world.counts).most_common(6))
            shown |= {name: engine.answered for name, engine in askers.engines.items()}
            if pictures.decoded:
                shown["decoded"] = pictures.decoded
            self._show("fetch" if world.filled else "work", done, rows, shown)
            await asyncio.sleep(0.5)

    def _show(self, what: str, done: int, total: int | None, counts: dict[str, Any], unit: str = "row") -> None:
        if self._quiet or monotonic() - self._started < FIRST_S:
            return
        if self._terminal:
            self._show_bar(what, done, total, counts, unit)
        elif monotonic() - self._last_line > LINE_S:
            self._last_line = monotonic()
            rate = done / max(monotonic() - self._started, 1e-9)
            told = " ".join(f"{k}={v:,}" for k, v in counts.items())
            of = f"/{total:,}" if total else ""
            print(f"{what}: {done:,}{of} {unit}s, {rate:,.0f}/s {told}".rstrip(), file=self._stream, flush=True)

    def _show_bar(self, what: str, done: int, total: int | None, counts: dict[str, Any], unit: str) -> None:
        from tqdm import tqdm

        if self._bar is None or self._bar.desc.rstrip(": ") != what:
            self._close()
            self._bar = tqdm(
                total=total,
                desc=what,
                unit=unit,
                unit_scale=True,
                file=self._stream,
                dynamic_ncols=True,
                initial=0,
                smoothing=0.1,
            )
        self._bar.update(done - self._bar.n)
        self._bar.set_postfix(counts, refresh=False)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
