"""The options of the road: of its stages, of its input, of what it writes. Shared by `download` and `import`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pixmo.cli.options import COUNT, SIZE, Command, settings_options, told_size
from pixmo.records.kinds import KINDS
from pixmo.records.places import Orientation, Unit
from pixmo.run.recipe import Recipe, load_stage
from pixmo.storage.export.writers import FORMATS

SPELLED = {
    "allow_hosts": "--allow-host",
    "headers": "--header",
    "total_timeout_s": "--timeout",
    "min_bytes_per_s": "--min-speed",
    "max_park_s": "--max-park",
    "images": "--no-images",
    "near": "--no-near",
    "batched": "--no-batched",
    "word_times": "--no-word-times",
}
HELPS = {
    "images": "leave the pictures' bytes out of the published files",
    "near": "find only pictures of the same bytes, not those that look the same",
    "batched": "hear one stretch of a recording after the other, not many together (faster-whisper)",
    "word_times": "note no times of words, only of segments",
    "hash_policy": "what becomes of a picture whose sha256 differs from the list's: keep (and mark it) or strict",
}
NOT_OFFERED = {"where", "apart"}  # a recipe's own


def stage_options(*stages: str) -> Callable[[Command], Command]:
    """The options of the settings of some stages."""

    def decorate(command: Command) -> Command:
        for use in reversed(stages):
            kind = type(load_stage(use, {}))
            names = [name for name in kind.__dataclass_fields__ if name not in NOT_OFFERED]
            command = settings_options(kind, SPELLED, HELPS, names)(command)
        return command

    return decorate


def output_options(command: Command) -> Command:
    """Which rows stay and in what form they are written."""
    for add in reversed(
        [
            click.option(
                "--drop-duplicates/--keep-duplicates", default=False, help="Keep one row per picture, or all."
            ),
            click.option(
                "--split", "splits", multiple=True, metavar="NAME=COUNT", help="Hold out so many, or 1%. Stable."
            ),
            click.option(
                "--against",
                multiple=True,
                metavar="SET|FILE",
                help="Leave out pictures of this held-out set, or index of one; `none`: of none.  [default: as the catalog says]",
            ),
            click.option(
                "--keep-leaks", is_flag=True, help="Keep rows whose picture is held out; marked all the same."
            ),
            click.option(
                "--keep-other-splits", is_flag=True, help="Keep training rows whose picture is also held out."
            ),
            click.option(
                "--format", metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.  [default: {Recipe.format}]"
            ),
            click.option(
                "--shard-size", type=SIZE, help=f"Size of one file.  [default: {told_size(Recipe.shard_size)}]"
            ),
        ]
    ):
        command = add(command)
    return command


def input_options(command: Command) -> Command:
    """What of the source is read."""
    for add in reversed(
        [
            click.option("--url-column", metavar="NAME", help="Column with the URL, where it is not plain which."),
            click.option("--sha256-column", metavar="NAME", help="Column with the digest the list expects."),
            click.option("--limit", type=COUNT, help="Read only so many rows."),
            click.option("--config", metavar="NAME", help="Configuration of a Hub data set."),
            click.option(
                "--hub-split", "split", metavar="NAME", help="Split of a Hub data set to read; all when not given."
            ),
            click.option("--revision", metavar="REV", help="Revision of a Hub data set."),
        ]
    ):
        command = add(command)
    return record_options(command)


def record_options(command: Command) -> Command:
    """What the rows of a list are: the catalog knows of its own sets."""
    for add in reversed(
        [
            click.option("--as", "record", metavar="KIND", help=f"What a row is: {', '.join(KINDS)}."),
            click.option("--unit", metavar="UNIT", help=f"What coordinates count: {', '.join(Unit)}."),
            click.option(
                "--orientation",
                metavar="WAY",
                help=f"Way up of the pictures that were pointed at: {', '.join(Orientation)}.  [default: unknown]",
            ),
            click.option(
                "--field",
                "fields",
                multiple=True,
                metavar="FIELD=COLUMN",
                help="Column of a record's field, where names differ.",
            ),
            click.option(
                "--grouped/--ungrouped",
                default=None,
                help="One row per picture with all its annotations, or rows as in the list.",
            ),
        ]
    ):
        command = add(command)
    return command


def out_option(command: Command) -> Command:
    """`-o OUT`, and how to print."""
    for add in reversed(
        [
            click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder to write into."),
            click.option("--as-recipe", is_flag=True, help="Print the recipe this command would run, and exit."),
            click.option("--dry-run", is_flag=True, help="Say what would be done and what it would cost, and exit."),
            click.option("--json", "as_json", is_flag=True, help="Print results as JSON."),
        ]
    ):
        command = add(command)
    return command


def given(ctx: click.Context) -> dict[str, Any]:  # Any: option values
    """The values a person gave, defaults left out; what they did not say is the stages' to decide."""
    default = click.core.ParameterSource.DEFAULT
    return {k: v for k, v in ctx.params.items() if ctx.get_parameter_source(k) not in (default, None)}
