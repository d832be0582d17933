"""`pixmo clean`: delete what no manifest names any more."""

from __future__ import annotations

from pathlib import Path

import click

from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.printing import amount, told
from pixmo.run.maintain import clean


@click.command()
@out_argument
@click.option(
    "--packs", is_flag=True, help="Also packs whose pictures are all published: data/ then serves as the store."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@json_option
def command(out: Path, packs: bool, dry_run: bool, as_json: bool) -> None:
    """Delete what no manifest names any more.

    These are the columns of settings tried and given up. A folder stays complete without them.
    """
    gone = clean(out, packs, dry_run)
    would = "would delete" if dry_run else "deleted"
    facts = {"files": gone.files, "bytes": gone.bytes, "dry_run": dry_run}
    print(told(facts) if as_json else f"{out}: {would} {gone.files:,} files, {amount(gone.bytes)}")
