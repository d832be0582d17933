"""`pixmo eval compare`: finished evaluations side by side, where they may be compared."""

from __future__ import annotations

from pathlib import Path

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.printing import told


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def command(folders: tuple[Path, ...], as_json: bool) -> int:
    """Put finished evaluations of captions side by side.

    They must share protocol, judge and references; the first model is what the others are compared with, over the pictures both have.
    """
    from pixmo.evaluate.captions.compare import compare
    from pixmo.evaluate.captions.table import table_lines

    results = compare(folders)
    print(told(results.as_json()) if as_json else "\n".join(table_lines(results)))
    return 0
