"""`pixmo eval loss`: how well a model tells what a set says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.model_options import TYPES
from pixmo.cli.options import built, settings_options
from pixmo.cli.printing import many, printable, told
from pixmo.errors import BadSetting, MissingExtra

if TYPE_CHECKING:
    import torch

MOST_REASONS, LONGEST = 10, 200


def _said(default: Any, help: str) -> Any:  # Any: a dataclass field stands in for its value's type
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Loss:
    """What is scored, and how hard to try."""

    split: str = _said("", "only this split")
    prompts: str = _said("", "in whose words: molmo1, molmo2 … [default: MOLMO-captioner, the model's own family's]")
    styles: tuple[str, ...] = _said((), "only these ways of asking, such as long_caption")
    limit: int | None = _said(None, "only so many rows, the first")
    seed: int = _said(0, "of the words and of the intervals")
    as_: str = _said("", "what rows are that do not say so themselves: caption, qa, points …")
    unit: str = _said("", "of the points of such rows: percent, pixels …")
    batch_size: int = _said(8, "rows at a time")
    workers: int = _said(2, "threads that prepare pictures while the model works")

    def __post_init__(self) -> None:
        if self.limit == 0 or self.batch_size < 1 or self.workers < 1:
            raise BadSetting("--limit, --batch-size and --workers are at least 1")
        if self.seed >= 2**32:
            raise BadSetting("--seed is below 2^32")


@click.command()
@click.argument("data")
@click.option("--model", required=True, type=click.Path(path_type=Path), help="Checkpoint folder.")
@settings_options(Loss, spelled={"as_": "--as"})
@click.option("--device", multiple=True, help="cpu, cuda, cuda:1; several spread the model.  [default: a GPU if any]")
@click.option("--dtype", type=click.Choice(TYPES), help="Of the numbers.  [default: bfloat16 on a GPU, else float32]")
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Write results and rows into it.")
@json_option
def command(
    data: str, model: Path, device: tuple[str, ...], dtype: str | None, out: Path | None, as_json: bool, **values: Any
) -> None:  # Any: option values
    """Tell cross-entropy and accuracy of a model on the answers in DATA: means over tokens, in all and by style.

    DATA is what `pixmo.load` reads. With -o, OUT/results.json holds the figures and OUT/rows.parquet the loss of each row, the highest first.
    """
    settings = built(Loss, values)
    devices = devices_of(device, "pixmo eval loss")
    import torch
    from tqdm import tqdm

    from pixmo.molmo.folder import open_model
    from pixmo.train.score import score
    from pixmo.train.score_report import as_plain, write_scores
    from pixmo.train.settings import Source

    source = Source(
        data, split=settings.split, prompts=settings.prompts, styles=settings.styles, as_=settings.as_, unit=settings.unit
    )  # fmt: skip
    ready = open_model(model, dtype=getattr(torch, dtype) if dtype else None, devices=devices)
    with tqdm(desc="loss", unit="row", disable=None) as bar:  # None: only on a terminal
        scored = score(
            ready, source, limit=settings.limit, batch=settings.batch_size, loaders=settings.workers,
            seed=settings.seed, on_rows=partial(_show, bar),
        )  # fmt: skip
    results = as_plain(scored, source, model.resolve().name, settings.seed)
    if out is not None:
        write_scores(out, results, scored)
    print(told(results) if as_json else "\n".join(lines(results)))
    if out is not None and not as_json:
        print(f"look at {printable(str(out / 'rows.parquet'))}")


def devices_of(named: tuple[str, ...], needed_for: str) -> list[torch.device]:
    """The devices, or a GPU where there is one. Raises MissingExtra without torch, BadSetting for a device that is not there."""
    try:
        import torch  # noqa: F401 – told before anything of ours asks for it
    except ImportError as error:
        raise MissingExtra("molmo", needed_for) from error
    from pixmo.molmo.device import device_named

    return [device_named(name) for name in named or (None,)]


def lines(results: dict[str, Any]) -> Iterator[str]:  # Any: JSON values
    """For people."""
    left_out = sum(results["left_out"].values())
    yield f"{results['model']} on {results['data']}: {many(results['rows'], 'row')}, {many(results['tokens'], 'token')}"
    width = max(len("all"), *map(len, results["styles"]))
    yield f"  {'':<{width}}  {'loss':>24}  {'accuracy':>24}  {'perplexity':>10}  {'z-loss':>8}  {'tokens':>9}"
    for name, found in {"all": results, **results["styles"]}.items():
        numbers = f"{_interval(found['loss']):>24}  {_interval(found['accuracy']):>24}"
        yield f"  {name:<{width}}  {numbers}  {found['perplexity']:>10.4g}  {found['z_loss']:>8.3g}  {found['tokens']:>9,}"
    if results["cut"]:
        yield f"{many(results['cut'], 'row')} longer than the context: what stands behind it is not counted"
    if left_out:
        yield f"{many(left_out, 'row')} left out:"
        reasons = list(results["left_out"].items())
        yield from (f"  {count:,}  {printable(why[:LONGEST])}" for why, count in reasons[:MOST_REASONS])
        yield from [f"  … and {len(reasons) - MOST_REASONS:,} more reasons"] if len(reasons) > MOST_REASONS else []


def _interval(found: dict[str, float | None]) -> str:
    value, low, high = (found[name] for name in ("value", "low", "high"))
    return f"{value:.4f}" if low is None else f"{value:.4f} ({low:.4f}–{high:.4f})"


def _show(bar: Any, done: int, of: int) -> None:  # Any: a tqdm bar
    bar.total = of
    bar.update(done - bar.n)
