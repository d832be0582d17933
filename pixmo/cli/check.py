"""`pixmo check`: what is broken in typed records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.options import COUNT
from pixmo.cli.printing import many, table, told
from pixmo.dataset.check import Checked, RuleCount, check
from pixmo.dataset.check_page import check_page
from pixmo.dataset.check_source import Said, opened
from pixmo.errors import BadSetting
from pixmo.records.base import Level
from pixmo.records.kinds import KINDS
from pixmo.records.places import Orientation, Unit
from pixmo.run.owners import cpu_count
from pixmo.run.progress import Progress
from pixmo.storage.publish import publish_bytes

FOUND = 1
SHOWN = 2  # examples printed of each rule


@click.command()
@click.argument("data")
@click.option("--as", "record", metavar="KIND", help=f"What a row is: {', '.join(KINDS)}.  [default: as the data say]")
@click.option("--unit", metavar="UNIT", help=f"What coordinates count: {', '.join(Unit)}.")
@click.option("--orientation", metavar="WAY", help=f"Way up of the pictures: {', '.join(Orientation)}.")
@click.option("--field", "fields", multiple=True, metavar="FIELD=COLUMN", help="Column of a record's field.")
@click.option("--against-pictures", is_flag=True, help="Decode each row's pictures: sizes, digests, points inside.")
@click.option(
    "--level", type=click.Choice([str(v) for v in Level]), default="warning", help="Report from this level on."
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings as well.")
@click.option("--limit", type=COUNT, help="Look at only so many rows.")
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="Write a report page.")
@json_option
@click.option("--n-proc", type=COUNT, default=0, help="Processes that look; 0 = one per processor.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    data: str, record: str | None, unit: str | None, orientation: str | None, fields: tuple[str, ...],
    against_pictures: bool, level: str, strict: bool, limit: int | None, page: Path | None, as_json: bool, n_proc: int,
    quiet: bool,
) -> int:  # fmt: skip
    """Find what is broken in typed records: counts, examples, a page.

    DATA is a finished folder, a list of your own (with --as), a set of the catalog or of the Hub. Exit code 1 when errors were found.
    """
    if page is not None and not page.absolute().parent.is_dir():
        raise BadSetting(f"--page {page}: there is no folder {page.parent}")
    rows = opened(data, Said(record, unit, orientation, fields), limit=limit, pictures=against_pictures)
    with Progress(quiet) as progress:
        found = check(rows, level=Level(level), n_proc=n_proc or cpu_count(), on_rows=progress.rows_read)
    if page is not None:
        publish_bytes(page, check_page(found).encode())
    print(told(found.as_json()) if as_json else "\n".join(lines(found, page)))
    return FOUND if found.errors or (strict and found.warnings) else 0


def lines(found: Checked, page: Path | None) -> Iterator[str]:
    """What was found, for people."""
    kind = f"{found.record} records" if not found.grouped else f"{found.record} records in grouped rows"
    yield f"{found.data}: {many(found.rows, 'row')}, {found.records:,} {kind}: {_verdict(found)}"
    yield from table([(rule.rule, rule.count, f"{rule.level}s: {rule.meaning}") for rule in found.rules])
    for rule in found.rules:
        yield from _examples(rule)
    if page is not None:
        yield f"look at {page}"


def _verdict(found: Checked) -> str:
    if not found.rules:
        return "nothing is wrong"
    return f"{many(found.errors, 'error')}, {many(found.warnings, 'warning')}"


def _examples(rule: RuleCount) -> Iterator[str]:
    yield f"{rule.rule}, in {many(rule.rows, 'row')}"
    for example in rule.examples[:SHOWN]:
        where = f"row {example.row}" + (f" ({example.id[:16]})" if example.id else "")
        what = " ".join(f"{example.path}: {example.detail}".split()) if example.path else example.detail
        yield _plain(f"  {where} {what}" + (f"  {example.url}" if example.url else ""))


def _plain(text: str) -> str:
    """A line with nothing in it that a terminal obeys."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
