"""`pixmo train probe`: three questions to a set, each answered by a small training run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.eval_loss import devices_of
from pixmo.cli.options import built, settings_options
from pixmo.cli.printing import many, printable, told
from pixmo.errors import BadSetting
from pixmo.train.probe_settings import PIECES, Probe

BAD_VERDICT = 3
SHOWN = 5
EPILOG = """
The same command again goes on where it stopped, and asks no question twice.
"""


@click.command(epilog=EPILOG)
@click.argument("data")
@click.option(
    "--model", default="", metavar="FOLDER", help="Checkpoint to begin from.  [default: a small one from scratch]"
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder of the answers.  [default: DATA's name and -probe]"
)
@click.option("--only", metavar="WORD,WORD", help=f"Which questions: {', '.join(PIECES)}.  [default: all]")
@settings_options(
    Probe, spelled={"as_": "--as"}, only=[name for name in Probe.__dataclass_fields__ if name not in ("data", "model")]
)
@click.option("--device", help="cpu, cuda, cuda:1.  [default: a GPU if there is one]")
@click.option("--strict", is_flag=True, help="Exit code 3 when a verdict is bad.")
@json_option
def command(
    data: str,
    model: str,
    out: Path | None,
    only: str | None,
    device: str | None,
    strict: bool,
    as_json: bool,
    **values: Any,
) -> int:  # Any: option values
    """Find out by small trainings whether DATA is sound.

    Can a batch of it be learned by heart? Do its pictures tell something about its captions? Which rows cost a model most that was trained
    on the others? OUT/probe.html shows the answers, probe.json and rows.parquet hold them.
    """
    settings = built(Probe, values | {"data": data, "model": model})
    where = devices_of((device,) if device else (), "pixmo train probe")[0]
    from pixmo.train.probe import is_bad, probe

    folder = out or Path(f"{_name_of(data)}-probe")
    asked = tuple(word.strip() for word in only.split(",")) if only is not None else tuple(PIECES)
    with Bar() as bar:
        results = probe(settings, folder, asked, device=where, on_step=bar.show)
    print(told(results) if as_json else "\n".join(lines(results)))
    if not as_json:
        print(f"look at {printable(str(folder / 'probe.html'))}")
    return BAD_VERDICT if strict and is_bad(results) else 0


def lines(results: dict[str, Any]) -> Iterator[str]:  # Any: JSON values
    """The verdicts for people."""
    left_out = f", {len(results['left_out']):,} left out" if results["left_out"] else ""
    yield f"{printable(results['data'])}: {many(results['rows'], 'row')}, {many(results['pictures'], 'picture')}{left_out}"
    if found := results.get("overfit"):
        yield f"  {many(found['rows'], 'row')} {found['verdict']}: loss {found['loss']:.3f} after {many(found['steps'], 'step')}"
        yield from (
            f"    {printable(row['row_id'])}  {row['loss']:.3f}  {printable(row['why'])}" for row in found["left"]
        )
    if found := results.get("shuffle"):
        yield f"  {found['verdict']}: {found['why'] if 'why' in found else _measured(found)}"
    if found := results.get("suspicious"):
        yield f"  highest losses of {many(found['scored'], 'row')}, for their style:"
        for row in found["rows"][:SHOWN]:
            yield f"    {printable(row['row_id'])}  {row['loss']:.3f} nats a token, {row['z']:.1f} deviations above the mean"


def _measured(found: dict[str, Any]) -> str:
    gained = found["gained"]
    return (
        f"beside another's picture a caption costs {gained['value']:+.4f} nats a token more ({gained['low']:+.4f} to {gained['high']:+.4f}), "
        f"measured on {many(found['held_out'], 'row')} held out, against a model trained on shuffled captions"
    )


def _name_of(data: str) -> str:
    name = Path(data).name
    if not name or any(letter in data for letter in "*?["):
        raise BadSetting(f"{data}: say where to write with -o OUT")
    return Path(name).stem


class Bar:
    """A bar for each training run, on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None  # Any: a tqdm bar
        self._piece = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, piece: str, step: int, steps: int, loss: float) -> None:
        """A step was done."""
        from tqdm import tqdm

        if piece != self._piece:
            self.__exit__(None, None, None)
            self._bar, self._piece = tqdm(total=steps, desc=piece, unit="step", disable=None), piece
        self._bar.set_postfix({"loss": f"{loss:.3f}"}, refresh=False)
        self._bar.update(step - self._bar.n)
