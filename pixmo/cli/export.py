"""`pixmo export`: a finished folder in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.effort import effort_of, some_effort_options
from pixmo.cli.options import SIZE
from pixmo.cli.printing import amount, told
from pixmo.run.maintain import export
from pixmo.storage.export.writers import FORMATS


@click.command()
@out_argument
@click.argument("dest", type=click.Path(path_type=Path), required=False)
@click.option("--format", "fmt", required=True, metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")
@click.option("--shard-size", type=SIZE, help="Size of one file.  [default: as the folder was made]")
@json_option
@some_effort_options
def command(
    out: Path,
    dest: Path | None,
    fmt: str,
    shard_size: int | None,
    as_json: bool,
    **values: Any,  # Any: option values
) -> None:
    """Write a finished folder in another format.

    DEST is OUT-FORMAT when it is not given; it is never written over a folder that pixmo did not make.
    """
    where = dest or out.with_name(f"{out.resolve().name}-{fmt}")
    done = export(out, where, fmt, shard_size, effort_of(values, out))
    facts = {"dest": str(where), "files": done.files, "rows": done.rows, "bytes": done.bytes}
    print(told(facts) if as_json else f"{where}: {done.rows:,} rows in {done.files:,} files, {amount(done.bytes)}")
