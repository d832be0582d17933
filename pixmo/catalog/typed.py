"""From the columns a set publishes to the fields of a record, and back."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pixmo.catalog.layout import CannotConvert, carries, converted
from pixmo.catalog.load import Entry, Variant
from pixmo.errors import BadSource, UnknownName
from pixmo.ids import digest_of
from pixmo.records.arrow import Label, arrow_type, labelled, needed
from pixmo.records.base import Record, shapes
from pixmo.records.kinds import kind_named
from pixmo.records.places import Orientation, Unit

LEFTOVER = re.compile(r"__index_level_\d+__")
"""Columns that pandas left behind: they say nothing of the rows and are dropped."""

ASIDE = "source:"
"""Before the name of a left-over column that is called as a field; the plan keeps columns of its own names aside the same way."""

OF_COLUMNS = (b"huggingface", b"pandas")
"""Metadata that describes the columns as they were."""

From = str | Table[str, str]
"""Where a field comes from: a column, or, for a list of parts, a column of lists per field of the part."""


@dataclass(frozen=True)
class Mapping:
    """Which column each field of a record comes from, and the fields that are the same in every row.

    Columns that no field is made of are left over: they follow the fields unchanged. So does one that says more than its field can
    hold. One that is called as a field, and is not that field, is then called `source:NAME`.
    """

    kind: type[Record]
    fields: Table[str, From] = field(default_factory=dict)  # where the column is not called as the field
    constants: Table[str, str] = field(default_factory=dict)
    source: str = "the source"  # for messages
    refused: tuple[Variant, ...] = ()  # columns that are known not to say what a record needs
    revisions: str = ""  # for messages: which revision can be read
    may_differ: bool = (
        False  # types are not known for sure: a field that is not needed is left over where it does not fit
    )

    @property
    def digest(self) -> str:
        """Changes when the same columns would make other records."""
        told = {k: v if isinstance(v, str) else dict(v) for k, v in self.fields.items()}
        return digest_of({"kind": self.kind.KIND, "fields": told, "constants": dict(self.constants)})

    def typed_schema(self, source: pa.Schema) -> pa.Schema:
        """The record's fields that are there, then the columns that are left over; labelled.

        A column that is not there is a field that is not there: its rows are no records. Raises BadSource for a column of a type
        that cannot be its field, and for columns the catalog knows to be unreadable.
        """
        return self.typed(pa.RecordBatch.from_pylist([], schema=source)).schema

    def typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows under the names and types of the record. Raises BadSource for a column that cannot be what its field is."""
        self._refuse(batch.schema.names)
        own = {s.name for s in shapes(self.kind)}
        made: dict[str, pa.Array] = {}
        whole: set[str] = set()  # columns of which nothing is left
        for shape in shapes(self.kind):
            kind, come = arrow_type(shape.hint), self._from(shape.name)
            there = [c for c in columns_of(come) if c in batch.schema.names]
            if shape.name in self.constants:
                made[shape.name] = pa.repeat(pa.scalar(self.constants[shape.name], kind), len(batch))
            elif there and not (self.may_differ and shape.optional and not self._fits(come, kind, batch)):
                made[shape.name] = self._field(come, kind, batch)
                whole |= {c for c in there if carries(_part(kind, come, c), batch.schema.field(c).type)}
        left = [n for n in batch.schema.names if n not in whole and not LEFTOVER.fullmatch(n)]
        fields = [pa.field(name, column.type) for name, column in made.items()]
        fields += [batch.schema.field(n).with_name(ASIDE + n if n in own else n) for n in left]
        if len({f.name for f in fields}) < len(fields):
            raise BadSource(f"{self.source}: several columns would have one name: {_listed([f.name for f in fields])}")
        schema = labelled(pa.schema(fields, _kept(batch.schema.metadata)), Label(self.kind.KIND))
        return pa.RecordBatch.from_arrays([*made.values(), *(batch.column(n) for n in left)], schema=schema)

    def published(self, batch: pa.RecordBatch, features: pa.Schema) -> pa.RecordBatch:
        """The way back: the columns as the set publishes them. Raises BadSource for one that is not there."""
        return pa.RecordBatch.from_arrays([self._column(f, batch) for f in features], schema=features)

    def _from(self, name: str) -> From:
        return self.fields.get(name, name)

    def _field(self, come: From, kind: pa.DataType, batch: pa.RecordBatch) -> pa.Array:
        if isinstance(come, str):
            return self._converted(batch.column(come), kind, come)
        there = {
            part: self._converted(batch.column(c), pa.list_(kind.value_type.field(part).type), c)
            for part, c in come.items()
            if c in batch.schema.names
        }
        none = functools.reduce(pc.and_, [column.is_null() for column in there.values()])
        side_by_side = pa.StructArray.from_arrays(list(there.values()), list(there), mask=none)
        return self._converted(side_by_side, kind, ", ".join(columns_of(come)))

    def _fits(self, come: From, kind: pa.DataType, batch: pa.RecordBatch) -> bool:
        """Whether the types fit, whatever the values are."""
        try:
            self._field(come, kind, batch.slice(0, 0))
        except BadSource:
            return False
        return True

    def _refuse(self, names: list[str]) -> None:
        for variant in self.refused:
            if variant.lacks and set(variant.has) <= set(names) and not set(variant.lacks) & set(names):
                told = f"has no {', '.join(variant.lacks)}, but {', '.join(variant.has)}: this is {variant.what}"
                raise BadSource(f"{self.source}: {told}; {self.revisions}")

    def _column(self, feature: pa.Field, batch: pa.RecordBatch) -> pa.Array:
        names = batch.schema.names
        own = {s.name for s in shapes(self.kind)}
        for left in (ASIDE + feature.name, feature.name):
            if left in names and left not in own:
                return self._converted(batch.column(left), feature.type, feature.name)
        name, part = self._field_of(feature.name)
        if name not in names:
            raise BadSource(f"{self.source}: rows have no {name!r}, which column {feature.name!r} is made of")
        if part is None:
            return self._converted(batch.column(name), feature.type, feature.name)
        values = batch.schema.field(name).type.value_type.field(part)
        lists = self._converted(batch.column(name), pa.struct([values.with_type(pa.list_(values.type))]), feature.name)
        return self._converted(lists.field(0), feature.type, feature.name)

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
            told = f"column {name!r} is {_short(column.type)}, not what a {self.kind.KIND} record has: {_short(error)}"
            raise BadSource(f"{self.source}: {told}") from error


