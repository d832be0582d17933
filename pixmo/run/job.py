"""A recipe into a folder, from plan to report: what every command that works calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from pixmo.ask import is_worth_retrying
from pixmo.errors import BadFolder, BadSetting
from pixmo.ids import as_read_back
from pixmo.records.arrow import Label, label_of
from pixmo.run.askers import Askers
from pixmo.run.decoders import Decoders
from pixmo.run.folder import Folder, working_on
from pixmo.run.indexes import with_kept_indexes
from pixmo.run.owners import Owners, cpu_count
from pixmo.run.pictures import PictureStages
from pixmo.run.plan import Plan, build_plan, load_plan
from pixmo.run.progress import Progress
from pixmo.run.publishing import Published, Publisher
from pixmo.run.recipe import Recipe
from pixmo.run.runner import Machinery, Runner, check, shards_of, unwrapped
from pixmo.run.shard import Shard
from pixmo.run.splits import parse_splits
from pixmo.run.world import LocalWorld, Reuse
from pixmo.stage import AnyStage
from pixmo.storage.manifest import load as load_manifest
from pixmo.storage.publish import require_free
from pixmo.storage.store import Store


@dataclass(frozen=True)
class Effort:
    """How hard to try: nothing here changes what is written."""

    n_proc: int = 0  # processes that fetch, and processes that decode; 0 = one per processor
    store: Path | None = None
    reuse: Path | None = None
    min_free_bytes: int = 2 * 10**9
    decode_timeout_s: float = 30.0
    quiet: bool = False
    home: Path = Path("pixmo-data")  # where indexes of held-out sets are kept between runs

    @property
    def processes(self) -> int:
        """The number of each kind of process."""
        if self.n_proc < 0:
            raise BadSetting(
                f"--n-proc {self.n_proc} is negative; give a number of processes, or 0 for one per processor"
            )
        return self.n_proc or cpu_count()


DEFAULT = Effort()
SAMPLE_SEED = 12312  # Ai2's
OF_RECORDINGS = ("pictures_in", "image_column", "audio_column")


@dataclass
class Summary:
    """What a run did; `retryable` are rows whose outcome may change when asked again."""

    out: Path
    rows: int
    written: int
    outcomes: dict[str, int]
    retryable: int
    asked: int
    received_bytes: int
    seconds: float
    files_written: int
    left: dict[str, int] = field(default_factory=dict)
    more: dict[str, dict[str, int]] = field(default_factory=dict)  # of recordings and captions, by column

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return {**self.__dict__, "out": str(self.out)}


def run_recipe(
    recipe: Recipe, out: Path, effort: Effort = DEFAULT, *, update: bool = False,
    before: Callable[[Folder, Store, Plan], None] | None = None,
) -> Summary:  # fmt: skip
    """Runs a recipe into a folder, finishing what an earlier run left. Raises a PixmoError for a wrong request.

    `update` allows the list to differ from the one the folder was made from. `before` runs when the plan is there, with the
    locks held (`retry` opens questions in it).
    """
    started = monotonic()
    if recipe.input is not None:  # what is only finished or mended may need no engine any more
        check_stages(recipe)
    with working_on(out, effort.store) as (folder, store):
        progress = Progress(quiet=effort.quiet)
        recipe = with_kept_indexes(recipe, folder, effort.home)
        plan = planned(recipe, folder, store, progress, update)
        folder.note_recipe(recipe)
        if before is not None:
            before(folder, store, plan)
        side_files = folder.side_files()
        shards = shards_of(plan, side_files)
        check(recipe, shards)
        if load_manifest(out) is None:
            require_free(out, effort.min_free_bytes)
        reuse = _open_reuse(effort.reuse)
        work = _Work(recipe, plan, shards, store, effort, reuse, progress)
        with progress:
            world = asyncio.run(work.run(side_files))
            published = Publisher(folder, store, recipe, plan, shards, progress, effort.processes).publish(
                samples=progress.samples, seconds=monotonic() - started
            )
    return _summary(out, plan, published, world, work.asked, monotonic() - started)


def check_stages(recipe: Recipe) -> None:
    """What an engine would refuse, refused before the first row: a missing extra, key or model. Raises a PixmoError."""
    for step in recipe.steps:
        if hasattr(step.stage, "check"):
            step.stage.check()


def planned(recipe: Recipe, folder: Folder, store: Store, progress: Progress, update: bool = False) -> Plan:
    """The folder's plan, made from the recipe's input when there is none or the input may have changed."""
    plan = load_plan(folder.plan_path)
    if plan is not None and recipe.input is None:
        return plan
    source, columns = open_input(recipe, folder.hidden)
    identity = source.identity() | {"splits": recipe.splits}
    if plan is not None and plan.identity == as_read_back(identity):
        return plan
    splits = parse_splits(recipe.splits)
    label = label_of(source.schema()) or (Label("caption") if recipe.find("write_caption") else None)
    facts = {"licence": source.licence, "record": label and label._asdict()}
    progress.note(f"reading {source.name}")
    fresh = build_plan(source, columns, splits, folder.side_files(), store, facts, progress.rows_read)
    if plan is not None and fresh.digest != plan.digest and not update:
        raise BadFolder(_other_list(folder.out, recipe))
    fresh = Plan(fresh.source, as_read_back(identity), fresh.roles, fresh.splits, fresh.shards, fresh.facts)
    store.sync()  # embedded pictures: the plan must not outlive them
    fresh.publish(folder.plan_path)
    release_memory()
    return fresh


def _other_list(out: Path, recipe: Recipe) -> str:
    if recipe.source.get("references"):
        return f"{out}: was made from other captions, references or another sample of them; choose another folder"
    update = f"`pixmo update {out} {recipe.input}` does only what is new"
    return f"{out}: was made from another list or with other splits; {update}, or choose another folder"


def open_input(
    recipe: Recipe, scratch: Path | None = None
) -> Any:  # Any: (Source, Columns) of pixmo.sources, imported when needed
    """The source of a recipe, and its columns."""
    from pixmo.sources.open import open_folder, open_with

    if recipe.input is None:
        raise BadSetting(f"recipe {recipe.name!r} has no input; give a SOURCE or set `input`")
    if recipe.source.get("references"):
        return open_predictions(recipe)
    if recipe.source.get("pictures"):
        return open_folder(Path(str(recipe.input)))
    told = {k: v for k, v in recipe.source.items() if k not in ("pictures", "recordings", *OF_RECORDINGS)}
    if recipe.source.get("recordings"):
        return open_recordings(recipe, told)
    columns = {"url_column": recipe.url_column, "sha256_column": recipe.sha256_column}
    return open_with(recipe.input, told | columns | {"scratch": scratch})


def open_recordings(recipe: Recipe, told: dict[str, Any]) -> Any:  # Any: settings of the input; as above
    """Recordings of pictures; or rows that have transcripts already, whose own caption is kept as `given_caption`."""
    from pixmo.sources.open import open_with
    from pixmo.sources.retold import Retold
    from pixmo.sources.spoken import open_spoken

    if not isinstance(recipe.input, str):
        raise BadSetting("recordings come from one folder or one manifest; give them one by one")
    of = {k: recipe.source.get(k) for k in OF_RECORDINGS}
    found = open_spoken(recipe.input, of["pictures_in"], of["image_column"], of["audio_column"])
    if found is not None:
        limit = recipe.source.get("limit")
        return found if limit is None else (found[0].first(limit), found[1])
    source, columns = open_with(
        recipe.input, told | {"url_column": recipe.url_column, "sha256_column": recipe.sha256_column}
    )
    return Retold(source), columns


def open_predictions(recipe: Recipe) -> Any:  # Any: as above
    """What models said of pictures, beside what is known of them."""
    from pixmo.sources.judged import open_judged

    told = recipe.source
    of = [recipe.input] if isinstance(recipe.input, str) else list(recipe.input or ())
    return open_judged(
        of, told["references"], sample=told.get("sample"), seed=told.get("sample_seed", SAMPLE_SEED),
        allow_missing=told.get("allow_missing", False), prediction_column=told.get("prediction_column"),
        key=told.get("picture_key"), kind="video" if told.get("video") else "image",
    )  # fmt: skip


def release_memory() -> None:
    """Gives back what Arrow keeps of a list that was read, before the long part of a run begins."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _open_reuse(path: Path | None) -> Reuse | None:
    if path is None:
        return None
    from pixmo.sources.reuse import open_reuse

    found: Reuse = open_reuse(path)
    return found


