"""`pixmo verify`: every byte against the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.effort import effort_of, some_effort_options
from pixmo.cli.printing import told
from pixmo.run.verify import Problem, verify

DAMAGED = 1


@click.command()
@out_argument
@click.option("--repair", is_flag=True, help="Fetch or make again what is wrong, and only that.")
@json_option
@some_effort_options
def command(out: Path, repair: bool, as_json: bool, **values: Any) -> int:  # Any: option values
    """Check every published byte against the manifest; repair what is wrong.

    Exit code 1 when something is wrong and was not repaired.
    """
    problems = verify(out, repair, effort_of(values, out))
    print(told([p._asdict() for p in problems]) if as_json else "\n".join(lines(out, problems)))
    return DAMAGED if any(not p.repaired for p in problems) else 0


def lines(out: Path, problems: list[Problem]) -> list[str]:
    """What is wrong, for people."""
    if not problems:
        return [f"{out}: every byte is as the manifest says"]
    told_all = [f"  {p.path}: {p.what}{', repaired' if p.repaired else ''}" for p in problems]
    left = sum(not p.repaired for p in problems)
    last = f"pixmo verify --repair {out} makes again what is wrong" if left else "everything was repaired"
    return [f"{out}: {len(problems):,} wrong", *told_all, last]
