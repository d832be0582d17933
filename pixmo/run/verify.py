"""Reads every byte of a folder again, and makes anew just what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pixmo.errors import BadFolder
from pixmo.run.folder import Folder, working_on
from pixmo.run.job import DEFAULT, Effort, run_recipe
from pixmo.run.plan import STAGE as ROWS
from pixmo.run.runner import shards_of
from pixmo.run.shard import Shard, flat_values
from pixmo.storage.manifest import NAME as MANIFEST
from pixmo.storage.manifest import differences
from pixmo.storage.manifest import load as load_manifest
from pixmo.storage.published import PublishedPictures
from pixmo.storage.sidecar import SideFile, is_whole, read
from pixmo.storage.store import Store

# stages whose work is made anew when the bytes they saw are lost
OVER_PICTURES = ("download", "unpack_pictures", "inspect_image", "hash_image", "resize_image")


class Problem(NamedTuple):
    """Something that is not as it should be."""

    path: str
    what: str
    repaired: bool = False


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
    embedded = (
        any(not bad_pictures.isdisjoint(_recordings(s)) for s in _whole_shards(folder)) if bad_pictures else False
    )
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
    return [sha for sha in flat_values(read(shard.rows_file, ["recording_sha256"]).column("recording_sha256")) if sha]


def _shas_of(side: SideFile) -> list[str]:
    table = read(side)
    names = ("fetched_sha256", "picture_sha256", "resized_sha256")
    return [s for n in names if n in table.column_names for s in flat_values(table.column(n)) if s]
