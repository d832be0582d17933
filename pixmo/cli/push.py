"""`pixmo push`: a finished folder on the Hub."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.printing import amount, told
from pixmo.dataset.push import MESSAGE, push


@click.command()
@out_argument
@click.argument("repo")
@click.option("--private", is_flag=True, help="Make a new data set private.")
@click.option("--revision", metavar="BRANCH", help="Branch to publish on; made where there is none.  [default: main]")
@click.option("--message", default=MESSAGE, help=f"What the commit says.  [default: {MESSAGE}]")
@click.option("--create-pr", is_flag=True, help="Propose it as a pull request.")
@click.option("--with-report", is_flag=True, help="Publish report.html too.")
@click.option("--verify", is_flag=True, help="Compare every byte with the manifest first.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@json_option
def command(out: Path, repo: str, as_json: bool, **values: Any) -> None:  # Any: option values
    """Publish a finished folder on the Hub.

    REPO is owner/name. What is published is what the manifest names: data, card, manifest; never the work in `.pixmo/`. The token is
    that of HF_TOKEN, or of `hf auth login`.
    """
    done = push(out, repo, **values)
    if as_json:
        print(told(asdict(done)))
        return
    print("\n".join(done.files) if done.url is None else done.url)
    would = "would be sent" if done.url is None else "published"
    removed = f", {len(done.removed)} removed" if done.removed else ""
    print(f"{len(done.files)} files, {amount(done.bytes)}, {would} to {repo}{removed}")
