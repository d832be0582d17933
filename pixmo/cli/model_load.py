"""`pixmo model load`: does a checkpoint work on this machine, and what does it need?"""

from __future__ import annotations

from pathlib import Path

import click

from pixmo.cli.model_options import config_named, dtype_option, folder_argument, model_option
from pixmo.cli.printing import amount, printable


@click.command()
@folder_argument
@dtype_option
@click.option(
    "--device", "devices", multiple=True, help="cpu, cuda, cuda:1 …; several share the blocks.  [default: cpu]"
)
@model_option
def command(folder: Path, dtype: str | None, devices: tuple[str, ...], name: str | None) -> None:
    """Load the checkpoint in FOLDER and let it read one token: parameters, seconds, memory, devices.

    Exit code 2 and a report when tensors are missing, unexpected or of another shape.
    """
    from pixmo.molmo.folder import has_tokenizer
    from pixmo.molmo.trial import try_out
    from pixmo.molmo.weights.read import config_in, open_checkpoint

    config = config_named(name) or config_in(open_checkpoint(folder))
    can_be_asked = has_tokenizer(config, folder)
    trial = try_out(folder, config=config, dtype=dtype, devices=devices or ("cpu",))
    type_ = str(trial.dtype).removeprefix("torch.")
    print(f"{printable(str(folder))}: {trial.parameters:,} parameters as {type_}")
    print("devices       " + ", ".join(f"{device} {amount(size)}" for device, size in trial.bytes_on.items()))
    beyond = (
        "" if trial.beyond_bytes is None else f", at most {amount(trial.beyond_bytes)} of host memory beyond the model"
    )
    print(f"loaded        in {trial.load_s:.1f} s{beyond}")
    print(f"read a token  in {trial.read_s:.2f} s, its best word has logit {trial.best:.3f}")
    if not can_be_asked:
        print(f"{printable(str(folder))} has no tokenizer.json; the model cannot be asked without one")
