"""`pixmo predict`: a Molmo's captions, points, counts and answers about the rows of a set."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.options import built, settings_options
from pixmo.cli.printing import left_out_lines, many, told
from pixmo.errors import BadSetting, MissingExtra
from pixmo.predict.settings import TASKS, Effort, Settings

if TYPE_CHECKING:
    from pixmo.predict.predict import Summary
    from pixmo.predict.work import Done

EPILOG = """
The same command again goes on where it stopped. With several GPUs: torchrun --nproc-per-node 4 -m pixmo predict …; each process takes its share
of the rows, and whichever is last writes OUT/predictions.json.
"""
FIRST_S, LINE_S = 2.0, 15.0


@click.command(epilog=EPILOG)
@click.argument("data")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", required=True, type=click.Path(path_type=Path), help="Checkpoint folder.")
@click.option("--task", required=True, type=click.Choice(list(TASKS)), help="What is asked about each row.")
@settings_options(Settings, only=[name for name in Settings.__dataclass_fields__ if name != "task"])
@settings_options(Effort)
@json_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.pass_context
def command(
    ctx: click.Context, /, data: str, out: Path, model: Path, as_json: bool, quiet: bool, **values: Any
) -> None:  # Any: option values
    """Let a Molmo caption, point, count or answer for every row of a set.

    OUT/predictions.json is as Ai2 writes it. DATA is a finished folder, Parquet or Arrow files, a list (JSONL, CSV) with paths of pictures beside it, or a folder of pictures.
    """
    settings = built(Settings, values)
    effort = placed(built(Effort, values), os.environ, lambda name: _is_given(ctx, name))
    predict = _predict()
    with Bar(quiet) as bar:
        summary = predict(data, out, model, settings, effort, on_progress=bar.show)
    print(told(summary.as_json()) if as_json else "\n".join(lines(summary, effort)))


def placed(effort: Effort, environment: Mapping[str, str], is_given: Callable[[str], bool]) -> Effort:
    """The share and the GPU that `torchrun` gives this process, where no option says otherwise."""
    if not (is_given("rank") or is_given("world_size")) and {"RANK", "WORLD_SIZE"} <= environment.keys():
        rank, world_size = (_number(environment, name) for name in ("RANK", "WORLD_SIZE"))
        effort = replace(effort, rank=rank, world_size=world_size)
    if "LOCAL_RANK" in environment and effort.device in ((), ("cuda",)) and (effort.device or _has_gpu()):
        effort = replace(effort, device=(f"cuda:{_number(environment, 'LOCAL_RANK')}",))
    return effort


def lines(summary: Summary, effort: Effort) -> Iterator[str]:
    """What was done and where to look."""
    before = f", {summary.before:,} there before" if summary.before else ""
    left = f", {summary.left_out:,} left out" if summary.left_out else ""
    yield f"{summary.out}: {many(summary.rows, 'row')}, {many(summary.answers, 'new answer')}{before}{left}"
    if not summary.is_published:
        yield f"rank {effort.rank} of {effort.world_size} is done; the last of them writes predictions.json"
        return
    yield from left_out_lines(summary.out)
    yield f"look at {summary.out / 'predictions.json'}"


class Bar:
    """Rows a second and the time left: a bar on a terminal, a line now and then elsewhere; none before two seconds."""

    def __init__(self, quiet: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._started = self._last = monotonic()
        self._bar: Any = None  # Any: a tqdm bar

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, done: Done) -> None:
        """A batch has its answers."""
        now = monotonic()
        if self._quiet or now - self._started < FIRST_S:
            return
        if self._stream.isatty():
            self._draw(done)
        elif now - self._last > LINE_S:
            self._last = now
            rate = (done.rows - done.before or done.rows or 1) / (now - self._started)
            left_s = (done.of - done.rows) / rate
            print(
                f"predict: {done.rows:,}/{done.of:,} rows, {rate:.2f}/s, {left_s:,.0f} s left",
                file=self._stream,
                flush=True,
            )

    def _draw(self, done: Done) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(
                total=done.of, desc="predict", unit="row", file=self._stream, dynamic_ncols=True, initial=done.before
            )
        self._bar.set_postfix({"tokens": done.tokens}, refresh=False)
        self._bar.update(done.rows - self._bar.n)


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _number(environment: Mapping[str, str], name: str) -> int:
    try:
        return int(environment[name])
    except ValueError:
        raise BadSetting(
            f"{name} in the environment is {environment[name]!r}, not a number; say --rank and --world-size"
        ) from None


def _has_gpu() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


def _predict() -> Callable[..., Summary]:
    try:
        import torch  # noqa: F401 – told before anything of ours asks for it
    except ImportError as error:
        raise MissingExtra("molmo", "predict") from error
    from pixmo.predict.predict import predict

    return predict
