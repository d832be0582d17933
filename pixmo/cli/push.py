"""`pixmo push`: a finished folder on the Hub."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.printing import amount, many, told
from pixmo.dataset.push import MESSAGE, Pushed, push


@click.command()
@out_argument
@click.argument("repo")
@click.option("--private", is_flag=True, help="Make a new data set private; one that is public is refused.")
@click.option("--revision", metavar="BRANCH", help="Branch to publish on; made where there is none.  [default: main]")
@click.option("--message", default=MESSAGE, help=f"What the commit says.  [default: {MESSAGE}]")
@click.option("--create-pr", is_flag=True, help="Propose it as a pull request.")
@click.option("--with-report", is_flag=True, help="Publish report.html too.")
@click.option("--verify", is_flag=True, help="Compare every byte with the manifest first.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@json_option
def command(out: Path, repo: str, as_json: bool, **values: Any) -> None:  # Any: option values
    """Publish a finished folder on the Hub.

    REPO is owner/name. What is published is what the manifest names: data, card, manifest; never the work in `.pixmo/`. Files that are
    there already are not sent again. The token is that of HF_TOKEN, or of `hf auth login`.
    """
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # the client's bars are for people
    done = push(out, repo, **values)
    print(told(done.as_json()) if as_json else "\n".join(lines(done, values["dry_run"])))


def lines(done: Pushed, dry_run: bool) -> Iterator[str]:
    """What went, or would go, for people."""
    if not (done.files or done.removed):
        yield f"{done.repo}: everything is there already ({many(len(done.there), 'file')})"
        return
    if dry_run:
        yield from (f"  {file.path}  {amount(file.bytes)}" for file in done.files)
        yield from (f"  {path}  would be removed" for path in done.removed)
    sent = f"{many(len(done.files), 'file')}, {amount(done.bytes)}, {'would be sent' if dry_run else 'published'}"
    there = f", {len(done.there):,} there already" if done.there else ""
    removed = f", {len(done.removed):,} {'to be ' if dry_run else ''}removed" if done.removed else ""
    new = " (new)" if done.is_new and done.unknown is None else ""
    yield f"{done.repo}{new}: {sent}{there}{removed}"
    yield from [f"what is there is not known: {done.unknown}"] if done.unknown else []
    yield from [done.url] if done.url else []
