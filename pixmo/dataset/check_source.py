"""What is checked: any list, as typed rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pixmo.catalog.load import entry, names
from pixmo.dataset.load_files import DataFile, data_files
from pixmo.dataset.load_groups import Groups
from pixmo.dataset.rows_ahead import ahead
from pixmo.dataset.rows_chunk import is_picture
from pixmo.errors import BadSetting, BadSource
from pixmo.records.arrow import ANNOTATIONS, Label, label_of
from pixmo.records.base import Record
from pixmo.records.kinds import KINDS, kind_named
from pixmo.sources.files import FileSource, Part
from pixmo.sources.place import LocalPlace
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.source import Expected, Limited, Source
from pixmo.storage.manifest import NAME

if TYPE_CHECKING:
    from pixmo.catalog.typed import Mapping

INDEX = "__index_level_"


class Said(NamedTuple):
    """What the user says the rows are."""

    record: str | None = None
    unit: str | None = None
    orientation: str | None = None
    fields: tuple[str, ...] = ()  # FIELD=COLUMN


class Data:
    """Typed rows of a source; `picture` is the column of their pictures, None where there is none or nobody asked."""

    def __init__(self, source: Source, label: Label, mapping: Mapping | None, pictures: bool) -> None:
        self.name = source.name
        self.rows = source.expected.rows if source.expected else None
        self.kind: type[Record] = KINDS[label.record]
        self.grouped = label.grouped
        self._source, self._mapping = source, mapping
        schema = source.schema()
        found = [f.name for f in schema if is_picture(f.type)]
        if pictures and not found:
            raise BadSetting(f"--against-pictures: {self.name} holds no pictures; give a finished folder that has them")
        self.picture = found[0] if pictures else None
        self._left_out = set(found) - {self.picture}  # sources other than stored files bring them all the same
        self._index = [name for name in schema.names if name.startswith(INDEX)]
        if self.grouped and not _is_grouped(schema):
            raise BadSource(f"{self.name}: says that rows are grouped, but has no list of structs {ANNOTATIONS!r}")

    def batches(self, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in the columns of their record, other columns behind them; leftovers of a data frame's index too."""
        for batch in self._source.batches(batch_rows):
            typed = batch if self._mapping is None else self._mapping.typed(batch)
            for name in self._index:
                if name not in typed.schema.names:
                    typed = typed.append_column(name, batch.column(name))
            yield typed.select([n for n in typed.schema.names if n not in self._left_out])


def opened(spec: str, said: Said, *, limit: int | None = None, pictures: bool = False) -> Data:
    """A finished folder, a file, glob or folder of files, a set of the catalog or the Hub, as typed rows.

    Raises BadSource where nothing says what rows are, and whatever opening raises.
    """
    source, known = _source(spec, pictures)
    if limit is not None:
        if limit < 1:
            raise BadSetting(f"--limit {limit}: give a number of rows, 1 or more")
        source = Limited(source, limit)
    schema = source.schema()
    label = label_of(schema)
    if said.record is None:
        if said.unit or said.orientation or said.fields:
            raise BadSetting("--unit, --orientation and --field need --as KIND: what rows are")
        if known is not None:
            mapping = _of_catalog(known)
            return Data(source, _label(mapping.typed_schema(schema), mapping.kind), mapping, pictures)
        if label is None:
            raise BadSource(f"{source.name}: does not say what its rows are; say it: --as {' | '.join(KINDS)}")
        return Data(source, label, None, pictures)
    kind = kind_named(said.record)
    if label is not None and label.record == said.record and not (said.unit or said.orientation or said.fields):
        return Data(source, label, None, pictures)
    mapping = _declared(kind, source, said)
    return Data(source, _label(mapping.typed_schema(schema), kind), mapping, pictures)


class _Stored:
    """Parquet and Arrow files of this machine. Text in them that is not UTF-8 is left to be found, and pictures unread unless wanted."""

    licence: str | None = None
    splits: tuple[str, ...] = ()

    def __init__(self, name: str, files: list[DataFile], pictures: bool) -> None:
        self.name = name
        self._groups = Groups(files)
        self.expected: Expected | None = Expected(rows=len(self._groups))
        self._names = tuple(f.name for f in self._groups.schema if pictures or not is_picture(f.type))

    def schema(self) -> pa.Schema:
        schema = self._groups.schema
        return pa.schema([schema.field(n) for n in self._names], schema.metadata)

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        return {"files": [f.path for f in self._groups.files]}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        return ahead(self._groups.stream(0, len(self._groups), self._names, batch_rows))


def _source(spec: str, pictures: bool) -> tuple[Source, str | None]:
    """The rows as they are, and the name of the set in the catalog."""
    folder = Path(spec).expanduser()
    if (folder / NAME).is_file() or (folder / ".pixmo").is_dir():
        return _Stored(spec, data_files(folder), pictures), None
    told = resolve(spec)
    if not isinstance(told, (SetName, HubName)) and all(_is_stored(part) for part in told):
        return _Stored(spec, data_files([part.place.name for part in told]), pictures), None
    if isinstance(told, SetName):
        return _hub(entry(told.name).hub, entry(told.name).configs or None), told.name
    if isinstance(told, HubName):
        return _hub(told.repo, None), next((e for e in names() if entry(e).hub == told.repo), None)
    return FileSource(spec, told), None


def _is_stored(part: Part) -> bool:
    """Whether it is a Parquet or Arrow file of this machine, not compressed as a whole."""
    if not isinstance(part.place, LocalPlace):
        return False
    with part.place.path.open("rb") as file:
        return file.read(6).startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"))


def _hub(repo: str, configs: tuple[str, ...] | None) -> Source:
    from pixmo.sources.hub import HubSource, Wanted  # `datasets` takes a second to import

    return HubSource(Wanted(repo, configs, None, None))


def _of_catalog(name: str) -> Mapping:
    from pixmo.catalog.typed import mapping_of

    return mapping_of(entry(name))


def _declared(kind: type[Record], source: Source, said: Said) -> Mapping:
    from pixmo.catalog.typed import declared

    pairs = dict(_pair(one) for one in said.fields)
    return declared(
        kind.KIND, source.schema(), unit=said.unit, orientation=said.orientation, fields=pairs, source=source.name
    )


def _pair(told: str) -> tuple[str, str]:
    field, equals, column = told.partition("=")
    if not (field and equals and column):
        raise BadSetting(f"--field {told}: write FIELD=COLUMN, as label=name")
    return field, column


def _label(schema: pa.Schema, kind: type[Record]) -> Label:
    return label_of(schema) or Label(kind.KIND)


def _is_grouped(schema: pa.Schema) -> bool:
    kind = schema.field(ANNOTATIONS).type if ANNOTATIONS in schema.names else None
    return kind is not None and pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)
