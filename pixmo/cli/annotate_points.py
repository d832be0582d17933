"""`pixmo annotate points`: people point at every instance of something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.cli.annotate_serving import ADDRESS, GOLD, PATH, PEOPLE, address_of, require_extra, tell, with_options


@click.command()
@click.argument("images", type=PATH)
@click.argument("out", type=PATH)
@click.option(
    "--labels", help="What to point at in every picture, as in cats,dogs; without it the list says so, or people do."
)
@with_options(*PEOPLE, *GOLD, *ADDRESS)
def command(images: Path, out: Path, labels: str | None, **values: Any) -> None:  # Any: option values
    """Collect points on every instance of something.

    IMAGES is a folder of pictures, or a CSV or JSONL file with columns `image` and `label`. Annotators get a personal link each; what
    they point at is in OUT/points.parquet and OUT/points.jsonl. It runs until Ctrl-C; the same command goes on.
    """
    require_extra("points")
    from pixmo.annotate.run_answers import Work, collect_points

    address = address_of(values)
    collect_points(images, out, Work(**values), labels, address, tell)