def _part(kind: pa.DataType, come: From, column: str) -> pa.DataType:
    """The type a column is to have in the field: the field's, or that of its part in a list of them."""
    if isinstance(come, str):
        return kind
    return kind.value_type.field(next(part for part, c in come.items() if c == column)).type


def _kept(metadata: Table[bytes, bytes] | None) -> dict[bytes, bytes]:
    """What a schema says besides what columns it has: those are others now."""
    return {k: v for k, v in (metadata or {}).items() if k not in OF_COLUMNS}


def _short(told: object) -> str:
    """In one line: types may have thousands of fields, of any names."""
    text = " ".join(str(told).split())
    return text if len(text) <= 200 else text[:199] + "…"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def columns_of(come: From) -> tuple[str, ...]:
    """The columns a field is made of."""
    return (come,) if isinstance(come, str) else tuple(come.values())


def mapping_of(entry: Entry) -> Mapping:
    """How a set of the catalog makes records. Raises BadSource for one that does not say."""
    if entry.record is None:
        raise BadSource(f"{entry.name}: the catalog does not say what its rows are")
    return Mapping(
        kind_named(entry.record), entry.fields, entry.constants, entry.name,
        tuple(v for v in entry.variants if v.refused), entry.revisions, "features" in entry.unverified,
    )  # fmt: skip


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
    mapping = Mapping(record, told, dict(_constants(kind, told, schema, unit, orientation)), source)
    for shape in sorted(needed(record), key=lambda s: s.name != "unit"):  # what cannot be found in the list comes first
        if shape.name not in mapping.constants and told.get(shape.name, shape.name) not in schema.names:
            raise BadSource(_missing(kind, shape.name, schema, source))
    mapping.typed_schema(schema)
    return mapping


def _constants(
    kind: str, told: Table[str, str], schema: pa.Schema, unit: str | None, orientation: str | None
) -> Iterator[tuple[str, str]]:
    names = [s.name for s in shapes(kind_named(kind))]
    for name, value, known in (("unit", unit, Unit), ("orientation", orientation, Orientation)):
        if value is not None and name not in names:
            raise BadSource(f"--{name} {value}: a {kind} record has no {name}")
        if value is not None and value not in set(known):
            raise UnknownName(name, value, known)
        column = told.get(name, name)
        if value is not None and column in schema.names:
            raise BadSource(f"--{name} {value}: each row says it itself, in column {column!r}; leave the option out")
        if value is not None:
            yield name, value
        elif name == "orientation" and name in names and column not in schema.names:
            yield name, Orientation.UNKNOWN


def _missing(kind: str, name: str, schema: pa.Schema, source: str) -> str:
    if name == "unit":
        return (
            f"{source}: does not say what its coordinates count, and a guess would be wrong for small pictures; "
            f"say it with --unit {'|'.join(Unit)}"
        )
    return (
        f"{source}: a {kind} record needs {name!r}; say which column has it with --field {name}=COLUMN "
        f"(columns: {_listed(schema.names)})"
    )


__all__ = ["LEFTOVER", "From", "Mapping", "columns_of", "declared", "mapping_of"]
