"""Moves shards through the stages of a recipe on this machine.

Steps before a Reduce run shard by shard, several shards in flight over one shared world; a Reduce waits for all of them. A step
whose side file exists (same stage, same columns read) does not run again: the file is the proof, whoever wrote it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from pixmo.errors import BadSetting, UnknownName
from pixmo.ids import Digest, digest_of
from pixmo.run.askers import question_keys
from pixmo.run.pictures import PictureStages, adds_schema, needed_by
from pixmo.run.plan import Plan, rows_file
from pixmo.run.recipe import Recipe, Step
from pixmo.run.shard import ROLES, Nesting, Shard, mask_of, scatter, with_ids
from pixmo.run.world import LocalWorld, http_key
from pixmo.stage import World
from pixmo.storage.journal import Journal
from pixmo.storage.sidecar import ROW_ID, SideFile, SideFiles
from pixmo.storage.store import Store

SHARDS_IN_FLIGHT = 16


@dataclass(frozen=True)
class Machinery:
    """What a runner works with."""

    side_files: SideFiles
    world: LocalWorld
    pictures: PictureStages
    world_of: Callable[[Step], World]
    on_shard: Callable[[Step, Shard], None] = lambda step, shard: None


def shards_of(plan: Plan, side_files: SideFiles) -> list[Shard]:
    """The shards of a plan with the columns they were born with."""
    shards, start = [], 0
    names: list[str] | None = None
    nested = {c for c in (plan.roles.urls, plan.roles.sha256 if plan.many else None) if c}
    nested |= {"embedded_sha256", "embedded_bytes", "embedded_path"} if plan.roles.embedded_many else set()
    for planned in plan.shards:
        side = rows_file(planned, side_files)
        if names is None:
            names = pq_names(side)
        shards.append(Shard(planned, side, plan.roles, start, dict.fromkeys(names, side), set(nested)))
        start += planned.rows
    return shards


def pq_names(side: SideFile) -> list[str]:
    """The columns of a side file."""
    import pyarrow.parquet as pq

    return list(pq.read_schema(side.path).names)


def check(recipe: Recipe, shards: Sequence[Shard]) -> None:
    """Whether every stage finds its columns; raises UnknownName before the first row is touched."""
    have = set(shards[0].columns) | {n for n in ROLES if shards[0].source_of(n)}
    for step in recipe.steps:
        optional = getattr(step.stage, "optional", ())
        wanted = [f.name for f in step.stage.needs if f.name not in optional]
        wanted += [step.when.removeprefix("not ")] if step.when else []
        for name in wanted:
            if name not in have:
                raise UnknownName("column", name, have, f"stage {step.use!r}")
        if step.kind != "select":
            twice = set(step.stage.adds.names) & set(shards[0].columns)
            if twice:
                raise BadSetting(
                    f"stage {step.use!r} adds {min(twice)!r}, which the rows have already; rename that column of the list"
                )
            have |= set(adds(step).names)


def adds(step: Step) -> pa.Schema:
    """The columns of a step's side files."""
    return adds_schema(step) if step.kind == "picture" else step.stage.adds


