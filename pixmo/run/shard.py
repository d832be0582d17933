"""A slice of rows on its way: which side file holds which column, and how its columns are put before a stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pixmo.run.plan import PlannedShard, Roles
from pixmo.storage.sidecar import ROW_ID, SideFile, read, side_by_side

ROLES = {"image_url": ("url", "urls"), "image_sha256": ("sha256",)}


@dataclass
class Shard:
    """`columns` says where each column lies; `nested` are those with one value per picture of a row, as lists."""

    planned: PlannedShard
    rows_file: SideFile
    roles: Roles
    start: int
    columns: dict[str, SideFile] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)

    @property
    def number(self) -> int:
        """Its place in the plan."""
        return self.planned.number

    def source_of(self, name: str) -> str | None:
        """The column behind a name that a stage asks for; None when there is none."""
        for role in ROLES.get(name, ()):
            found = getattr(self.roles, role)
            if found is not None:
                return str(found)
        return name if name in self.columns and name not in ROLES else None

    def reads(self, names: Iterable[str]) -> dict[str, str]:
        """Column → digest of the side file it comes from, for the made-of of whoever reads them."""
        found = {n: self.source_of(n) for n in names}
        return {n: self.columns[c].is_ if c is not None else "" for n, c in found.items()}

    def table(self, schema: pa.Schema) -> pa.Table:
        """The columns a stage needs, under the names it uses; nulls for optional ones that are not there."""
        found = {f.name: self.source_of(f.name) for f in schema}
        by_file: dict[SideFile, list[str]] = {self.rows_file: []}
        for column in found.values():
            if column is not None:
                by_file.setdefault(self.columns[column], []).append(column)
        whole = side_by_side(read(side, dict.fromkeys(names)) for side, names in by_file.items())
        out = {ROW_ID: whole.column(ROW_ID)}
        for f in schema:
            column = found[f.name]
            out[f.name] = pa.chunked_array([pa.nulls(len(whole), f.type)]) if column is None else whole.column(column)
        return pa.table(out)

    def is_nested(self, names: Iterable[str]) -> bool:
        """Whether any of these columns has a value per picture."""
        return any(self.source_of(n) in self.nested for n in names)


@dataclass(frozen=True)
class Nesting:
    """How rows of several pictures are laid out: offsets[i] … offsets[i+1] are the pictures of row i."""

    offsets: pa.Array

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Nesting:
        """From the list column of URLs; a null list has no pictures."""
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
        return cls(pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)))

    def flat(self, table: pa.Table, nested: set[str]) -> pa.Table:
        """One row per picture: nested columns unpacked, the others repeated; ids become `<row id>#<n>`."""
        bounds = self.offsets.to_numpy()
        parents = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        within = np.arange(len(parents)) - bounds[:-1][parents]
        out = {}
        for name in table.column_names:
            column = table.column(name)
            if name in nested:
                flat = pc.list_flatten(column).combine_chunks()
                out[name] = flat if len(flat) == len(parents) else pa.nulls(len(parents), flat.type)
            elif name == ROW_ID:
                ids = column.take(pa.array(parents)).to_pylist()
                out[name] = pa.array([f"{i}#{n}" for i, n in zip(ids, within.tolist(), strict=True)], pa.string())
            else:
                out[name] = column.take(pa.array(parents)).combine_chunks()
        return pa.table(out)

    def nest(self, table: pa.Table) -> pa.Table:
        """The columns of a flat table as lists again."""
        lists = {n: pa.ListArray.from_arrays(self.offsets, _whole(table.column(n))) for n in table.column_names}
        return pa.table(lists)


def scatter(part: pa.Table, mask: pa.Array) -> pa.Table:
    """The rows of `part` at the true places of `mask`, nulls elsewhere."""
    places = np.cumsum(mask.to_numpy(zero_copy_only=False).astype(np.int64)) - 1
    where = pa.array(places, mask=~mask.to_numpy(zero_copy_only=False).astype(bool))
    return pa.table({n: part.column(n).combine_chunks().take(where) for n in part.column_names}, schema=part.schema)


def mask_of(table: pa.Table, when: str) -> pa.Array:
    """The rows for which `name` or `not name` holds; null is false."""
    name = when.removeprefix("not ")
    holds = pc.fill_null(_whole(table.column(name)), False)
    return holds if name == when else pc.invert(holds)


def with_ids(table: pa.Table, added: pa.Table | pa.RecordBatch | Mapping[str, pa.Array]) -> pa.Table:
    """The added columns behind the row ids of `table`."""
    names = added.schema.names if hasattr(added, "schema") else list(added)
    columns = {n: added.column(n) if hasattr(added, "column") else added[n] for n in names}
    return pa.table({ROW_ID: table.column(ROW_ID)} | columns)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def urls_of(shard: Shard) -> list[str | None]:
    """The addresses of a shard's pictures, row by row; none where it has none."""
    if shard.source_of("image_url") is None:
        return []
    return flat_values(shard.table(pa.schema([("image_url", pa.string())])).column("image_url"))


def flat_values(column: pa.ChunkedArray) -> list[Any]:  # Any: column values
    """The values of a column, those of its lists one after the other."""
    values = column.to_pylist()
    return [v for row in values for v in row or ()] if pa.types.is_list(column.type) else values
