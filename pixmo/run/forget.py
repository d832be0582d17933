"""Takes pictures and recordings down, for good: bytes, answers, and all that was made of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.ask import Outcome
from pixmo.errors import BadSetting, UnknownName
from pixmo.ids import digest, is_digest
from pixmo.run.folder import Folder, working_on
from pixmo.run.job import DEFAULT, Effort, check_stages, run_recipe
from pixmo.run.plan import STAGE as ROWS
from pixmo.run.plan import Plan
from pixmo.run.runner import shards_of
from pixmo.run.shard import Shard, flat_values, urls_of
from pixmo.run.world import http_key
from pixmo.storage.sidecar import ROW_ID, SideFiles, read
from pixmo.storage.store import Store


class Forgotten(NamedTuple):
    """What was taken down."""

    urls: int
    pictures: int
    rows: int


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
        if any(_embedded(shard, shas, "recording_sha256") for shard in shards_of(plan, folder.side_files())):
            check_stages(recipe)  # captions are written anew: a missing key is told before anything is touched
        rows = _bury(plan, folder.side_files(), store, urls, shas)
        pictures = store.packs.drop(shas)
        gone: set[str] = {http_key(u) for u in urls}
        store.journal.rewrite(lambda line: _forgotten(line, gone, shas))
    run_recipe(recipe, out, effort)
    return Forgotten(len(urls), pictures, rows)


def _bury(plan: Plan, side_files: SideFiles, store: Store, urls: set[str], shas: set[str]) -> int:
    """Writes tombstones and removes the side files of shards that speak of what goes; returns the rows concerned."""
    rows = 0
    touched: set[str] = set()  # row ids: numbers of shards move when a list is updated
    for shard in shards_of(plan, side_files):
        here = [u for u in urls_of(shard) if u]
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
    return sum(s in shas for s in flat_values(read(shard.rows_file, [name]).column(name)))


def _said_by(plan: Plan, folder: Folder, annotators: frozenset[str]) -> set[str]:
    """The recordings of some annotators. Raises UnknownName for one who recorded nothing."""
    names = ["recording_sha256", "recording_annotator"]
    found: dict[str, set[str]] = {}
    for shard in shards_of(plan, folder.side_files()) if annotators else ():
        if set(names) <= set(shard.columns):
            table = read(shard.rows_file, names)
            for sha, who in zip(*(flat_values(table.column(n)) for n in names), strict=True):
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
