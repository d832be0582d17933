"""`pixmo caption`: from what people said of pictures to dense captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.cli.carry_out import carry_out
from pixmo.cli.effort import effort_options
from pixmo.cli.options import COUNT
from pixmo.cli.places import Places, places
from pixmo.cli.road_options import given, out_option, output_options, stage_options
from pixmo.cli.spoken_road import CAPTION, SOUND, known_settings, spoken_road
from pixmo.errors import BadSetting

EPILOG = """
AUDIO is a folder of recordings beside their pictures (cat.jpg has cat.wav, cat-2.m4a and all of cat/), the folder that
`pixmo annotate` wrote, a manifest (CSV, JSONL, Parquet) with an image and an audio column, or rows that have transcripts
already, such as the set `cap`. What is left out stands with its reasons in OUT/left-out.jsonl.

The caption is written by a model behind --base-url, whose key is read from the environment, or by rules (--writer rules).
The same command again goes on where it stopped; nothing that was answered is paid for twice. Options are not remembered: with
another threshold, give all the others again.
"""


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, metavar="AUDIO [OUT]")
@out_option
@click.option(
    "--pictures", "pictures_in", metavar="DIR", help="Folder of the pictures, where they are not beside the recordings."
)
@click.option("--image-column", metavar="NAME", help="Column of a manifest with the picture: a file or an address.")
@click.option("--audio-column", metavar="NAME", help="Column of a manifest with its recording, or a list of them.")
@click.option("--limit", type=COUNT, help="Read only so many pictures, or rows.")
@click.option(
    "--no-fetch", is_flag=True, help="Leave pictures that are addresses unfetched: captions and addresses only."
)
@output_options
@stage_options(*SOUND, *CAPTION, "inspect_image", "find_duplicates", "select", "download")
@effort_options
@click.pass_context
def command(
    ctx: click.Context, /, paths: tuple[str, ...], out: Path | None, **values: Any
) -> int:  # Any: option values
    """Turn recordings of people describing pictures into one dense caption each."""
    where = places(paths, out)
    if len(where.sources) != 1:
        raise BadSetting(
            "recordings come from one folder or one manifest; caption them one by one, each into its own OUT"
        )
    settings = {k: v for k, v in given(ctx).items() if k in set(known_settings())}
    media, heard = shape_of(where.sources[0], settings)
    if values["no_fetch"]:
        if media == "embedded":
            raise BadSetting("--no-fetch: these pictures are files here, nothing would be fetched")
        media = "none"
    recipe = spoken_road(where.sources[0], media, heard, **settings)
    return carry_out(recipe, Places(where.sources, where.out, where.derived), values)


def shape_of(source: str, settings: dict[str, Any]) -> tuple[str, str]:  # Any: settings of the road
    """(where the pictures are, whether there are recordings): by looking."""
    from pixmo.run.job import OF_RECORDINGS
    from pixmo.sources.open import open_with
    from pixmo.sources.spoken import open_spoken

    found = open_spoken(source, *(settings.get(k) for k in OF_RECORDINGS))
    if found is not None:
        return ("embedded" if found[1].picture else "url"), "recorded"
    of_input: dict[str, Any] = {k: settings[k] for k in ("config", "split", "revision", "limit") if k in settings}
    _, columns = open_with(source, of_input)
    return ("embedded" if columns.picture and not (columns.url or columns.urls) else "url"), "told"
