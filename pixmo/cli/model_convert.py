"""`pixmo model convert`: a checkpoint in another layout."""

from __future__ import annotations

from pathlib import Path

import click

from pixmo.cli.model_options import config_named, dtype_option, folder_argument, model_option
from pixmo.cli.options import SIZE
from pixmo.cli.printing import amount, printable

LAYOUTS = ("transformers", "hub-molmo2", "hub-molmo")


@click.command()
@folder_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--layout", type=click.Choice(LAYOUTS), help="[default: transformers for Molmo2, hub-molmo for Molmo]")
@dtype_option
@click.option(
    "--shard-size", "shard_bytes", type=SIZE, default="5GB", show_default=True, help="Largest file of weights."
)
@model_option
def command(folder: Path, out: Path, layout: str | None, dtype: str | None, shard_bytes: int, name: str | None) -> None:
    """Write the checkpoint in FOLDER to the new folder OUT, tokenizer and settings of processing with it.

    The layout transformers (Molmo2) is what vLLM and VLMEvalKit serve.
    """
    from pixmo.molmo.carry import carry, new_folder
    from pixmo.molmo.folder import has_tokenizer
    from pixmo.molmo.trial import dtype_named
    from pixmo.molmo.weights.inspect import inspect
    from pixmo.molmo.weights.read import load
    from pixmo.molmo.weights.write import published_settings, save

    config = inspect(folder, config=config_named(name)).config
    published_settings(config, layout)  # refused before the weights are read
    can_be_asked = has_tokenizer(config, folder)
    with new_folder(out):
        model = load(folder, config=config, dtype=dtype_named(dtype))
        carried = carry(folder, out)
        save(model, out, layout=layout, shard_bytes=shard_bytes)
    made = inspect(out)
    files = len(made.checkpoint.files)
    print(
        f"{printable(str(out))}: {made.layout}, {made.parameters:,} parameters, {files} file(s), {amount(made.checkpoint.bytes)}"
    )
    print(f"with it: {', '.join(carried) or 'nothing'}")
    if not can_be_asked:
        print(f"{printable(str(folder))} has no tokenizer.json; the model cannot be asked without one")
