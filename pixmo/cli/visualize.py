"""`pixmo visualize`: a set as a folder of pages, by the name and options of Ai2's script."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from pixmo.cli.view_static import need_view, write_pages


@click.command()
@click.argument("name")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--split", help="The split of the set.  [default: train, where there are several]")
@click.option(
    "--num_examples", "--num-examples", type=click.IntRange(1), default=100, show_default=True, help="How many rows."
)
@click.option("--shuffle", is_flag=True, help="Draw the rows from all of the split.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another draw of --shuffle.")
@click.option("--output_name", "--output-name", help="Name of the folder inside DIR.  [default: the set's name]")
def command(
    name: str, folder: Path, split: str | None, num_examples: int, shuffle: bool, seed: int, output_name: str | None
) -> None:
    """Write a set as pages, with the options of Ai2's script.

    They open without a server, from DIR/OUTPUT_NAME/index.html. NAME is a folder that pixmo made, files or a folder of them, a set of the catalog such as points-train, or owner/name on the Hub. Lists
    have addresses of pictures only: download them first to see them. The same as `pixmo view --static`, under names people know.
    """
    need_view("pixmo visualize")
    from pixmo.view.listed import open_listed
    from pixmo.view.static import Plan

    with TemporaryDirectory(prefix="pixmo-visualize-") as scratch:
        data = open_listed(name, Path(scratch), split=split, limit=None if shuffle else num_examples)
        if split is None and len(data.rows.splits) > 1 and "train" in data.rows.splits:
            data = open_listed(name, Path(scratch), split="train")
        out = folder / (output_name or data.name.rpartition("/")[2].partition(".")[0] or "set")
        write_pages(data, out, Plan(num_examples, seed if shuffle else None))
