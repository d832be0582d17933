"""`pixmo model inspect`: what a checkpoint is, before it is loaded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.model_options import config_named, folder_argument, model_option
from pixmo.cli.printing import printable, told

if TYPE_CHECKING:
    from pixmo.molmo.weights.inspect import Inspection

DIFFERS = 1


@click.command()
@folder_argument
@model_option
@json_option
def command(folder: Path, name: str | None, as_json: bool) -> int:
    """Tell which model, layout, sizes and types FOLDER holds, and which tensors are missing, unexpected or misshaped.

    Reads headers only. Exit code 1 when tensors differ from what the settings need.
    """
    from pixmo.molmo.weights.inspect import inspect

    found = inspect(folder, config=config_named(name))
    print(told(_as_json(found)) if as_json else "\n".join(map(printable, str(found).splitlines())))
    return DIFFERS if found.report else 0


def _as_json(found: Inspection) -> dict[str, Any]:  # Any: JSON values
    return {
        "model": found.name,
        "layout": found.layout,
        "files": [file.name for file in found.checkpoint.files],
        "bytes": found.checkpoint.bytes,
        "parameters": found.parameters,
        "types": list(found.types),
        "config": asdict(found.config),
        "tensors": asdict(found.report),
    }
