"""What a run tells of itself: `log.jsonl` with a line per step, and `loss.html` that draws it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pixmo.page.charts import line
from pixmo.page.html import Html, foreign, page, tag
from pixmo.page.numbers import compact, count, duration
from pixmo.storage.publish import publish_bytes
from pixmo.train.settings import Training

Line = dict[str, Any]  # Any: JSON
LOG = "log.jsonl"
MOST_POINTS = 400  # of a chart: more than there are pixels between


class Log:
    """The lines of a run up to `step`; those beyond it, of a run that was killed behind its checkpoint, are cut off.

    The log of a process that is not the first writes nothing.
    """

    def __init__(self, out: Path, step: int, *, is_ours: bool = True) -> None:
        self.out, self.path = out, out / LOG
        self.lines = [line for line in read_lines(out) if line["step"] <= step]
        self._is_ours = is_ours
        if is_ours:
            publish_bytes(self.path, "".join(map(_written, self.lines)).encode())

    def __enter__(self) -> Log:
        self._file = self.path.open("a", encoding="utf-8") if self._is_ours else None
        return self

    def __exit__(self, *exc: object) -> None:
        if self._file:
            self._file.close()

    def add(self, line: Line) -> None:
        """One step more."""
        self.lines.append(line)
        if self._file:
            self._file.write(_written(line))
            self._file.flush()

    def save(self, training: Training) -> None:
        """Make the lines durable, and draw `loss.html` anew."""
        if self._file:
            os.fsync(self._file.fileno())
            publish_bytes(self.out / "loss.html", loss_page(training, self.lines).encode())


def _written(line: Line) -> str:
    return json.dumps(line) + "\n"


def read_lines(out: Path) -> list[Line]:
    """The whole lines of a run's log; one that was torn by a kill, and what follows it, is not there."""
    path, lines = out / LOG, list[Line]()
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            told = json.loads(text)
        except ValueError:
            break
        if not isinstance(told, dict) or not isinstance(told.get("step"), int):
            break
        lines.append(told)
    return lines


# --- the page -----------------------------------------------------------------------------------------------------


def loss_page(training: Training, lines: Sequence[Line]) -> str:
    """The whole page, self-contained."""
    done = f"{len(lines):,} of {training.steps:,} steps."
    header = tag(
        "header",
        tag("p", "pixmo train captioner", class_="eyebrow"),
        tag("h1", "Loss"),
        tag("p", done, class_="soft"),
    )
    body = (_figures(lines), _learned(lines), _paces(lines), _what(training)) if lines else ()
    return page("Loss · pixmo train", header, tag("main", body), tag("footer", "Numbers of every step: log.jsonl."))


def _figures(lines: Sequence[Line]) -> Html:
    last, mean = lines[-1], smoothed([line["loss"] for line in lines])
    tiles = [
        ("Loss", f"{last['loss']:.4f}", f"mean of the last steps {mean[-1]:.4f}"),
        ("Accuracy", f"{last['accuracy']:.1%}", "of the tokens learned from"),
        ("Tokens", compact(sum(line["tokens"] for line in lines)), "read, pictures included"),
        ("Time", duration(sum(line["seconds"] for line in lines)), f"{last['examples_per_s']:.1f} examples/s"),
        (
            "Replaced",
            count(sum(line["left_out"] for line in lines)),
            "rows that cannot be learned, each time they came",
        ),
    ]
    return tag(
        "dl",
        [
            tag("div", tag("dt", name), tag("dd", figure, class_="figure"), tag("dd", note, class_="soft"))
            for name, figure, note in tiles
        ],
        class_="tiles",
    )


def _learned(lines: Sequence[Line]) -> Html:
    losses = [line["loss"] for line in lines]
    charts = [
        ("Loss of each step", losses),
        ("Loss, mean of the steps before", smoothed(losses)),
        ("Accuracy", [line["accuracy"] for line in lines]),
    ]
    return tag("section", tag("h2", "What was learned"), _charts(lines, charts))


def _paces(lines: Sequence[Line]) -> Html:
    parts = list(lines[-1]["rate"])
    charts = [(f"Rate of the {part}, millionths", [line["rate"][part] * 1e6 for line in lines]) for part in parts]
    charts += [(f"Gradient of the {part}, norm", [line["norm"][part] for line in lines]) for part in parts]
    return tag("section", tag("h2", "How"), _charts(lines, charts))


def _charts(lines: Sequence[Line], charts: Sequence[tuple[str, Sequence[float]]]) -> Html:
    every = -(-len(lines) // MOST_POINTS)
    steps = [line["step"] for line in lines]
    drawn = [
        tag(
            "div",
            tag("h3", title),
            line(list(zip(steps, values, strict=True))[::every], title, "step", ""),
            class_="card",
        )
        for title, values in charts
    ]
    return tag("div", drawn, class_="cards")


def _what(training: Training) -> Html:
    rows = [("Begun from", training.model), *((f"Source {n}", s.path) for n, s in enumerate(training.source, 1))]
    rows += [("Examples a step", str(training.batch)), ("Context", str(training.context))]
    table = tag("table", [tag("tr", tag("th", name, scope="row"), tag("td", foreign(told))) for name, told in rows])
    return tag("section", tag("h2", "Of what"), tag("div", table, class_="scroll"))


def smoothed(values: Sequence[float], keep: float = 0.9) -> list[float]:
    """Each value with those before it, the nearest weighing most: an exponential mean that is not drawn to its beginning."""
    means, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        means.append(total / weight)
    return means


OnStep = Callable[[Line], None]
