"""Which rows of a range are published, with which columns, under which names: what `select` means on disk."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pixmo.errors import BadFolder
from pixmo.ids import digest_of
from pixmo.records.arrow import Label, labelled
from pixmo.run.pictures import PICTURE
from pixmo.run.plan import RESERVED, SOURCE_PREFIX, SPLIT, Plan
from pixmo.run.recipe import Recipe
from pixmo.run.shard import Shard
from pixmo.storage.sidecar import ROW_ID, SideFile, read, side_by_side
from pixmo.storage.store import Store

LAYOUT = 1  # raised when the same columns are laid out in other bytes
EXPECTED_PICTURE_BYTES = 250_000  # the mean of PixMo's pictures
EXPECTED_ROW_BYTES = 2_000
HIDDEN = frozenset({PICTURE, SPLIT, "embedded_sha256", "embedded_bytes"})
ONE_IS_ENOUGH = frozenset({"is_leak", "in_other_split"})  # of a row's pictures: such a row teaches what is held out
COUNTED = (
    "caption_outcome",
    "caption_findings",
    "recording_outcome",
    "recording_findings",
    "heard_outcome",
    "transcript_findings",
)
EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif"}


class Range(NamedTuple):
    """Rows [start, stop) of the plan that belong to a split: one output file, or parts of one."""

    split: str
    number: int
    of: int
    start: int
    stop: int


@dataclass
class Record:
    """What a range's files were made of, and its share of the counts."""

    made_of: str
    files: list[dict[str, Any]]  # Any: ManifestFile fields
    rows: int
    written: int
    outcomes: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    more: dict[str, dict[str, int]] = field(
        default_factory=dict
    )  # by column of COUNTED, how often each value stands in it


class Columns(NamedTuple):
    """Which columns are published, and under which names."""

    inner: list[str]
    outer: list[str]
    picture: str | None
    picture_name: str
    is_list: bool


