"""`pixmo import`: the road over one's own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.cli.carry_out import carry_out
from pixmo.cli.download import road_settings
from pixmo.cli.effort import effort_options
from pixmo.cli.places import Places
from pixmo.cli.road import road
from pixmo.cli.road_options import given, out_option, output_options, stage_options
from pixmo.errors import BadSource


@click.command(name="import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out_given", metavar="[OUT]", type=click.Path(path_type=Path), required=False)
@out_option
@output_options
@stage_options("inspect_image", "find_duplicates", "fold_outcome", "select")
@effort_options
@click.pass_context
def command(
    ctx: click.Context, /, folder: Path, out_given: Path | None, out: Path | None, **values: Any
) -> int:  # Any: option values
    """Walk the same road with your own folder of pictures, without the network.

    Captions beside the pictures travel along: x.txt beside x.jpg, x.json whose fields become columns, or one
    metadata.csv or metadata.jsonl with a file_name column.
    """
    if not folder.is_dir():
        raise BadSource(f"{folder}: is no folder of pictures; for a list of URLs use `pixmo download`")
    where = out or out_given or folder.with_name(folder.resolve().name + "-pixmo")
    recipe = road(str(folder), media="embedded", pictures=True, **road_settings(given(ctx)))
    return carry_out(recipe, Places((str(folder),), where, out is None and out_given is None), values)
