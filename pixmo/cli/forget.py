"""`pixmo forget`: take pictures down, for good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.effort import effort_of, some_effort_options
from pixmo.cli.printing import many, told
from pixmo.errors import BadSetting
from pixmo.run.forget import forget


@click.command()
@out_argument
@click.argument("what", nargs=-1, metavar="URL|SHA256...")
@click.option("--annotator", "annotators", multiple=True, metavar="NAME", help="All recordings of this annotator.")
@json_option
@some_effort_options
def command(
    out: Path, what: tuple[str, ...], annotators: tuple[str, ...], as_json: bool, **values: Any
) -> None:  # Any: option values
    """Take pictures down, or recordings with all that was made of them, for good.

    With a recording goes what was heard in it; captions that rest on it are written anew. A tombstone (a digest, not the URL) keeps them from coming back, also when the list is downloaded again. Their rows
    get the outcome `forgotten` and are no longer selected.
    """
    if not what and not annotators:
        raise BadSetting("say what to forget: URLs, sha256 digests, or --annotator NAME")
    gone = forget(out, what, effort_of(values, out), annotators)
    if as_json:
        print(told(gone._asdict()))
    else:
        print(
            f"{out}: {many(gone.urls, 'URL')} and {many(gone.pictures, 'file')} forgotten, {many(gone.rows, 'row')} "
            + ("touched" if gone.rows else "touched: the list has no such row; if one comes later it will not be taken")
        )
