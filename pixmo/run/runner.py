"""Moves shards through the stages of a recipe on this machine.

Steps before a Reduce run shard by shard, several shards in flight over one shared world; a Reduce waits for all of them. A step
whose side file exists (same stage, same columns read) does not run again: the file is the proof, whoever wrote it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pixmo.errors import UnknownName
from pixmo.ids import digest_of
from pixmo.run.pictures import PictureStages, adds_schema, needed_by
from pixmo.run.plan import Plan, rows_file
from pixmo.run.recipe import Recipe, Step
from pixmo.run.shard import ROLES, Nesting, Shard, mask_of, scatter, with_ids
from pixmo.run.world import LocalWorld, http_key
from pixmo.storage.sidecar import ROW_ID, SideFile, SideFiles

SHARDS_IN_FLIGHT = 24


@dataclass(frozen=True)
class Machinery:
    """What a runner works with."""

    side_files: SideFiles
    world: LocalWorld
    pictures: PictureStages
    on_shard: Callable[[Step, Shard], None] = lambda step, shard: None


def shards_of(plan: Plan, side_files: SideFiles) -> list[Shard]:
    """The shards of a plan with the columns they were born with."""
    shards, start = [], 0
    names: list[str] | None = None
    nested = {c for c in (plan.roles.urls, plan.roles.sha256 if plan.many else None) if c}
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
            have |= set(_adds(step).names)


def _adds(step: Step) -> pa.Schema:
    return adds_schema(step) if step.kind == "picture" else step.stage.adds


class Runner:
    """One run of a recipe's stages over shards; `computed` counts side files written."""

    def __init__(self, recipe: Recipe, shards: Sequence[Shard], machinery: Machinery) -> None:
        self._steps = [s for s in recipe.steps if s.kind != "select"]
        self._shards = shards
        self._m = machinery
        self.computed = 0

    async def run(self) -> None:
        """Until every step has its side file for every shard."""
        for phase in self._phases():
            if phase[0].kind == "reduce":
                await self._reduce(phase[0])
            else:
                await self._over_shards(phase)

    def _phases(self) -> Iterator[list[Step]]:
        phase: list[Step] = []
        for step in self._steps:
            if step.kind == "reduce":
                if phase:
                    yield phase
                yield [step]
                phase = []
            else:
                phase.append(step)
        if phase:
            yield phase

    async def _over_shards(self, phase: list[Step]) -> None:
        waiting = iter(self._shards)

        async def worker() -> None:
            for shard in waiting:
                await self._one(shard, phase)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(SHARDS_IN_FLIGHT, len(self._shards))):
                group.create_task(worker())

    async def _one(self, shard: Shard, phase: list[Step]) -> None:
        steps = list(phase)
        while steps:
            group = [steps.pop(0)]
            while group[0].kind == "picture" and steps and steps[0].kind == "picture":
                group.append(steps.pop(0))
            if group[0].kind == "picture":
                await self._picture_group(shard, group)
            else:
                await self._step(shard, group[0])
            for step in group:
                self._m.on_shard(step, shard)
            await asyncio.sleep(0)

    async def _step(self, shard: Shard, step: Step) -> None:
        needs = _with_when(step)
        if not self._found(shard, step, needs.names):
            table = await asyncio.to_thread(shard.table, needs)
            added = await self._compute(shard, step, table)
            await self._write(shard, step, needs.names, with_ids(table, added))

    async def _compute(self, shard: Shard, step: Step, table: pa.Table) -> pa.Table:
        nesting = None
        if shard.is_nested(table.column_names):
            nesting, table = self._flat(shard, table)
        part, mask = table, None
        if step.when:
            mask = mask_of(table, step.when)
            part = table.filter(mask)
        batch = part.select(step.stage.needs.names).combine_chunks()
        rows = batch.to_batches()[0] if batch.num_rows else pa.RecordBatch.from_pylist([], schema=batch.schema)
        out = await step.stage(rows, self._m.world) if step.kind == "world" else step.stage(rows)
        if len(out) != part.num_rows:
            raise RuntimeError(f"stage {step.use!r} turned {part.num_rows} rows into {len(out)}; a stage keeps the row count")
        added = pa.Table.from_batches([out])
        added = scatter(added, mask) if mask is not None else added
        if nesting is not None:
            shard.nested |= set(added.column_names)
            added = nesting.nest(added)
        return added

    async def _picture_group(self, shard: Shard, group: list[Step]) -> None:
        names = needed_by(group)
        inner = {n for s in group for n in s.stage.adds_names()}
        if all([self._found(shard, s, [n for n in self._reads(s) if n not in inner], group) for s in group]):
            return
        table = await asyncio.to_thread(shard.table, pa.schema([(n, pa.string()) for n in names]))
        nesting, flat = (None, table)
        if shard.is_nested(names):
            nesting, flat = self._flat(shard, table)
        for step, added in zip(group, await self._m.pictures.run(group, flat, shard.number), strict=True):
            if nesting is not None:
                shard.nested |= set(added.column_names)
                added = nesting.nest(added)
            own = [n for n in self._reads(step) if n not in inner]
            if not self._found(shard, step, own, group):
                await self._write(shard, step, own, with_ids(table, added), group)

    async def _reduce(self, step: Step) -> None:
        needs = step.stage.needs
        works = [self._made_of(s, step, needs.names) for s in self._shards]
        over_all = digest_of(works)
        wanted = [digest_of([over_all, s.number]) for s in self._shards]
        sides = [self._m.side_files.find(step.name, w) for w in wanted]
        nested = self._shards[0].is_nested(needs.names)
        if not all(sides):
            sides = await asyncio.to_thread(self._reduce_all, step, needs, wanted, nested)
        for shard, side in zip(self._shards, sides, strict=True):
            assert side is not None
            shard.columns |= dict.fromkeys(step.stage.adds.names, side)
            if nested:
                shard.nested |= set(step.stage.adds.names)
            self._m.on_shard(step, shard)

    def _reduce_all(self, step: Step, needs: pa.Schema, wanted: list[str], nested: bool) -> list[SideFile | None]:
        nestings: list[Nesting] = []
        ids: list[pa.Table] = []

        def batches() -> Iterator[pa.RecordBatch]:
            for shard in self._shards:
                table = shard.table(needs)
                ids.append(table.select([ROW_ID]))
                if nested:
                    nesting, table = self._flat(shard, table)
                    nestings.append(nesting)
                table = table.combine_chunks()
                yield table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], schema=table.schema)

        sides: list[SideFile | None] = []
        for number, out in enumerate(step.stage(batches())):
            added = pa.Table.from_batches([out])
            added = nestings[number].nest(added) if nested else added
            full = with_ids(ids[number], added)
            sides.append(self._m.side_files.write(step.name, self._shards[number].number, wanted[number], full))
            self.computed += 1
        return sides

    def _flat(self, shard: Shard, table: pa.Table) -> tuple[Nesting, pa.Table]:
        urls = shard.table(pa.schema([("image_url", pa.string())])).column("image_url")
        nesting = Nesting.of(urls)
        return nesting, nesting.flat(table, {n for n in table.column_names if shard.source_of(n) in shard.nested})

    @staticmethod
    def _reads(step: Step) -> list[str]:
        return list(dict.fromkeys(needed_by([step])))

    def _found(self, shard: Shard, step: Step, reads: Sequence[str], group: Sequence[Step] = ()) -> bool:
        side = self._m.side_files.find(step.name, self._made_of(shard, step, reads, group))
        if side is None:
            return False
        names = _adds(step).names
        shard.columns |= dict.fromkeys(names, side)
        if shard.is_nested(reads):
            shard.nested |= set(names)
        return True

    async def _write(
        self, shard: Shard, step: Step, reads: Sequence[str], table: pa.Table, group: Sequence[Step] = ()
    ) -> None:
        made_of = self._made_of(shard, step, reads, group)
        side = await asyncio.to_thread(self._m.side_files.write, step.name, shard.number, made_of, table)
        shard.columns |= dict.fromkeys(table.column_names[1:], side)
        self.computed += 1

    def _made_of(self, shard: Shard, step: Step, reads: Sequence[str], group: Sequence[Step] = ()) -> str:
        work: dict[str, Any] = {"stage": step.fingerprint, "rows": shard.rows_file.is_, "reads": shard.reads(reads)}
        before = [s.fingerprint for s in group[: list(group).index(step)]] if step in group else []
        if before:
            work["after"] = before  # columns computed by neighbours in the same pass are named by what computes them
        if step.kind == "world":
            work["rounds"] = self._rounds(shard)
        return digest_of(work)

    def _rounds(self, shard: Shard) -> dict[str, int]:
        """The questions of the shard that were asked again, and how often."""
        journal = self._m.world.store.journal
        if not journal.reopened:
            return {}
        urls = shard.table(pa.schema([("image_url", pa.string())])).column("image_url").combine_chunks()
        flat = urls.flatten() if pa.types.is_list(urls.type) else urls
        rounds = {}
        for url in flat.to_pylist():
            if url and (key := http_key(url)) in journal.reopened:
                line = journal.get(key)
                rounds[key] = int(line["round"]) if line else 0
        return rounds


def _with_when(step: Step) -> pa.Schema:
    needs = step.stage.needs
    name = (step.when or "").removeprefix("not ")
    return needs.append(pa.field(name, pa.bool_())) if name and name not in needs.names else needs


async def unwrapped(work: Awaitable[None]) -> None:
    """The first error of a task group instead of the group."""
    try:
        await work
    except* Exception as group:  # a boundary: the first real error is what the caller should see
        raise _first(group) from group


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
