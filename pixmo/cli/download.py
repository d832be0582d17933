"""`pixmo download`: from a list of URLs to training-ready shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pixmo.catalog.load import group_names
from pixmo.cli.carry_out import carry_out
from pixmo.cli.effort import effort_options, home
from pixmo.cli.lean import spare_pandas
from pixmo.cli.places import Places, places
from pixmo.cli.road import HEAD, INPUT, known_set, known_settings, road
from pixmo.cli.road_options import given, input_options, out_option, output_options, stage_options
from pixmo.errors import BadSetting
from pixmo.run.recipe import Recipe

EPILOG = """
SOURCE is a file (Parquet, Arrow, CSV, TSV, JSONL, text; also .gz and .zst), a folder or glob of them, - for standard
input, any address fsspec knows, a Hub data set (owner/name), or a short name (cap, points, …; `pixmo` is all sets).
With two or more arguments the last is OUT. With none, all PixMo sets go into $PIXMO_HOME, after a word about what
that takes.

Running it again goes on where it stopped.
"""


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, metavar="[SOURCE]... [OUT]")
@out_option
@input_options
@output_options
@stage_options("download", "inspect_image", "find_duplicates", "fold_outcome", "select")
@click.option("--no-decode", is_flag=True, help="Take bytes as they come: no look, no perceptual hash, no duplicates.")
@effort_options
@click.pass_context
def command(
    ctx: click.Context, /, paths: tuple[str, ...], out: Path | None, **values: Any
) -> int:  # Any: option values
    """Fetch the pictures of a list of URLs into training-ready shards."""
    settings = road_settings(given(ctx))
    if not paths or paths[0] in group_names():
        return download_group(paths[1:], out, settings, values)
    where = places(paths, out)
    spare_pandas(where.sources)
    recipe = recipe_for(where, settings)
    return carry_out(recipe, where, values)


def download_group(
    after: tuple[str, ...], out: Path | None, settings: Mapping[str, Any], values: Mapping[str, Any]
) -> int:  # Any: option values
    """All sets, into the home or the folder that was given."""
    from pixmo.cli.all_sets import download_all

    if len(after) > 1 or (after and out):
        raise BadSetting("several sets and a group of sets do not go into one folder; download them one by one")
    return download_all(out or (Path(after[0]) if after else home()), settings, values)


def road_settings(values: Mapping[str, Any]) -> dict[str, Any]:  # Any: option values
    """Of the options given, those that the recipe holds."""
    known = set(known_settings())
    settings = {k: v for k, v in values.items() if k in known}
    return settings | ({"decode": False} if values.get("no_decode") else {})


def recipe_for(where: Places, settings: Mapping[str, Any]) -> Recipe:
    """The road over these sources, as their media ask."""
    source = where.sources[0] if len(where.sources) == 1 else where.sources
    return road(source, media=media_of(where.sources, settings), **settings)


def media_of(sources: tuple[str, ...], settings: Mapping[str, Any]) -> str:  # Any: settings of the road
    """Where the pictures are: the catalog knows of its sets, others are looked into; standard input cannot be twice."""
    from pixmo.sources.open import open_with

    if sources == ("-",):
        return "url"
    known = known_set(sources)
    if known is not None:
        return known.media
    of_input = {k: settings[k] for k in (*INPUT, *HEAD[:2]) if k in settings}
    _, columns = open_with(sources[0] if len(sources) == 1 else sources, of_input)
    return "embedded" if columns.picture and not (columns.url or columns.urls) else "url"
