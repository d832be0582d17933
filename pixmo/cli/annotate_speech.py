"""`pixmo annotate speech`: people describe pictures aloud in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.cli.annotate_serving import ADDRESS, PATH, PEOPLE, address_of, require_extra, tell, with_options
from pixmo.cli.options import Size


@click.command()
@click.argument("images", type=PATH)
@click.argument("out", type=PATH)
@with_options(*PEOPLE)
@click.option("--min-s", type=float, default=60.0, help="The least a description should take.")
@click.option("--max-s", type=float, default=90.0, help="The most it should take.")
@click.option("--max-bytes", type=Size(), default=50_000_000, help="The largest recording that is taken.")
@with_options(*ADDRESS)
def command(images: Path, out: Path, **values: Any) -> None:  # Any: option values
    """Collect spoken descriptions of pictures in the browser.

    Serves the pictures of the folder IMAGES to annotators, each by a personal link, and keeps what they say in OUT, for
    `pixmo caption OUT CAPTIONS`. It runs until Ctrl-C; the same command goes on. `pixmo annotate withdraw OUT PERSON` deletes all
    that somebody recorded.
    """
    require_extra("speech")
    from pixmo.annotate.run import Speech, collect_speech

    address = address_of(values)
    collect_speech(images, out, Speech(**values), address, tell)
