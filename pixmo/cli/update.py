"""`pixmo update`: the list has grown or changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.effort import effort_of, effort_options
from pixmo.cli.printing import finished
from pixmo.errors import BadSource
from pixmo.run.folder import Folder
from pixmo.run.job import run_recipe


@click.command()
@out_argument
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@json_option
@effort_options
def command(out: Path, sources: tuple[str, ...], as_json: bool, **values: Any) -> int:  # Any: option values
    """Take a grown or changed list: do only what is new.

    Without SOURCE the folder's own is read again. Rows that left the list leave the data; rows that stayed are not
    asked again.
    """
    recipe = Folder(out).recipe()
    if sources:
        given = sources[0] if len(sources) == 1 else sources
        recipe = replace(recipe, input=given)
    try:
        return finished(run_recipe(recipe, out, effort_of(values, out), update=True), as_json)
    except BadSource as error:
        if sources:
            raise
        raise BadSource(f"{error}; say where the list is: pixmo update {out} SOURCE") from error
