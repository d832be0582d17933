"""`pixmo init`: a recipe to edit."""

from __future__ import annotations

from pathlib import Path

import click

from pixmo.errors import BadFolder, UnknownName

PACKAGE = Path(__file__).parent.parent
SHELVES = (PACKAGE / "pipelines", PACKAGE.parent / "pipelines")  # in the wheel, and beside the package in a checkout


@click.command()
@click.argument("name", required=False)
@click.argument("folder", default=".", type=click.Path(path_type=Path))
def command(name: str | None, folder: Path) -> None:
    """Copy a recipe to edit.

    Without NAME, lists the recipes there are. FOLDER is the present one when it is not given.
    """
    known = recipes()
    if name is None:
        print("\n".join(f"{stem:<8}  {first_comment(path)}" for stem, path in known.items()))
        return
    stem = name.removesuffix(".toml")
    if stem not in known:
        raise UnknownName("recipe", name, known)
    target = folder / f"{stem}.toml"
    if target.exists():
        raise BadFolder(f"{target}: is there already; nothing was touched, choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(known[stem].read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{target}: edit it, then run it: pixmo run {target} OUT")


def recipes() -> dict[str, Path]:
    """The recipes that come with pixmo, by name."""
    return {path.stem: path for shelf in SHELVES for path in sorted(shelf.glob("*.toml"))}


def first_comment(path: Path) -> str:
    """What a recipe says of itself: its first line."""
    with path.open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()
