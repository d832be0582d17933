"""What the words of `pixmo model` share: a folder, a type of numbers, a model named where its settings do not tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pixmo.molmo.config import MolmoConfig

TYPES = ("float32", "bfloat16", "float16")

folder_argument = click.argument("folder", type=click.Path(path_type=Path))
dtype_option = click.option("--dtype", type=click.Choice(TYPES), help="Type of the numbers.  [default: as stored]")
model_option = click.option(
    "--model", "name", metavar="NAME", help="Which model it is, where a training checkpoint does not tell."
)


def config_named(name: str | None) -> MolmoConfig | None:
    """The numbers of a released model; UnknownName names the nearest."""
    from pixmo.molmo.build import config_of

    return None if name is None else config_of(name)