class _Work:
    """The asynchronous part: owners, decoders and the runner between them."""

    def __init__(
        self, recipe: Recipe, plan: Plan, shards: list[Shard], store: Store, effort: Effort, reuse: Reuse | None,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._recipe, self._plan, self._shards, self._store = recipe, plan, shards, store
        self._effort, self._reuse, self._progress = effort, reuse, progress
        self._download: AnyStage | None = recipe.find("download")
        self._decoders: Decoders | None = None
        self.asked = 0  # questions to engines other than http

    async def run(self, side_files: Any) -> LocalWorld:  # Any: SideFiles
        enough = self._download.enough if self._download else (lambda line: True)
        world = LocalWorld(self._store, enough, self._start_owners, self._reuse)
        decoders = self._decoders = Decoders(self._effort.processes, self._effort.decode_timeout_s)
        askers = Askers(self._store, world, self._effort.processes)
        pictures = PictureStages(self._store, decoders, world, side_files)
        machinery = Machinery(side_files, world, pictures, askers.of, self._progress.on_shard)
        runner = Runner(self._recipe, self._shards, machinery)
        watch = asyncio.create_task(self._progress.watch(world, pictures, askers, self._plan.rows))
        try:
            await unwrapped(runner.run())
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await asyncio.gather(world.close(), askers.close(), decoders.close())
            self.asked = sum(engine.asked for engine in askers.engines.values())
        return world

    def _start_owners(self, world: LocalWorld) -> Owners:
        assert self._download is not None
        if self._decoders and any(step.kind == "picture" for step in self._recipe.steps):
            self._decoders.warm()
        count = self._effort.processes
        settings = self._download.http_settings(count)
        return Owners(count, settings, self._store, self._effort.min_free_bytes, world.on_answer)


def _summary(
    out: Path, plan: Plan, published: Published, world: LocalWorld, asked: int, seconds: float
) -> Summary:  # fmt: skip
    outcomes = Counter(published.counts.get("outcome", {}))
    more = {name: found for name, found in published.counts.items() if name not in ("outcome", "left")}
    ended = [outcomes, *(found for name, found in more.items() if name.endswith("_outcome"))]
    retryable = sum(n for found in ended for o, n in found.items() if is_worth_retrying(o))
    return Summary(
        out, plan.rows, published.written, dict(outcomes), retryable, world.asked + asked, world.bytes_received, seconds,
        published.files_written, published.left, more,
    )  # fmt: skip
