"""What can be done with a folder afterwards: look, retry, verify, clean, forget, export."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa

from pixmo.ask import Outcome, is_worth_retrying, outcome_names
from pixmo.errors import BadFolder, BadSetting, UnknownName
from pixmo.ids import digest, is_digest
from pixmo.run.folder import Folder, working_on
from pixmo.run.job import DEFAULT, Effort, Summary, run_recipe
from pixmo.run.plan import STAGE as ROWS
from pixmo.run.plan import Plan
from pixmo.run.recipe import Recipe
from pixmo.run.runner import Works, asked_by, shards_of
from pixmo.run.shard import Shard
from pixmo.run.world import http_key
from pixmo.storage.manifest import NAME as MANIFEST
from pixmo.storage.manifest import differences
from pixmo.storage.manifest import load as load_manifest
from pixmo.storage.publish import disk_errors
from pixmo.storage.published import PublishedPictures
from pixmo.storage.sidecar import ROW_ID, SideFile, SideFiles, is_whole, read
from pixmo.storage.store import Store

# stages whose work is made anew when the bytes they saw are lost
OVER_PICTURES = ("download", "unpack_pictures", "inspect_image", "hash_image", "resize_image")
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


class Problem(NamedTuple):
    """Something that is not as it should be."""

    path: str
    what: str
    repaired: bool = False


class Cleaned(NamedTuple):
    """What `clean` took away, or would."""

    files: int
    bytes: int


class Forgotten(NamedTuple):
    """What was taken down."""

    urls: int
    pictures: int
    rows: int


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


def verify(out: Path, repair: bool = False, effort: Effort = DEFAULT) -> list[Problem]:
    """Reads every byte and compares it with the manifest, the side files' names and the packs' index.

    `repair` removes what is wrong and makes just that again: published files from the store, lost pictures from their hosts.
    """
    Folder(out).must_exist()
    recipe = replace(Folder(out).recipe(), input=None)
    with working_on(out, effort.store, reading=not repair) as (folder, store):
        problems = list(_problems(folder, store))
        if not (repair and problems):
            return problems
        if _remove_damage(folder, store, problems):  # rows, and pictures inside them, come from the source alone
            recipe = folder.recipe()
            replace(folder.plan(), identity={}).publish(folder.plan_path)  # of another list, as it were: read again
    run_recipe(recipe, out, effort)
    still = {(p.path, p.what) for p in _reread(out)}
    return [p._replace(repaired=(p.path, p.what) not in still) for p in problems]


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


def forget(out: Path, what: Sequence[str], effort: Effort = DEFAULT, annotators: Sequence[str] = ()) -> Forgotten:
    """Takes URLs, pictures or recordings (by sha256) down: from store, data and manifest, with tombstones against their return.

    A URL takes its picture with it, wherever else that picture stands; a picture takes its URLs. A recording takes all that
    was heard in it and the captions that rest on it; these are written anew from what others said. `annotators` stand for all
    their recordings.
    """
    Folder(out).must_exist()
    urls = {w for w in what if not is_digest(w.lower())}
    for url in urls:
        if not re.match(r"https?://", url, re.IGNORECASE):
            raise BadSetting(f"{url!r} is neither an http(s) URL nor a sha256 of 64 hexadecimal digits")
    shas = {w.lower() for w in what if is_digest(w.lower())}
    recipe = replace(Folder(out).recipe(), input=None)
    with working_on(out, effort.store) as (folder, store):
        plan = folder.plan()
        shas |= _said_by(plan, folder, frozenset(annotators))
        shas |= {line["sha256"] for url in urls if (line := store.journal.get(http_key(url))) and "sha256" in line}
        rows = _bury(plan, folder.side_files(), store, urls, shas)
        pictures = store.packs.drop(shas)
        gone: set[str] = {http_key(u) for u in urls}
        store.journal.rewrite(lambda line: _forgotten(line, gone, shas))
    run_recipe(recipe, out, effort)
    return Forgotten(len(urls), pictures, rows)


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
        facts |= {n: _flat(read(shard.columns[n], [n]).column(n)) for n in known}
        if facts["fetch_outcome"]:
            facts["url"] = _urls(shard) or [None] * len(facts["fetch_outcome"])
            facts["outcome"] = facts["outcome"] if len(facts["outcome"]) == len(facts["fetch_outcome"]) else []
            yield facts | {"rows": shard.planned.rows}


def _urls(shard: Shard) -> list[str | None]:
    if shard.source_of("image_url") is None:
        return []
    return _flat(shard.table(pa.schema([("image_url", pa.string())])).column("image_url"))


def _flat(column: pa.ChunkedArray) -> list[Any]:  # Any: column values
    values = column.to_pylist()
    return [v for row in values for v in row or ()] if pa.types.is_list(column.type) else values


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
                for key in asked_by(shard, step):
                    line = store.journal.get(key)
                    if line is not None and line.get("outcome") in outcomes:
                        yield key


def _host(url: str | None) -> str:
    try:
        return (urlsplit(url).hostname if url else None) or "(none)"
    except ValueError:
        return "(not a URL)"


def _problems(folder: Folder, store: Store) -> Iterator[Problem]:
    told = load_manifest(folder.out)
    if told is None:
        yield Problem(MANIFEST, "missing: the run was not finished")
    else:
        yield from (Problem(path, what) for path, what in differences(folder.out, told))
    for side in folder.side_files():
        if not is_whole(side):
            yield Problem(side.path.relative_to(folder.out).as_posix(), "content differs from its name")
    have = {(s.stage, s.made_of) for s in folder.side_files()}
    for planned in folder.plan().shards:
        if (ROWS, planned.made_of) not in have:
            yield Problem(
                f".pixmo/columns/{ROWS}.{planned.number:05d}.{planned.made_of}.{planned.is_}.parquet", "missing"
            )
    for pack, sha in store.packs.damaged():
        yield Problem(f"packs/{pack}.pack", f"picture {sha} is damaged")
    yield from _missing(folder, store)


def _missing(folder: Folder, store: Store) -> Iterator[Problem]:
    """The pictures that side files name and that lie neither in a pack nor in published files."""
    published = PublishedPictures(folder.out)
    seen = set(store.tombstones)
    for side in sorted(folder.side_files(), key=lambda s: s.path):
        if side.stage in ("download", "unpack_pictures") and is_whole(side):
            for sha in _shas_of(side):
                if sha not in seen and store.packs.locate(sha) is None and not published.has(sha):
                    yield Problem(side.path.relative_to(folder.out).as_posix(), f"picture {sha} is missing")
                seen.add(sha)
    for shard in _whole_shards(folder):
        for sha in _recordings(shard):
            if sha not in seen and store.packs.locate(sha) is None:
                yield Problem(shard.rows_file.path.relative_to(folder.out).as_posix(), f"recording {sha} is missing")
            seen.add(sha)


def _reread(out: Path) -> list[Problem]:
    with working_on(out) as (folder, store):
        return list(_problems(folder, store))


def _remove_damage(folder: Folder, store: Store, problems: Iterable[Problem]) -> bool:
    """Takes away what is wrong, so that a run makes it again; whether the source has to be read again for that."""
    bytes_of = ("picture ", "recording ")
    paths = [p.path for p in problems if not p.what.startswith(bytes_of)]
    bad_pictures = {p.what.split()[1] for p in problems if p.what.startswith(bytes_of)}
    embedded = any(not bad_pictures.isdisjoint(_recordings(s)) for s in _whole_shards(folder)) if bad_pictures else False
    store.packs.drop(bad_pictures)
    if any(path.endswith(".parquet") for path in paths):
        bad_pictures |= set(_lost_pictures(folder, store, paths))
    for path in paths:
        (folder.out / path).unlink(missing_ok=True)
    if bad_pictures:  # stages over them find no bytes and ask again
        for side in folder.side_files():
            if side.stage in OVER_PICTURES and bad_pictures & set(_shas_of(side)):
                embedded |= side.stage == "unpack_pictures"
                side.path.unlink()
    return embedded or any(path.startswith(f".pixmo/columns/{ROWS}.") for path in paths)


def _lost_pictures(folder: Folder, store: Store, damaged: Sequence[str]) -> Iterator[str]:
    """Pictures that stood in damaged files alone and cannot be read there; those that can go back into packs."""
    whole = PublishedPictures(folder.out, without=damaged)
    for side in folder.side_files():
        if side.stage in OVER_PICTURES and is_whole(side):
            for sha in _shas_of(side):
                if store.packs.locate(sha) is None and whole.get(sha) is None and store.locate(sha) is None:
                    yield sha


def _whole_shards(folder: Folder) -> list[Shard]:
    """The shards; none where rows are missing, which is told elsewhere."""
    with suppress(BadFolder):
        return [s for s in shards_of(folder.plan(), folder.side_files()) if is_whole(s.rows_file)]
    return []


def _recordings(shard: Shard) -> list[str]:
    if "recording_sha256" not in shard.columns:
        return []
    return [sha for sha in _flat(read(shard.rows_file, ["recording_sha256"]).column("recording_sha256")) if sha]


def _shas_of(side: SideFile) -> list[str]:
    table = read(side)
    names = ("fetched_sha256", "picture_sha256", "resized_sha256")
    return [s for n in names if n in table.column_names for s in _flat(table.column(n)) if s]


def _bury(plan: Plan, side_files: SideFiles, store: Store, urls: set[str], shas: set[str]) -> int:
    """Writes tombstones and removes the side files of shards that speak of what goes; returns the rows concerned."""
    rows = 0
    touched: set[str] = set()  # row ids: numbers of shards move when a list is updated
    for shard in shards_of(plan, side_files):
        here = [u for u in _urls(shard) if u]
        known = {u: line for u in dict.fromkeys(here) if (line := store.journal.get(http_key(u)))}
        with_sha = {u for u, line in known.items() if line.get("sha256") in shas}
        urls |= with_sha
        hit = (
            sum(u in urls for u in here)
            + _embedded(shard, shas, "embedded_sha256")
            + _embedded(shard, shas, "recording_sha256")
        )
        if hit:
            rows += hit
            touched.update(read(shard.rows_file, []).column(ROW_ID).to_pylist())
    store.bury({digest(u.encode(errors="surrogatepass")) for u in urls} | shas)
    for side in side_files:
        if side.stage != ROWS and not touched.isdisjoint(read(side, []).column(ROW_ID).to_pylist()):
            side_files.remove(side)
    return rows


def _embedded(shard: Shard, shas: set[str], name: str) -> int:
    if name not in shard.columns:
        return 0
    return sum(s in shas for s in _flat(read(shard.rows_file, [name]).column(name)))


def _said_by(plan: Plan, folder: Folder, annotators: frozenset[str]) -> set[str]:
    """The recordings of some annotators. Raises UnknownName for one who recorded nothing."""
    names = ["recording_sha256", "recording_annotator"]
    found: dict[str, set[str]] = {}
    for shard in shards_of(plan, folder.side_files()) if annotators else ():
        if set(names) <= set(shard.columns):
            table = read(shard.rows_file, names)
            for sha, who in zip(*(_flat(table.column(n)) for n in names), strict=True):
                found.setdefault(who, set()).update([sha] if sha else [])
    for name in annotators - found.keys():
        raise UnknownName("annotator", name, [n for n in found if n], str(folder.out))
    return {sha for name in annotators for sha in found[name]}


def _forgotten(line: dict[str, Any], keys: set[str], shas: set[str]) -> dict[str, Any] | None:  # Any: JSON
    if line.get("recording") in shas or not shas.isdisjoint(line.get("about", ())):
        return None  # what was heard in a recording, or written of it
    if line["key"] in keys or line.get("sha256") in shas:
        return {"key": line["key"], "round": line["round"], "outcome": str(Outcome.FORGOTTEN)}
    return line


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
