"""Arguments that many verbs share."""

from __future__ import annotations

from pathlib import Path

import click

out_argument = click.argument("out", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print results as JSON.")
