"""`pixmo doctor`: this machine as the fetcher will meet it, then a suggested setting."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.doctor_checks import Finding, findings, suggestion
from pixmo.cli.printing import told

MARKS = {"good": "ok  ", "note": "note", "poor": "POOR"}
NAMES = ("huggingface.co", "upload.wikimedia.org", "i.redd.it", "live.staticflickr.com")


@click.command()
@click.argument("out", default=".", type=click.Path(path_type=Path))
@click.option("--name", "names", multiple=True, help="A host name to resolve; some large hosts when not given.")
@json_option
def command(out: Path, names: tuple[str, ...], as_json: bool) -> None:
    """Look at this machine and suggest settings.

    OUT is where pictures would go: its disk is measured. Nothing is fetched; names are resolved, and a machine without a
    network is a finding, not an error.
    """
    found = findings(out, names or NAMES)
    line = suggestion(found)
    if as_json:
        print(told({"findings": [asdict(f) for f in found], "suggestion": line}))
    else:
        print("\n".join([*map(line_of, found), f"suggested: {line}"]))


def line_of(finding: Finding) -> str:
    """One finding for people."""
    return f"{MARKS[finding.state]}  {finding.what}: {finding.told}"
