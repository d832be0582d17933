"""From a recipe to an exit code: print it, estimate it, or run it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from pixmo.cli.effort import effort_of
from pixmo.cli.places import Places
from pixmo.cli.printing import finished
from pixmo.engines.http.settings import HttpSettings
from pixmo.run.job import check_stages, run_recipe
from pixmo.run.recipe import Recipe


def carry_out(recipe: Recipe, where: Places, values: Mapping[str, Any]) -> int:  # Any: option values
    """Prints, estimates or runs; the exit code."""
    if values["as_recipe"]:
        print(recipe.to_toml(), end="")
        return 0
    effort = effort_of(values, where.out)
    check_settings(recipe)
    if values["dry_run"]:
        from pixmo.cli.estimate import print_dry_run

        return print_dry_run(recipe, where.out, effort, values["as_json"])
    if where.derived and not values["quiet"]:
        click.echo(f"writing into {where.out}", err=True)
    return finished(run_recipe(recipe, where.out, effort), values["as_json"])


def check_settings(recipe: Recipe) -> None:
    """What an engine would refuse, refused before the first row: settings, a missing extra, a missing key. Raises a PixmoError."""
    check_stages(recipe)
    download = recipe.find("download")
    if download is not None:
        HttpSettings(**download.http_settings(1))
