"""Indexes of held-out pictures kept in the folder of a run: later commands use the same, wherever the folder is."""

from __future__ import annotations

from pathlib import Path

from pixmo.ids import short
from pixmo.run.folder import Folder, with_indexes
from pixmo.run.holdouts import FOLDER, ready
from pixmo.run.recipe import Recipe
from pixmo.storage.holdout import load
from pixmo.storage.publish import publish_bytes


def with_kept_indexes(recipe: Recipe, folder: Folder, home: Path) -> Recipe:
    """The recipe with its held-out sets as index files in the folder, found or built under `home`. Raises as `ready`."""
    if recipe.input is None:  # the folder's own recipe, read back: they are here
        return recipe
    return with_indexes(recipe, lambda name: str(_kept(ready((name,), home)[0], folder.hidden / FOLDER)))


def _kept(index: Path, place: Path) -> Path:
    if index.parent.resolve() == place.resolve():
        return index
    kept = place / f"{index.stem}-{short(load(index).digest)}{index.suffix}"
    if not kept.is_file():
        publish_bytes(kept, index.read_bytes())
    return kept
