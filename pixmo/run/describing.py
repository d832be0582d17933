"""The pages beside the data: the dataset card (in the manifest) and the report (not: it may hold clocks)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.ids import digest
from pixmo.run.folder import Folder
from pixmo.run.plan import Plan
from pixmo.run.recipe import Recipe
from pixmo.storage.export.card import CardFacts, SplitFacts, card
from pixmo.storage.manifest import ManifestFile
from pixmo.storage.publish import publish_bytes

CARD = "README.md"


def publish_card(
    folder: Folder, recipe: Recipe, plan: Plan, files: Sequence[ManifestFile], outcomes: dict[str, int],
    left: dict[str, int], image_columns: tuple[str, ...],
) -> ManifestFile:  # fmt: skip
    """Writes README.md, if it says something new."""
    download, fold = recipe.find("download"), recipe.find("fold_outcome")
    resize = recipe.find("resize_image")
    facts = CardFacts(
        name=recipe.name, source=plan.source, splits=_splits(plan, files), schema=_schema(folder.out, files),
        image_columns=image_columns, format=recipe.format, rows_in=plan.rows, outcomes=outcomes, clauses=left,
        licence=plan.facts.get("licence"), revision=plan.facts.get("revision"), was_fetched=download is not None,
        honours_opt_out=download is None or not download.ignore_optout,
        asks_robots=download is not None and download.robots, hash_policy=fold.hash_policy if fold else "keep",
        resized=f"longest edge {resize.longest_edge_px} px" if resize else None,
    )  # fmt: skip
    data = card(facts).encode()
    path = folder.out / CARD
    if not path.is_file() or path.read_bytes() != data:
        publish_bytes(path, data)
    return ManifestFile(CARD, digest(data), len(data))


def _splits(plan: Plan, files: Sequence[ManifestFile]) -> tuple[SplitFacts, ...]:
    told = []
    for split in plan.splits:
        mine = [f for f in files if f.split == split]
        told.append(SplitFacts(split, sum(f.rows or 0 for f in mine), sum(f.bytes for f in mine), len(mine)))
    return tuple(told)


def _schema(out: Path, files: Sequence[ManifestFile]) -> pa.Schema:
    for file in files:
        if file.path.endswith(".parquet"):
            return pq.read_schema(out / file.path)
        if file.path.endswith(".arrow"):
            return pa.ipc.open_stream(out / file.path).schema
    return pa.schema([])