class Works:
    """Names of work: what each step over a shard is made of, and the side file that has it."""

    def __init__(self, side_files: SideFiles, store: Store) -> None:
        self.side_files = side_files
        self._store = store

    def attach(self, recipe: Recipe, shards: Sequence[Shard]) -> bool:
        """Gives the shards the columns of finished work; whether all of the recipe was found."""
        for phase in phases(recipe):
            for group in groups(phase):
                if group[0].kind == "reduce":
                    if not self.attach_reduce(shards, group[0]):
                        return False
                    continue
                if not all(self.found(shard, step, group) for shard in shards for step in group):
                    return False
        return True

    def attach_finished(self, recipe: Recipe, shards: Sequence[Shard]) -> None:
        """Gives each shard the columns of what is finished, as far as it goes; shards at work stop where they are."""
        unfinished: set[int] = set()
        for phase in phases(recipe):
            if phase[0].kind == "reduce":
                if not unfinished:
                    self.attach_reduce(shards, phase[0])
                continue
            for shard in shards:
                if shard.number not in unfinished and not all(self._found_all(shard, g) for g in groups(phase)):
                    unfinished.add(shard.number)

    def _found_all(self, shard: Shard, group: Sequence[Step]) -> bool:
        found = [self.found(shard, step, group) for step in group]  # all of them, also when one is missing
        return all(found)

    def found(self, shard: Shard, step: Step, group: Sequence[Step]) -> bool:
        """Whether the step's work over this shard is there; its columns are the shard's then."""
        side = self.side_files.find(step.name, self.made_of(shard, step, group))
        if side is None:
            return False
        names = adds(step).names
        if shard.is_nested(reads(step, group)):
            shard.nested |= set(names)
        shard.columns |= dict.fromkeys(names, side)
        return True

    def made_of(self, shard: Shard, step: Step, group: Sequence[Step]) -> str:
        """The step, its settings, the rows, and the content of the columns read."""
        work: dict[str, Any] = {
            "stage": step.fingerprint, "rows": shard.rows_file.is_, "reads": shard.reads(reads(step, group)),
            # columns computed by neighbours in the same pass are named by what computes them
            "after": [s.fingerprint for s in group[: list(group).index(step)]],
        }  # fmt: skip
        if step.kind == "world":
            work["rounds"] = self._rounds(shard, step)
        return digest_of(work)

    def reduce_works(self, shards: Sequence[Shard], step: Step) -> list[str]:
        """Per shard the name of its part of a verdict over all."""
        over_all = digest_of([self.made_of(s, step, [step]) for s in shards])
        return [digest_of([over_all, s.number]) for s in shards]

    def attach_reduce(self, shards: Sequence[Shard], step: Step) -> bool:
        """As `found`, for a Reduce."""
        sides = [self.side_files.find(step.name, w) for w in self.reduce_works(shards, step)]
        if not all(sides):
            return False
        nested = shards[0].is_nested(step.stage.needs.names)
        for shard, side in zip(shards, sides, strict=True):
            assert side is not None
            shard.columns |= dict.fromkeys(step.stage.adds.names, side)
            if nested:
                shard.nested |= set(step.stage.adds.names)
        return True

    def _rounds(self, shard: Shard, step: Step) -> dict[str, int]:
        """The questions of the shard that were asked again, and how often."""
        journal = self._store.journal
        if not journal.reopened:
            return {}
        rounds: dict[str, int] = {}
        for key in asked_by(shard, step, journal):
            if key in journal.reopened:
                line = journal.get(key)
                rounds[key] = int(line["round"]) if line else 0
        return rounds


def asked_by(shard: Shard, step: Step, journal: Journal) -> Iterator[Digest]:
    """The names of the questions a step asks over a shard."""
    if hasattr(step.stage, "asks"):
        yield from question_keys(step.stage, one_batch(shard.table(step.stage.needs)), journal)
        return
    urls = shard.table(pa.schema([("image_url", pa.string())])).column("image_url").combine_chunks()
    flat = urls.flatten() if pa.types.is_list(urls.type) else urls
    yield from (http_key(url) for url in flat.to_pylist() if url)


def reads(step: Step, group: Sequence[Step]) -> list[str]:
    """The columns a step reads that are there before its group begins."""
    if step.kind != "picture":
        return list(_with_when(step).names)
    inner = {n for s in group for n in s.stage.adds_names()}
    return [n for n in needed_by([step]) if n not in inner]


def groups(phase: Sequence[Step]) -> Iterator[list[Step]]:
    """Neighbouring picture stages together, every other step alone."""
    for is_picture, part in groupby(phase, key=lambda s: s.kind == "picture"):
        steps = list(part)
        yield from [steps] if is_picture else [[s] for s in steps]


def phases(recipe: Recipe) -> Iterator[list[Step]]:
    """The steps between Reduces, and each Reduce alone; `select` is not a step of the runner."""
    steps = [s for s in recipe.steps if s.kind != "select"]
    for is_reduce, part in groupby(steps, key=lambda s: s.kind == "reduce"):
        together = list(part)
        yield from [[s] for s in together] if is_reduce else [together]