class Selection:
    """The rows of a run, as they are to be published."""

    def __init__(self, out: Path, store: Store, recipe: Recipe, plan: Plan, shards: Sequence[Shard]) -> None:
        self._out, self._store, self._recipe, self._plan, self._shards = out, store, recipe, plan, shards
        self._starts = [s.start for s in shards]
        self.columns = self._chosen()

    def ranges(self) -> Iterator[Range]:
        """Every output range; they depend on the plan and the recipe, not on what could be fetched."""
        expected = EXPECTED_PICTURE_BYTES if self.columns.picture else EXPECTED_ROW_BYTES
        per_file = max(1, self._recipe.shard_size // expected)
        for split in self._plan.splits:
            bounds = self._plan.ranges(split, per_file)
            yield from (Range(split, i, len(bounds), *b) for i, b in enumerate(bounds))

    def made_of(self, rng: Range) -> str:
        """What a range's files depend on."""
        select = self._recipe.select
        sides: dict[SideFile, None] = {}
        for shard in self._overlapping(rng):
            sides |= dict.fromkeys([shard.rows_file, *(shard.columns[n] for n in self.columns.inner)])
        return digest_of(
            {
                "layout": LAYOUT, "format": self._recipe.format, "range": rng, "size": self._recipe.shard_size,
                "columns": self.columns, "sides": [s.is_ for s in sides],
                "select": [select.where, select.images] if select else None,
                "buried": sorted(self._store.tombstones), "record": self._plan.facts.get("record"),
            }
        )  # fmt: skip

    def _overlapping(self, rng: Range) -> list[Shard]:
        first = bisect_right(self._starts, rng.start) - 1
        return list(self._shards[first : bisect_left(self._starts, rng.stop)])

    def schema(self) -> pa.Schema:
        """The columns as published."""
        first = self._table(self._shards[0])
        kinds = [first.schema.field(n).type for n in self.columns.inner]
        told = [pa.field(n, k) for n, k in zip(self.columns.outer, kinds, strict=True)]
        return self.with_picture(
            self.labelled(pa.schema([pa.field(apart(ROW_ID, self.columns.outer), pa.string()), *told]))
        )

    def labelled(self, schema: pa.Schema) -> pa.Schema:
        """The schema, saying what kind of record the rows are, where they are records."""
        told = self._plan.facts.get("record")
        return labelled(schema, Label(**told)) if told else schema

    def with_picture(self, schema: pa.Schema) -> pa.Schema:
        """The schema with the picture column first, where pictures are published."""
        if self.columns.picture is None:
            return schema
        picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        kind = pa.list_(picture) if self.columns.is_list else picture
        return pa.schema([pa.field(self.columns.picture_name, kind), *schema], schema.metadata)

    def rows(self, rng: Range) -> tuple[pa.Table, Record]:
        """The rows of a range that stay, with all published columns, and the counts of those that do not."""
        record = Record(self.made_of(rng), [], 0, 0)
        outcomes, left = Counter[str](), Counter[str]()
        more: dict[str, Counter[str]] = {}
        kept = []
        select = self._recipe.select
        for shard in self._overlapping(rng):
            table = self._table(shard)
            low, high = max(rng.start - shard.start, 0), min(rng.stop - shard.start, shard.planned.rows)
            table = table.slice(low, high - low)
            table = table.filter(pc.equal(table.column(SPLIT), rng.split))
            record.rows += table.num_rows
            if "outcome" in table.column_names:
                outcomes.update(_flat(table.column("outcome")).to_pylist())
            for name in COUNTED:
                if name in table.column_names:
                    more.setdefault(name, Counter()).update(_flat(table.column(name)).drop_null().to_pylist())
            if select is not None:
                clauses = pa.table(
                    {n: _of_row(n, table.column(n)) for n in select.needs.names} or {"": pa.nulls(table.num_rows)}
                )
                mask, gone = select.keep(clauses)
                left.update(gone)
                table = table.filter(pa.array(mask))
            table, buried = self._without_buried(table)
            left.update({"forgotten": buried} if buried else {})
            kept.append(table)
        whole = pa.concat_tables(kept, promote_options="permissive").combine_chunks()
        record.written, record.left = whole.num_rows, dict(left)
        record.more = {name: dict(sorted(found.items())) for name, found in more.items()}
        record.outcomes = {str(k): v for k, v in sorted(outcomes.items(), key=lambda kv: str(kv[0]))}
        return whole, record

    def left_out(self, shard: Shard) -> tuple[pa.Table, NDArray[np.bool_], list[str]]:
        """All rows of a shard, which of them are published, and of the others the clause they failed first."""
        table = self._table(shard)
        select = self._recipe.select
        stays = np.ones(table.num_rows, dtype=bool)
        failed = [""] * table.num_rows
        for clause in select.where if select else ():
            column = _of_row(clause.removeprefix("not "), table.column(clause.removeprefix("not ")))
            holds = column.fill_null(False).to_numpy(zero_copy_only=False).astype(bool) ^ clause.startswith("not ")
            for row in np.flatnonzero(stays & ~holds):
                failed[row] = clause
            stays &= holds
        return table, stays, failed

    def _without_buried(self, table: pa.Table) -> tuple[pa.Table, int]:
        """Leaves out rows whose picture was taken down since, maybe from another folder of a shared store."""
        name = self.columns.picture and "fetched_sha256"
        if not self._store.tombstones or not name or name not in table.column_names:
            return table, 0
        shas = table.column(name).to_pylist()
        gone = [not self._store.tombstones.isdisjoint(s if isinstance(s, list) else [s]) for s in shas]
        return table.filter(pa.array([not g for g in gone], pa.bool_())), sum(gone)

    def _table(self, shard: Shard) -> pa.Table:
        select = self._recipe.select
        names = [*self.columns.inner, SPLIT, *(select.needs.names if select else ())]
        names += [self.columns.picture] if self.columns.picture else []
        by_file: dict[SideFile, list[str]] = {shard.rows_file: []}
        for name in dict.fromkeys(names):
            by_file.setdefault(shard.columns[name], []).append(name)
        return side_by_side(read(side, columns) for side, columns in by_file.items())

    def pictures(self, table: pa.Table) -> tuple[list[Any], list[Any], list[int]]:
        """(places, paths, bytes) per row; lists where a row holds several pictures."""
        columns = self.columns
        if columns.picture is None:
            size = max(1, table.nbytes // max(table.num_rows, 1))
            return [None] * table.num_rows, [None] * table.num_rows, [size] * table.num_rows
        shas = table.column(columns.picture).to_pylist()
        formats = table.column("format").to_pylist() if "format" in table.column_names else [None] * len(shas)
        names = (
            table.column("embedded_path").to_pylist() if "embedded_path" in table.column_names else [None] * len(shas)
        )
        if columns.is_list:
            rows = [[self._place(s) for s in row or ()] for row in shas]
            told = [
                [_path(s, f) for s, f in zip(row or (), fs or [None] * len(row or ()), strict=True)]
                for row, fs in zip(shas, formats, strict=True)
            ]
            return rows, told, [sum(p[2] for p in row if p) for row in rows]
        places = [self._place(s) for s in shas]
        paths = [n or _path(s, f) for s, f, n in zip(shas, formats, names, strict=True)]
        return places, paths, [p[2] if p else 0 for p in places]

    def _place(self, sha: str | None) -> Any:  # Any: a Place or None
        if sha is None:
            return None
        where = self._store.locate(sha)
        if where is None:
            raise BadFolder(
                f"the bytes of picture {sha} are gone from the store; run `pixmo verify {self._out} --repair`"
            )
        return self._store.packs.path(where.pack), where.offset, where.length

    def _chosen(self) -> Columns:
        first = self._shards[0]
        inner = [n for n in first.columns if n not in HIDDEN and n != ROW_ID]
        own = [n for n in inner if first.columns[n] == first.rows_file and n not in RESERVED]
        theirs = {n: n.removeprefix(SOURCE_PREFIX) for n in own}
        outer = [theirs.get(n) or apart(n, theirs.values()) for n in inner]
        select = self._recipe.select
        wants = select is None or select.images
        picture = next((n for n in ("resized_sha256", "fetched_sha256") if n in first.columns), None) if wants else None
        is_list = picture in first.nested
        name = "images" if is_list else "image"
        return Columns(inner, outer, picture, apart(name, outer), is_list)


def _path(sha: str | None, format: str | None) -> str | None:
    return (
        None
        if sha is None
        else f"{sha[:16]}.{EXTENSIONS.get(format or '', 'bin' if format is None else format.lower())}"
    )


def _of_row(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A clause's column; of a row with several pictures, all must hold and there must be one, but one leak is enough."""
    if not pa.types.is_list(column.type):
        return column
    holds = any if name in ONE_IS_ENOUGH else all
    return pa.chunked_array([pa.array([bool(v) and holds(v) for v in column.to_pylist()], pa.bool_())])


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    while pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    return column


def apart(name: str, taken: Collection[str]) -> str:
    """A name of ours that is none of the source's."""
    while name in taken:
        name = f"pixmo_{name}"
    return name
