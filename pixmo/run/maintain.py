"""What can be done with a folder afterwards: look, retry, clean, export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pixmo.ask import is_worth_retrying, outcome_names
from pixmo.errors import BadSetting, UnknownName
from pixmo.run.folder import Folder, working_on
from pixmo.run.job import DEFAULT, Effort, Summary, run_recipe
from pixmo.run.plan import Plan
from pixmo.run.recipe import Recipe
from pixmo.run.runner import Works, asked_by, shards_of
from pixmo.run.shard import Shard, flat_values, urls_of
from pixmo.run.world import http_key
from pixmo.storage.manifest import differences
from pixmo.storage.manifest import load as load_manifest
from pixmo.storage.publish import disk_errors
from pixmo.storage.published import PublishedPictures
from pixmo.storage.sidecar import read
from pixmo.storage.store import Store

FACTS = ("fetch_outcome", "fetched_sha256", "outcome", "format")


@dataclass
class Status:
    """Counts of a folder, of its finished shards; `pending` rows have no outcome yet."""

    out: Path
    source: str
    rows: int
    pending: int
    written: int | None
    outcomes: dict[str, int] = field(default_factory=dict)
    hosts: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    formats: dict[str, int] = field(default_factory=dict)
    retryable: dict[str, int] = field(default_factory=dict)
    more: dict[str, dict[str, int]] = field(default_factory=dict)  # of recordings and captions, as last published

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return {**self.__dict__, "out": str(self.out), "hosts": [{"host": h, "outcomes": c} for h, c in self.hosts]}


class Cleaned(NamedTuple):
    """What `clean` took away, or would."""

    files: int
    bytes: int


class Exported(NamedTuple):
    """What an export wrote."""

    files: int
    rows: int
    bytes: int


def status(out: Path) -> Status:
    """Counts by outcome, host and format, from the side files alone; works while a run is at work."""
    folder = Folder(out)
    plan = folder.plan()
    told = load_manifest(out)
    outcomes, formats, hosts, done = Counter[str](), Counter[str](), dict[str, Counter[str]](), 0
    for facts in _finished(folder, Store(folder.store_path(), looks_only=True)):
        verdicts = facts["outcome"] or facts["fetch_outcome"]
        outcomes.update(v for v in verdicts if v)
        formats.update(f for f in facts["format"] if f)
        for url, verdict in zip(facts["url"], verdicts, strict=True):
            hosts.setdefault(_host(url), Counter())[verdict or "pending"] += 1
        done += facts["rows"]
    top = sorted(hosts.items(), key=lambda kv: (-kv[1].total(), kv[0]))[:30]
    retryable = {o: n for o, n in sorted(outcomes.items()) if is_worth_retrying(o)}
    return Status(
        out, plan.source, plan.rows, plan.rows - done, told.written if told else None, dict(outcomes.most_common()),
        [(h, dict(c.most_common())) for h, c in top], dict(formats.most_common()), retryable,
        {name: counts for name, counts in told.counts.items() if name not in ("outcome", "left")} if told else {},
    )  # fmt: skip


def retry(out: Path, outcomes: tuple[str, ...] | None, effort: Effort = DEFAULT) -> Summary:
    """Asks again what ended so (default: all that may pass); everything else stays as it is."""
    wanted = frozenset(outcomes or filter(is_worth_retrying, outcome_names()))
    for name in wanted:
        if name not in outcome_names():
            raise UnknownName("outcome", name, outcome_names())

    def open_questions(folder: Folder, store: Store, plan: Plan) -> None:
        keys: dict[str, None] = {http_key(u): None for u in _urls_with(folder, store, wanted)}
        keys |= dict.fromkeys(_asked_with(folder, store, wanted))
        questions = []
        for key in keys:
            line = store.journal.get(key)
            if line is not None and not line.get("open"):
                questions.append((key, int(line["round"]) + 1))
        store.journal.open_again(questions, "retry")

    recipe = replace(Folder(out).recipe(), input=None)
    if recipe.find("download") is None and not any(hasattr(s.stage, "asks") for s in recipe.steps):
        raise BadSetting(f"{out}: its pictures were not downloaded, there is nothing to ask again")
    return run_recipe(recipe, out, effort, before=open_questions)


def clean(out: Path, packs: bool = False, dry_run: bool = False) -> Cleaned:
    """Removes side files of abandoned settings; with `packs`, also the packs of a store that is this folder's own.

    Without packs the folder stays complete: published pictures are read back from `data/` when they are needed again.
    """
    files: list[Path] = []
    Folder(out).must_exist()
    with working_on(out) as (folder, store):
        used = set(_used(folder, store))
        files += [s.path for s in folder.side_files() if s.path not in used]
        if packs:
            files += _publishable_packs(folder, store)
        size = sum(f.stat().st_size for f in files)
        if not dry_run:
            for path in files:
                path.unlink()
    return Cleaned(len(files), size)


def export(out: Path, dest: Path, format: str, shard_size: int | None = None, effort: Effort = DEFAULT) -> Exported:
    """Writes the set once more, in another format, into a folder of its own; nothing is fetched or decoded."""
    from pixmo.run.publishing import Publisher

    source = Folder(out)
    source.must_exist()
    recipe = replace(source.recipe(), format=format, shard_size=shard_size or source.recipe().shard_size)
    if dest.resolve() == out.resolve():
        raise BadSetting(f"{dest}: is the folder itself; export into another")
    with working_on(out, effort.store, reading=True) as (folder, store):
        plan = folder.plan()
        shards = _complete(folder, store, recipe, plan)
        target = Folder(dest)
        target.check_ours()
        from pixmo.run.progress import Progress

        with Progress(quiet=effort.quiet) as progress:
            with disk_errors(dest):
                target.hidden.mkdir(parents=True, exist_ok=True)
            made = Publisher(target, store, recipe, plan, shards, progress, effort.processes).publish([], 0.0)
    files = made.manifest.files
    return Exported(len(files), made.written, sum(f.bytes for f in files))


def _complete(folder: Folder, store: Store, recipe: Recipe, plan: Plan) -> list[Shard]:
    """The shards with the columns of the last finished run; raises BadSetting when one is unfinished."""
    shards = shards_of(plan, folder.side_files())
    if not Works(folder.side_files(), store).attach(recipe, shards):
        raise BadSetting(
            f"{folder.out}: is not finished; run `pixmo run {folder.hidden / 'run.toml'} {folder.out}` first"
        )
    return shards


def _finished(folder: Folder, store: Store) -> Iterator[dict[str, Any]]:
    """Per shard its facts under the recipe as last run, as lists. Shards that were not fetched yet are left out."""
    side_files = folder.side_files()
    shards = shards_of(folder.plan(), side_files)
    if (folder.hidden / "run.toml").is_file():  # else the plan was made a moment ago
        Works(side_files, store).attach_finished(folder.recipe(), shards)
    for shard in shards:
        known = [n for n in FACTS if n in shard.columns]
        facts: dict[str, Any] = {name: [] for name in FACTS}
        facts |= {n: flat_values(read(shard.columns[n], [n]).column(n)) for n in known}
        if facts["fetch_outcome"]:
            facts["url"] = urls_of(shard) or [None] * len(facts["fetch_outcome"])
            facts["outcome"] = facts["outcome"] if len(facts["outcome"]) == len(facts["fetch_outcome"]) else []
            yield facts | {"rows": shard.planned.rows}


def _urls_with(folder: Folder, store: Store, outcomes: frozenset[str]) -> Iterator[str]:
    for facts in _finished(folder, store):
        verdicts = facts["outcome"] or facts["fetch_outcome"]
        for url, fetched, verdict in zip(facts["url"], facts["fetch_outcome"], verdicts, strict=True):
            if url and (verdict in outcomes or fetched in outcomes):
                yield url


def _asked_with(folder: Folder, store: Store, outcomes: frozenset[str]) -> Iterator[str]:
    """The questions to engines other than http that ended so."""
    recipe, side_files = folder.recipe(), folder.side_files()
    asking = [step for step in recipe.steps if hasattr(step.stage, "asks")]
    if not asking:
        return
    shards = shards_of(folder.plan(), side_files)
    Works(side_files, store).attach_finished(recipe, shards)
    for shard in shards:
        for step in asking:
            if all(shard.source_of(f.name) for f in step.stage.needs if f.name not in step.stage.optional):
                for key in asked_by(shard, step, store.journal):
                    line = store.journal.get(key)
                    if line is not None and line.get("outcome") in outcomes:
                        yield key


def _host(url: str | None) -> str:
    try:
        return (urlsplit(url).hostname if url else None) or "(none)"
    except ValueError:
        return "(not a URL)"


def _used(folder: Folder, store: Store) -> Iterator[Path]:
    """The side files that the plan and the recipe as last run still name."""
    plan = folder.plan()
    shards = shards_of(plan, folder.side_files())
    Works(folder.side_files(), store).attach_finished(folder.recipe(), shards)
    for shard in shards:
        yield shard.rows_file.path
        yield from {s.path for s in shard.columns.values()}


def _publishable_packs(folder: Folder, store: Store) -> list[Path]:
    """The packs whose pictures all stand in verified published files; none when the store is shared."""
    if store.folder != folder.hidden.resolve():
        raise BadSetting(f"{folder.out}: its store {store.folder} may serve other folders too; packs were left alone")
    told = load_manifest(folder.out)
    if told is None or any(True for _ in differences(folder.out, told)):
        raise BadSetting(f"{folder.out}: is not whole; run `pixmo verify --repair` before dropping packs")
    published = PublishedPictures(folder.out)
    paths = []
    for pack in store.packs.names():
        if all(published.has(sha) for sha, _, _ in store.packs.entries(pack)):
            paths += [store.folder / "packs" / f"{pack}.pack", store.folder / "packs" / f"{pack}.idx"]
    return paths
