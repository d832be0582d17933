"""Picture stages over one shard: neighbouring ones share a decode, and a picture seen before is not decoded again.

Their side files carry the digest each row's values were computed from. When a retry changes a few rows of a shard, the other rows
are taken from the older file of the same stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pixmo.ask import Outcome
from pixmo.run.decoder import PictureStep, PictureTask, Result, is_true
from pixmo.run.decoders import Decoders
from pixmo.run.recipe import Step
from pixmo.run.world import LocalWorld
from pixmo.storage.sidecar import SideFile, SideFiles, read
from pixmo.storage.store import Store

PICTURE = "picture_sha256"  # the digest a picture stage's values belong to
SHA = "fetched_sha256"
FINGERPRINT = b"pixmo.fingerprint"
Values = tuple[Any, ...]  # Any: column values


def needed_by(steps: Sequence[Step]) -> list[str]:
    """The columns a group of picture stages reads from before it."""
    added = {n for s in steps for n in s.stage.adds_names()}
    names = [SHA, *(n for s in steps for n in s.stage.needs_names())]
    names += [s.when.removeprefix("not ") for s in steps if s.when]
    return [n for n in dict.fromkeys(names) if n not in added]


class Key(NamedTuple):
    """What decides the values of a row: its picture and the truth of each `when`; also the row where stages read its columns."""

    sha256: str | None
    truths: tuple[bool, ...]
    row: int | None


class PictureStages:
    """Runs a group of picture stages; one per run."""

    def __init__(self, store: Store, decoders: Decoders, world: LocalWorld, side_files: SideFiles) -> None:
        self._store = store
        self._decoders = decoders
        self._world = world
        self._side_files = side_files
        self.decoded = 0

    async def run(self, steps: Sequence[Step], flat: pa.Table, shard: int) -> list[pa.Table]:
        """Per step its columns over the rows of `flat`, which has the columns of `needed_by`."""
        columns = {n: flat.column(n).to_pylist() for n in flat.column_names}
        shas: list[str | None] = columns[SHA]
        known = [self._known(step, shard) for step in steps]
        keys = _keys(steps, columns)
        found: dict[Key, list[Values | None]] = {}
        todo: dict[Key, PictureTask] = {}
        for row, (sha, key) in enumerate(zip(shas, keys, strict=True)):
            if sha is None or key in found or key in todo:
                continue
            values = {n: columns[n][row] for n in needed_by(steps)}
            before = _known_values(steps, known, sha, values) if key.row is None else None
            if before is not None:
                found[key] = before
            elif (where := self._store.locate(sha)) is not None:
                path = self._store.packs.path(where.pack)
                todo[key] = PictureTask(path, where.offset, where.length, sha, values)
        results = await self._decoders.look([PictureStep(s.stage, s.when) for s in steps], list(todo.values()))
        self.decoded += len(results)
        by_key = dict(zip(todo, (self._settled(steps, r) for r in results), strict=True)) | found
        return [
            self._table(step, [_at(by_key.get(key), i, columns, row, step) for row, key in enumerate(keys)], shas)
            for i, step in enumerate(steps)
        ]

    def _settled(self, steps: Sequence[Step], result: Result | Outcome) -> list[Values | None]:
        """Results as column values: bytes go to the store, a picture that ended its decoder says so."""
        if isinstance(result, Outcome):
            return [self._ended(step, result) for step in steps]
        return [None if v is None else tuple(self._stored(x) for x in v) for v in result]

    def _stored(self, value: Any) -> Any:  # Any: a column value
        return self._world.put(value) if isinstance(value, bytes) else value

    @staticmethod
    def _ended(step: Step, outcome: Outcome) -> Values | None:
        names = step.stage.adds_names()
        if "image_outcome" not in names:
            return None
        told = {"image_outcome": str(outcome), "image_ok": False}
        return tuple(told.get(n) for n in names)

    def _table(self, step: Step, rows: list[Values | None], shas: list[str | None]) -> pa.Table:
        schema = adds_schema(step)
        nothing = (None,) * (len(schema) - 1)
        columns = list(zip(*((nothing if r is None else r) for r in rows), strict=True)) or [()] * len(nothing)
        arrays = [pa.array(v, f.type) for v, f in zip(columns, list(schema)[1:], strict=True)]
        return pa.table([pa.array(shas, pa.string()), *arrays], schema=schema)

    def _known(self, step: Step, shard: int) -> dict[str, Values]:
        """What older files of this stage and shard say, by digest."""
        known: dict[str, Values] = {}
        for side in self._side_files.of_shard(step.name, shard):
            known |= _by_digest(side, step)
        return known


def _keys(steps: Sequence[Step], columns: Mapping[str, list[Any]]) -> list[Key]:  # Any: column values
    outer = [n for n in needed_by(steps) if n != SHA]
    read = {n for s in steps for n in s.stage.needs_names()}
    if read.intersection(outer):
        return [Key(sha, (), row) for row, sha in enumerate(columns[SHA])]
    truths = zip(*(map(bool, columns[n]) for n in outer), strict=True) if outer else [()] * len(columns[SHA])
    return [Key(sha, told, None) for sha, told in zip(columns[SHA], truths, strict=True)]


def _known_values(
    steps: Sequence[Step], known: Sequence[dict[str, Values]], sha: str, values: Mapping[str, Any]
) -> list[Values | None] | None:
    """What older files say of a picture, step by step as a decoder would; None when one step is not known."""
    values = dict(values)
    found: list[Values | None] = []
    for step, of_step in zip(steps, known, strict=True):
        if step.when and not is_true(values, step.when):
            found.append(None)
            continue
        if sha not in of_step:
            return None
        found.append(of_step[sha])
        values |= dict(zip(step.stage.adds_names(), of_step[sha], strict=True))
    return found


def _at(
    found: list[Values | None] | None, number: int, columns: Mapping[str, list[Any]], row: int, step: Step
) -> Values | None:
    """A row's values of a step; a picture that ended its decoder says nothing where the step did not want it."""
    when = (step.when or "").removeprefix("not ")
    if found is None or (when in columns and not is_true({when: columns[when][row]}, step.when or "")):
        return None
    return found[number]


def adds_schema(step: Step) -> pa.Schema:
    """A picture stage's columns as kept: bytes become the digest of stored bytes, and the picture's digest comes first."""
    fields = [pa.field(f"{f.name}_sha256", pa.string()) if pa.types.is_binary(f.type) else f for f in step.stage.adds]
    return pa.schema([pa.field(PICTURE, pa.string()), *fields], metadata={FINGERPRINT: step.fingerprint.encode()})


def _by_digest(side: SideFile, step: Step) -> dict[str, Values]:
    table = read(side)
    if (table.schema.metadata or {}).get(FINGERPRINT) != step.fingerprint.encode() or pa.types.is_list(
        table.schema.field(PICTURE).type
    ):
        return {}
    names = [f.name for f in list(adds_schema(step))[1:]]
    rows = zip(*(table.column(n).to_pylist() for n in names), strict=True)
    told = zip(table.column(PICTURE).to_pylist(), rows, strict=True)
    return {s: v for s, v in told if s is not None and v.count(None) < len(v)}  # all null: maybe nobody looked
