"""The pages beside the data: the dataset card (in the manifest) and the report (not: it may hold clocks)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version

import pyarrow as pa

from pixmo.ids import digest
from pixmo.records.arrow import ANNOTATIONS
from pixmo.records.base import shapes
from pixmo.records.kinds import PICTURE_FIELDS, kind_named
from pixmo.run.folder import Folder
from pixmo.run.gather import gather
from pixmo.run.plan import Plan
from pixmo.run.recipe import Recipe
from pixmo.run.report import ReportFacts, report_html
from pixmo.run.shard import Shard
from pixmo.stage import settings_of
from pixmo.storage.export.card import CardFacts, SplitFacts, card
from pixmo.storage.manifest import Manifest, ManifestFile
from pixmo.storage.publish import publish_bytes
from pixmo.storage.sidecar import SideFile, read, side_by_side

CARD = "README.md"
REPORT = "report.html"
REPORTED = (
    "fetched", "fetch_outcome", "fetched_bytes", "hash_verdict", "http_status", "optout", "outcome", "format", "mode", "width",
    "height", "duplicate_of", "duplicate_kind", "leak_kind", "split",
)  # fmt: skip


def publish_card(
    folder: Folder, recipe: Recipe, plan: Plan, files: Sequence[ManifestFile], outcomes: dict[str, int],
    left: dict[str, int], schema: pa.Schema, image_columns: tuple[str, ...],
) -> ManifestFile:  # fmt: skip
    """Writes README.md, if it says something new."""
    download, fold = recipe.find("download"), recipe.find("fold_outcome")
    resize = recipe.find("resize_image")
    facts = CardFacts(
        name=recipe.name, source=plan.source, splits=_splits(plan, files), schema=schema,
        image_columns=image_columns, format=recipe.format, rows_in=plan.rows, outcomes=outcomes, clauses=left,
        licence=plan.facts.get("licence"), revision=plan.facts.get("revision"), was_fetched=download is not None,
        honours_opt_out=download is None or not download.ignore_optout,
        asks_robots=download is not None and download.robots, hash_policy=fold.hash_policy if fold else "keep",
        resized=f"longest edge {resize.longest_edge_px} px" if resize else None, meanings=_meanings(plan),
    )  # fmt: skip
    data = card(facts).encode()
    path = folder.out / CARD
    if not path.is_file() or path.read_bytes() != data:
        publish_bytes(path, data)
    return ManifestFile(CARD, digest(data), len(data))


def _meanings(plan: Plan) -> dict[str, str]:
    """What the columns of records say, where the rows are records."""
    told = plan.facts.get("record")
    if not told:
        return {}
    kind = kind_named(told["record"])
    fields = {s.name: s.about.doc + (f" ({s.about.unit})" if s.about.unit else "") for s in shapes(kind)}
    if not told["grouped"]:
        return fields
    inside = ", ".join(f"`{name}`" for name in fields if name not in PICTURE_FIELDS)
    pictures = {name: meaning for name, meaning in fields.items() if name in PICTURE_FIELDS}
    return pictures | {ANNOTATIONS: f"all annotations of the picture, each with {inside}"}


def _splits(plan: Plan, files: Sequence[ManifestFile]) -> tuple[SplitFacts, ...]:
    told = []
    for split in plan.splits:
        mine = [f for f in files if f.split == split]
        told.append(SplitFacts(split, sum(f.rows or 0 for f in mine), sum(f.bytes for f in mine), len(mine)))
    return tuple(told)


def publish_report(
    folder: Folder, recipe: Recipe, plan: Plan, shards: Sequence[Shard], manifest: Manifest,
    samples: Sequence[tuple[float, int]], seconds: float,
) -> None:  # fmt: skip
    """Writes report.html: what happened, for people. It may hold clocks and is in no manifest."""
    wanted = [n for n in REPORTED if n in shards[0].columns]
    url = plan.roles.url or plan.roles.urls
    wanted += [url] if url else []
    data = [f for f in manifest.files if f.split]
    facts = ReportFacts(
        name=recipe.name, source=plan.source, folder=str(folder.out),
        counts=gather((_facts_of(shard, wanted) for shard in shards), url),
        written=manifest.written, written_bytes=sum(f.bytes for f in data),
        splits={s: sum(f.rows or 0 for f in data if f.split == s) for s in plan.splits},
        clauses=manifest.counts.get("left", {}),
        spoken={n: c for n, c in manifest.counts.items() if n not in ("outcome", "left")}, settings={s.use: settings_of(s.stage) for s in recipe.steps},
        samples=samples, seconds=seconds, finished=datetime.now().astimezone().isoformat(" ", "minutes"),
        version=version("pixmo"),
    )  # fmt: skip
    publish_bytes(folder.out / REPORT, report_html(facts).encode())


def _facts_of(shard: Shard, names: Sequence[str]) -> pa.Table:
    by_file: dict[SideFile, list[str]] = {}
    for name in names:
        by_file.setdefault(shard.columns[name], []).append(name)
    return side_by_side([read(shard.rows_file, []), *(read(side, columns) for side, columns in by_file.items())])
