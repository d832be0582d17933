"""From the columns a set publishes to the fields of a record, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass, field

import pyarrow as pa

from pixmo.catalog.layout import CannotConvert, converted
from pixmo.catalog.load import Entry
from pixmo.errors import BadSource, UnknownName
from pixmo.ids import digest_of
from pixmo.records.arrow import Label, arrow_type, labelled, needed
from pixmo.records.base import Record, shapes
from pixmo.records.kinds import kind_named
from pixmo.records.places import Orientation, Unit

LEFTOVER = re.compile(r"__index_level_\d+__")
"""Columns that pandas left behind: they say nothing of the rows and are dropped."""

From = str | Table[str, str]
"""Where a field comes from: a column, or, for a list of parts, a column of lists per field of the part."""


@dataclass(frozen=True)
class Mapping:
    """Which column each field of a record comes from, and the fields that are the same in every row."""

    kind: type[Record]
    fields: Table[str, From] = field(default_factory=dict)  # where the column is not called as the field
    constants: Table[str, str] = field(default_factory=dict)
    source: str = "the source"  # for messages

    @property
    def digest(self) -> str:
        """Changes when the same columns would make other records."""
        told = {k: v if isinstance(v, str) else dict(v) for k, v in self.fields.items()}
        return digest_of({"kind": self.kind.KIND, "fields": told, "constants": dict(self.constants)})

    def typed_schema(self, source: pa.Schema) -> pa.Schema:
        """The record's fields that are there, then the columns that are left over; labelled."""
        fields = [pa.field(s.name, arrow_type(s.hint)) for s in shapes(self.kind) if self._has(s.name, source)]
        rest = [f for f in source if f.name in self._left(source)]
        return labelled(pa.schema([*fields, *rest], source.metadata), Label(self.kind.KIND))

    def typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows under the names and types of the record. Raises BadSource for a column that cannot be what its field is."""
        schema = self.typed_schema(batch.schema)
        columns = [self._field(name, schema.field(name).type, batch) for name in schema.names]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def published(self, batch: pa.RecordBatch, features: pa.Schema) -> pa.RecordBatch:
        """The way back: the columns as the set publishes them. Raises BadSource for one that is not there."""
        return pa.RecordBatch.from_arrays([self._column(f, batch) for f in features], schema=features)

    def _has(self, name: str, source: pa.Schema) -> bool:
        return name in self.constants or any(c in source.names for c in columns_of(self._from(name)))

    def _from(self, name: str) -> From:
        return self.fields.get(name, name)

    def _left(self, source: pa.Schema) -> set[str]:
        used = {c for s in shapes(self.kind) if s.name not in self.constants for c in columns_of(self._from(s.name))}
        return {n for n in source.names if n not in used and n not in self.constants and not LEFTOVER.fullmatch(n)}

    def _field(self, name: str, kind: pa.DataType, batch: pa.RecordBatch) -> pa.Array:
        if name in self.constants:
            return pa.repeat(pa.scalar(self.constants[name], kind), len(batch))
        if name not in {s.name for s in shapes(self.kind)}:
            return batch.column(name)
        come = self._from(name)
        if isinstance(come, str):
            return self._converted(batch.column(come), kind, come)
        there = {part: column for part, column in come.items() if column in batch.schema.names}
        whole = pa.StructArray.from_arrays([batch.column(c) for c in there.values()], list(there))
        return self._converted(whole, kind, ", ".join(there.values()))

    def _column(self, feature: pa.Field, batch: pa.RecordBatch) -> pa.Array:
        name, part = self._field_of(feature.name)
        if name not in batch.schema.names:
            raise BadSource(f"{self.source}: rows have no {name!r}, which column {feature.name!r} is made of")
        column = batch.column(name)
        if part is None:
            return self._converted(column, feature.type, feature.name)
        lengths = pa.struct([pa.field(part, feature.type)])
        return self._converted(column, lengths, feature.name).field(0)

    def _field_of(self, column: str) -> tuple[str, str | None]:
        for name, come in self.fields.items():
            if come == column:
                return name, None
            if not isinstance(come, str) and column in come.values():
                return name, next(part for part, c in come.items() if c == column)
        return column, None

    def _converted(self, column: pa.Array, kind: pa.DataType, name: str) -> pa.Array:
        try:
            return converted(column, kind)
        except (CannotConvert, ValueError) as error:
            raise BadSource(
                f"{self.source}: column {name!r} is {column.type}, not what a {self.kind.KIND} record has: {error}"
            ) from error


def columns_of(come: From) -> tuple[str, ...]:
    """The columns a field is made of."""
    return (come,) if isinstance(come, str) else tuple(come.values())


def mapping_of(entry: Entry) -> Mapping:
    """How a set of the catalog makes records. Raises BadSource for one that does not say."""
    if entry.record is None:
        raise BadSource(f"{entry.name}: the catalog does not say what its rows are")
    return Mapping(kind_named(entry.record), entry.fields, entry.constants, entry.name)


def declared(
    kind: str, schema: pa.Schema, *, unit: str | None = None, orientation: str | None = None,
    fields: Table[str, str] | None = None, source: str = "the list",
) -> Mapping:  # fmt: skip
    """How the rows of one's own list make records of a kind.

    Columns are those called as fields, or as `fields` says. Raises UnknownName for a kind, field or column there is not, and
    BadSource where a value is needed that is neither a column nor given: no unit is ever guessed.
    """
    record = kind_named(kind)
    names = [s.name for s in shapes(record)]
    told = dict(fields or {})
    for name, column in told.items():
        if name not in names:
            raise UnknownName("field", name, names, f"a {kind} record")
        if column not in schema.names:
            raise UnknownName("column", column, schema.names, source)
    mapping = Mapping(record, told, dict(_constants(kind, names, told, schema, unit, orientation)), source)
    have = set(mapping.typed_schema(schema).names)
    for shape in sorted(needed(record), key=lambda s: s.name != "unit"):  # what cannot be found in the list comes first
        if shape.name not in have:
            raise BadSource(_missing(kind, shape.name, schema, source))
    return mapping


def _constants(
    kind: str, names: list[str], told: Table[str, str], schema: pa.Schema, unit: str | None, orientation: str | None
) -> Iterator[tuple[str, str]]:
    for name, value, known in (("unit", unit, Unit), ("orientation", orientation, Orientation)):
        if value is not None and name not in names:
            raise BadSource(f"--{name} {value}: a {kind} record has no {name}")
        if value is not None and value not in set(known):
            raise UnknownName(name, value, known)
        if value is not None:
            yield name, value
        elif name == "orientation" and name in names and told.get(name, name) not in schema.names:
            yield name, Orientation.UNKNOWN


def _missing(kind: str, name: str, schema: pa.Schema, source: str) -> str:
    if name == "unit":
        return (
            f"{source}: does not say what its coordinates count, and a guess would be wrong for small pictures; "
            f"say it with --unit {'|'.join(Unit)}"
        )
    columns = ", ".join(schema.names[:12]) + (", …" if len(schema.names) > 12 else "")
    return f"{source}: a {kind} record needs {name!r}; say which column has it with --field {name}=COLUMN (columns: {columns})"


__all__ = ["LEFTOVER", "From", "Mapping", "columns_of", "declared", "mapping_of"]
