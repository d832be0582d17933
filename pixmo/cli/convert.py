"""`pixmo convert`: records in another tool's format, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.printing import many, table, told
from pixmo.dataset.convert.convert import convert
from pixmo.dataset.convert.formats import FORMATS
from pixmo.dataset.convert.items import REASONS
from pixmo.dataset.convert.report import Report
from pixmo.errors import BadSetting
from pixmo.run.progress import Progress

EPILOG = "Formats: " + "; ".join(f"{name}, {told.what}" for name, told in FORMATS.items()) + "."


@click.command(epilog=EPILOG)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--from", "source_format", metavar="FORMAT", help="Format of IN.  [default: as its name and content say]")
@click.option("--to", "target", metavar="FORMAT", required=True, help="Format of OUT.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="What IN does not say, such as unit=percent."
)
@click.option("--keypoints-lossy", is_flag=True, help="COCO: points as keypoints of made-up boxes.")
@click.option("--overwrite", is_flag=True, help="Replace a file OUT.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    source: Path, out: Path, source_format: str | None, target: str, settings: tuple[str, ...], keypoints_lossy: bool,
    overwrite: bool, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Turn records into another tool's format and back, with a report of losses.

    What could not be carried is counted, and written line by line beside OUT as OUT.losses.jsonl.
    """
    pairs = dict(_pair(text) for text in settings)
    with Progress(quiet) as progress:
        report = convert(
            source, out, target, source_format=source_format, settings=pairs, keypoints_lossy=keypoints_lossy,
            overwrite=overwrite, on_records=progress.rows_read,
        )  # fmt: skip
    print(told(report.as_json()) if as_json else "\n".join(lines(report)))


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key or not value:
        raise BadSetting(f"--set {text}: write KEY=VALUE, such as unit=percent")
    return key, value


def lines(report: Report) -> Iterator[str]:
    """What was carried and what was not, for people."""
    kinds = f"{report.source_format} to {report.out_format}"
    yield f"{report.out}: {report.written:,} of {many(report.read, 'record')}, {kinds}"
    yield from table([(reason, count, REASONS[reason].meaning) for reason, count in report.losses.most_common()])
    if report.losses_file:
        yield f"each loss is a line of {report.losses_file}"


__all__ = ["command", "lines"]
