"""`pixmo train captioner`: a run from a TOML file, or one that makes its own model and pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO
from uuid import uuid4

import click

from pixmo.cli.printing import left_out_lines, printable
from pixmo.errors import BadSetting, MissingExtra

if TYPE_CHECKING:
    from pixmo.train.captioner import Summary
    from pixmo.train.log import Line
    from pixmo.train.settings import Training

DEBUG, DEBUG_STEPS = "debug", 150
FIRST_S, LINE_S = 2.0, 15.0
EPILOG = """
The same command again goes on where it stopped. With several GPUs: torchrun --nproc-per-node 8 -m pixmo train captioner CONFIG.
"""


@click.command(epilog=EPILOG)
@click.argument("config", metavar="CONFIG|debug")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: CONFIG's name and -out]"
)
@click.option("--steps", type=click.IntRange(1), help="Steps of the run, instead of what CONFIG says.")
@click.option("--device", help="cpu or cuda.  [default: the GPU if there is one]")
@click.option("--wandb", metavar="PROJECT", help="Send each step to this project of Weights & Biases, too.")
def command(config: str, out: Path | None, steps: int | None, device: str | None, wandb: str | None) -> None:
    """Train a captioner as the file CONFIG says (docs/train.md shows one).

    `debug` instead of a file trains a tiny model on drawn shapes, to see that everything works here.
    """
    try:
        import torch  # noqa: F401 – told before anything of ours asks for it
    except ImportError as error:
        raise MissingExtra("molmo", "training") from error
    from pixmo.train.captioner import train

    out = out or Path(f"{Path(config).stem}-out")
    training = _training(config, out, steps)
    run = out / "run" if config == DEBUG else out
    with Told(training, run, wandb) as told:
        summary = train(training, run, device=device, on_step=told.step)
    if os.environ.get("RANK", "0") == "0":
        print("\n".join(lines(summary, out / "shapes.parquet" if config == DEBUG else None)))


def _training(config: str, out: Path, steps: int | None) -> Training:
    from pixmo.train.settings import read_training

    if config == DEBUG:
        from pixmo.train.debug import debug_training

        return debug_training(out, steps or DEBUG_STEPS)
    training = read_training(Path(config))
    return replace(training, steps=steps) if steps else training


def lines(summary: Summary, shapes: Path | None) -> Iterator[str]:
    """What was done and where to look."""
    out, model = printable(str(summary.out)), printable(str(summary.model))
    if summary.begun == summary.steps:
        yield f"{out}: all {summary.steps:,} steps were done before, loss {summary.loss:.4f}"
    else:
        before = f", {summary.begun:,} of them before" if summary.begun else ""
        yield f"{out}: {summary.step:,} of {summary.steps:,} steps{before}, loss {summary.loss:.4f}, {summary.seconds:.1f} s"
    yield from left_out_lines(summary.out)
    yield f"look at {out}/loss.html; the model is {model}"
    if shapes:
        yield f"it tells what it sees: pixmo predict {printable(str(shapes))} answers --model {model} --task caption --prompts molmo1-captioner"


class Told:
    """Steps as people see them on stderr: a bar on a terminal, a line now and then elsewhere; and in wandb, if asked for."""

    def __init__(self, training: Training, out: Path, project: str | None, stream: TextIO | None = None) -> None:
        self._training, self._out, self._project = training, out, project
        self._stream = stream or sys.stderr
        self._started = self._last = monotonic()
        self._bar: Any = None  # Any: a tqdm bar
        self._run: Any = None  # Any: a run of wandb
        self._wandb: Any = _wandb() if project else None  # Any: the library

    def __enter__(self) -> Told:
        return self

    def __exit__(self, kind: type[BaseException] | None, *more: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._run is not None:
            self._run.finish(exit_code=0 if kind is None else 1)

    def step(self, line: Line) -> None:
        """A step is done."""
        self._send(line)
        now = monotonic()
        if now - self._started < FIRST_S:
            return
        rate = f"{line['examples_per_s']:.3g} examples/s"
        if self._stream.isatty():
            self._draw(line, rate)
        elif now - self._last > LINE_S:
            self._last = now
            left_s = (self._training.steps - line["step"]) * line["seconds"]
            told = f"train: step {line['step']:,}/{self._training.steps:,}, loss {line['loss']:.4f}, {rate}, {left_s:,.0f} s left"
            print(told, file=self._stream, flush=True)

    def _draw(self, line: Line, rate: str) -> None:
        from tqdm import tqdm

        if self._bar is None:
            first = line["step"] - 1
            self._bar = tqdm(
                total=self._training.steps,
                initial=first,
                desc="train",
                unit="step",
                file=self._stream,
                dynamic_ncols=True,
            )
        self._bar.set_postfix_str(f"loss {line['loss']:.4f}, {rate}", refresh=False)
        self._bar.update(line["step"] - self._bar.n)

    def _send(self, line: Line) -> None:
        if self._wandb is None:
            return
        if self._run is None:
            self._run = self._begun()
        self._run.log({key: value for key, value in line.items() if key != "step"}, step=line["step"])

    def _begun(self) -> Any:  # Any: a run of wandb
        name = self._out / "wandb-id"  # a run that goes on is the same run there
        if not name.exists():
            name.write_text(uuid4().hex[:8], encoding="utf-8")
        try:
            return self._wandb.init(
                project=self._project, id=name.read_text(encoding="utf-8"), resume="allow", name=self._out.name,
                dir=str(self._out), config=asdict(self._training),
            )  # fmt: skip
        except self._wandb.Error as error:
            raise BadSetting(f"--wandb: {error}") from error


def _wandb() -> Any:  # Any: a library without types of its own here
    import importlib

    try:
        return importlib.import_module("wandb")
    except ImportError as error:
        raise BadSetting("--wandb needs the library wandb: pip install wandb") from error
