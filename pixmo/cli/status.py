"""`pixmo status`: counts of a folder, also while a run is at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from pixmo.cli.arguments import json_option, out_argument
from pixmo.cli.printing import counted_noun, more_lines, outcome_rows, retry_line, table, told
from pixmo.run.maintain import Status, status

SHOWN = 4  # outcomes told of one host


@click.command()
@out_argument
@json_option
def command(out: Path, as_json: bool) -> None:
    """Count the rows of a folder by outcome, host and format."""
    found = status(out)
    print(told(found.as_json()) if as_json else "\n".join(lines(found)))


def lines(found: Status) -> Iterator[str]:
    """The counts for people."""
    kept = "not published yet" if found.written is None else f"{found.written:,} published"
    waiting = f", {found.pending:,} without an outcome yet" if found.pending else ""
    yield f"{found.out}: {found.rows:,} rows of {found.source}, {kept}{waiting}"
    noun = counted_noun(found.outcomes, found.rows)
    title = "outcomes of pictures" if noun == "picture" else "outcomes"
    yield from [title, *table(outcome_rows(found.outcomes, found.retryable))] if found.outcomes else []
    yield from ["formats", *table([(name, n, "") for name, n in found.formats.items()])] if found.formats else []
    hosts = [(host, sum(counts.values()), told_counts(counts)) for host, counts in found.hosts]
    yield from ["hosts", *table(hosts)] if hosts else []
    yield from more_lines(found.more)
    if found.retryable:
        yield retry_line(sum(found.retryable.values()), found.out, noun)


def told_counts(counts: dict[str, int]) -> str:
    """Counts in one line, the largest first: ok 12, not_found 3, 4 otherwise."""
    shown = [f"{name} {n:,}" for name, n in list(counts.items())[:SHOWN]]
    rest = sum(list(counts.values())[SHOWN:])
    return ", ".join([*shown, f"{rest:,} otherwise"] if rest else shown)
