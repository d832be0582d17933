"""`pixmo model begin`: a captioner from base models."""

from __future__ import annotations

from pathlib import Path

import click

from pixmo.cli.printing import printable

NEW = click.Path(path_type=Path)


@click.command()
@click.argument("out", type=NEW)
@click.option("--language", type=NEW, required=True, help="Folder of a Qwen2, Qwen3, OLMo2, Olmo3 or OLMoE.")
@click.option("--tower", type=NEW, required=True, help="Folder of a CLIP, MetaCLIP, SigLIP, SigLIP2 or DINOv2.")
@click.option(
    "--family", type=click.Choice(("molmo", "molmo2")), default="molmo", show_default=True, help="Which Molmo."
)
@click.option(
    "--image-px", type=click.IntRange(1), help="Side of a crop.  [default: that of the tower, in whole patches]"
)
@click.option(
    "--resize", type=click.Choice(("default", "siglip", "dino", "metaclip")), help="[default: as the tower was trained]"
)
@click.option("--dtype", type=click.Choice(("float32", "bfloat16")), default="float32", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the connector and the added tokens.")
def command(
    out: Path, language: Path, tower: Path, family: str, image_px: int | None, resize: str | None, dtype: str, seed: int
) -> None:
    """Write a captioner that has learned nothing yet to the new folder OUT: `pixmo train captioner` goes on from there.

    The language model brings the tokenizer, the tower the size of crops; connector and tokens of pictures are new.
    """
    from pixmo.molmo.begin import Bases, begin
    from pixmo.molmo.trial import dtype_named
    from pixmo.molmo.weights.inspect import inspect

    bases = Bases(language, tower, family, image_px, resize)  # type: ignore[arg-type]  # the choices above
    begin(bases, out, seed=seed, dtype=dtype_named(dtype))
    print(f"{printable(str(out))}: a captioner that has learned nothing yet")
    print("\n".join(map(printable, str(inspect(out)).splitlines())))
