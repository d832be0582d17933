"""`pixmo run`: a recipe into a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pixmo.cli.carry_out import carry_out
from pixmo.cli.effort import effort_options
from pixmo.cli.lean import spare_pandas
from pixmo.cli.options import COUNT
from pixmo.cli.places import Places
from pixmo.cli.road import name_of
from pixmo.run.recipe import load_recipe


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.argument("out_given", metavar="[OUT]", type=click.Path(path_type=Path), required=False)
@click.option("--input", "source", metavar="SOURCE", help="Read this instead of the recipe's input.")
@click.option("--limit", type=COUNT, help="Read only so many rows.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder to write into; by default the recipe's name."
)
@click.option("--as-recipe", is_flag=True, help="Print the recipe as it would run, and exit.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what it would cost, and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print results as JSON.")
@effort_options
def command(
    recipe: Path, out_given: Path | None, source: str | None, limit: int | None, out: Path | None, **values: Any
) -> int:  # Any: option values
    """Run a recipe into a folder.

    RECIPE is a TOML file; `pixmo init` copies one to begin with. Running it again goes on where it stopped.
    """
    loaded = load_recipe(recipe)
    if source is not None:
        loaded = replace(loaded, input=source)
    if limit is not None:
        loaded = replace(loaded, source=loaded.source | {"limit": limit})
    spare_pandas((loaded.input or "",) if isinstance(loaded.input, str | None) else loaded.input)
    where = out or out_given
    return carry_out(loaded, Places((), where or Path(name_of(loaded.name)), where is None), values)