class Runner:
    """One run of a recipe's stages over shards."""

    def __init__(self, recipe: Recipe, shards: Sequence[Shard], machinery: Machinery) -> None:
        self._recipe = recipe
        self._shards = shards
        self._m = machinery
        self._works = Works(machinery.side_files, machinery.world.store)

    async def run(self) -> None:
        """Until every step has its side file for every shard."""
        for phase in phases(self._recipe):
            if phase[0].kind == "reduce":
                await self._reduce(phase[0])
            else:
                await self._over_shards(phase)

    async def _over_shards(self, phase: list[Step]) -> None:
        waiting = iter(self._shards)

        async def worker() -> None:
            for shard in waiting:
                for group in groups(phase):
                    await self._group(shard, group)

        async with asyncio.TaskGroup() as tasks:
            batched = any(
                getattr(step.stage, "batch", False) for step in phase
            )  # a batch a day: the more in it the better
            for _ in range(len(self._shards) if batched else min(SHARDS_IN_FLIGHT, len(self._shards))):
                tasks.create_task(worker())

    async def _group(self, shard: Shard, group: list[Step]) -> None:
        missing = [s for s in group if not self._works.found(shard, s, group)]
        if missing and group[0].kind == "picture":
            await self._pictures(shard, group, missing)
        elif missing:
            await self._step(shard, group[0])
        for step in group:
            self._m.on_shard(step, shard)
        await asyncio.sleep(0)  # a finished shard must not keep answers of others waiting

    async def _step(self, shard: Shard, step: Step) -> None:
        table = await asyncio.to_thread(shard.table, _with_when(step))
        added = await self._compute(shard, step, table)
        await self._write(shard, step, [step], with_ids(table, added))

    async def _compute(self, shard: Shard, step: Step, table: pa.Table) -> pa.Table:
        nesting = None
        if shard.is_nested(table.column_names):
            nesting, table = self._flat(shard, table)
        mask = mask_of(table, step.when) if step.when else None
        part = table if mask is None else table.filter(mask)
        rows = one_batch(part.select(step.stage.needs.names))
        out = await step.stage(rows, self._m.world_of(step)) if step.kind == "world" else step.stage(rows)
        if len(out) != len(rows):
            raise RuntimeError(f"stage {step.use!r} made {len(out)} rows of {len(rows)}; a stage keeps the row count")
        added = pa.Table.from_batches([out])
        added = added if mask is None else scatter(added, mask)
        return added if nesting is None else nesting.nest(added)

    async def _pictures(self, shard: Shard, group: list[Step], missing: list[Step]) -> None:
        names = needed_by(group)
        table = await asyncio.to_thread(shard.table, self._schema(shard, names))
        nesting, flat = self._flat(shard, table) if shard.is_nested(names) else (None, table)
        tables = await self._m.pictures.run(group, flat, shard.number)
        for step, added in zip(group, tables, strict=True):
            if step in missing:
                nested = added if nesting is None else nesting.nest(added)
                await self._write(
                    shard, step, group, with_ids(table, nested).replace_schema_metadata(added.schema.metadata)
                )

    async def _reduce(self, step: Step) -> None:
        if not self._works.attach_reduce(self._shards, step):
            await asyncio.to_thread(self._reduce_all, step)
            self._works.attach_reduce(self._shards, step)
        for shard in self._shards:
            self._m.on_shard(step, shard)

    def _reduce_all(self, step: Step) -> None:
        works = self._works.reduce_works(self._shards, step)
        nested = self._shards[0].is_nested(step.stage.needs.names)
        ids: list[pa.Table] = []
        nestings: list[Nesting] = []

        def batches() -> Iterator[pa.RecordBatch]:
            for shard in self._shards:
                table = shard.table(step.stage.needs)
                ids.append(table.select([ROW_ID]))
                if nested:
                    nesting, table = self._flat(shard, table)
                    nestings.append(nesting)
                yield one_batch(table)

        for number, out in enumerate(step.stage(batches())):
            added = pa.Table.from_batches([out])
            added = nestings[number].nest(added) if nested else added
            self._m.side_files.write(
                step.name, self._shards[number].number, works[number], with_ids(ids[number], added)
            )

    def _flat(self, shard: Shard, table: pa.Table) -> tuple[Nesting, pa.Table]:
        of_each = "image_url" if shard.roles.urls else "embedded_sha256"
        nesting = Nesting.of(shard.table(pa.schema([(of_each, pa.string())])).column(of_each))
        return nesting, nesting.flat(table, {n for n in table.column_names if shard.source_of(n) in shard.nested})

    @staticmethod
    def _schema(shard: Shard, names: Sequence[str]) -> pa.Schema:
        return pa.schema([(n, pa.null()) for n in names])  # types matter only for columns that are not there

    async def _write(self, shard: Shard, step: Step, group: Sequence[Step], table: pa.Table) -> None:
        nested = shard.is_nested(reads(step, group))
        made_of = self._works.made_of(shard, step, group)  # after asking: a question may have opened a new round
        side = await asyncio.to_thread(self._write_durably, step.name, shard.number, made_of, table)
        names = table.column_names[1:]
        shard.columns |= dict.fromkeys(names, side)
        if nested:
            shard.nested |= set(names)

    def _write_durably(self, name: str, number: int, made_of: str, table: pa.Table) -> SideFile:
        self._m.world.store.sync()  # a side file must not outlive the bytes it names
        return self._m.side_files.write(name, number, made_of, table)


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """A table as one record batch, also when it has no rows."""
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _with_when(step: Step) -> pa.Schema:
    needs = step.stage.needs
    name = (step.when or "").removeprefix("not ")
    return needs.append(pa.field(name, pa.bool_())) if name and name not in needs.names else needs


async def unwrapped(work: Awaitable[None]) -> None:
    """The first error of a task group instead of the group."""
    try:
        await work
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
