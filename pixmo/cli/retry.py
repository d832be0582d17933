"""`pixmo retry`: a new round for questions whose answer may change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.ask import outcome_names as known_outcomes
from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.effort import effort_of, effort_options
from pixmo.cli.printing import finished
from pixmo.errors import UnknownName
from pixmo.run.maintain import retry


@click.command()
@out_argument
@click.option(
    "--outcome", "outcomes", multiple=True, metavar="NAME[,NAME...]",
    help="Only rows that ended so; by default all that may pass, such as timeout and throttled.",
)  # fmt: skip
@json_option
@effort_options
def command(out: Path, outcomes: tuple[str, ...], as_json: bool, **values: Any) -> int:  # Any: option values
    """Ask again for the rows whose answer may change."""
    wanted = outcome_names(outcomes)
    return finished(retry(out, wanted or None, effort_of(values, out)), as_json)


def outcome_names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Outcomes, given one by one or with commas; raises UnknownName with the nearest."""
    names = tuple(name.strip() for text in given for name in text.split(",") if name.strip())
    for name in names:
        if name not in known_outcomes():
            raise UnknownName("outcome", name, known_outcomes())
    return names
