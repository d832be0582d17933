"""One row per picture: all annotations of a picture gathered while a source is read, on disk when they are many.

Three passes, each in order: rows are read and put aside while their keys are noted; they are dealt out to piles of whole pictures;
each pile is sorted in memory and given out. What is kept in memory of all rows at once is a few dozen bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from pixmo.errors import BadSource
from pixmo.records.arrow import ANNOTATIONS, Label, label_of, labelled
from pixmo.records.kinds import KINDS, PICTURE_FIELDS, is_groupable
from pixmo.sources.group_keys import Keys, Numbers
from pixmo.sources.group_piles import GROUP, Dealer, chunks, one_batch, pile_of_rows
from pixmo.sources.group_spool import Piece, Spool
from pixmo.sources.reader import BATCH_BYTES, sliced
from pixmo.sources.source import SPLIT, Expected, Source

CONFIG = "config"
_OF_COLUMNS = (b"huggingface", b"pandas")  # metadata that describes columns which are no longer there


class _Read(NamedTuple):
    """What the first pass knows: where the rows were put, the group of each, about how many bytes each has."""

    pieces: list[Piece]
    groups: Numbers
    row_bytes: NDArray[np.float64]


class GroupedSource:
    """A typed source with one row per picture: `image_url`, `image_sha256`, then `annotations`, a list of structs of all else.

    Rows of equal URL and digest are one picture, in the order of first appearance; its annotations keep the order of the source.
    `split` and `config`, where the source has them, are part of the key and stay columns. Rows that name no picture stay alone.
    `scratch` is the folder for what does not fit in memory, up to twice what the source holds; by default $TMPDIR. `pile_bytes` is
    about how much is sorted at a time. Raises BadSource for a source whose rows cannot be gathered by picture.
    """

    def __init__(self, source: Source, scratch: Path | None = None, pile_bytes: int = BATCH_BYTES) -> None:
        self._source = source
        self._scratch = scratch
        self._pile_bytes = pile_bytes
        self.name = source.name
        self.splits = source.splits
        self.licence = source.licence
        known = source.expected or Expected()
        self.expected: Expected | None = source.expected and known._replace(rows=known.pictures)
        self._keys = _key_names(source.schema(), self.name)
        self._to = _grouped(source.schema(), self._keys)

    def __repr__(self) -> str:
        return f"GroupedSource({self._source!r})"

    def schema(self) -> pa.Schema:
        """The columns, labelled as grouped."""
        return self._to

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """The source's, and that it is grouped."""
        return self._source.identity() | {"grouped": True}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The pictures in order, at most `batch_rows` at a time, fewer where they are large; the source is read whole before the first."""
        try:
            with Spool(self._scratch, self._pile_bytes // 2) as piles:
                for pile in self._dealt(piles):
                    yield from sliced(self._gathered(pa.concat_tables(map(piles.get, pile))), batch_rows)
        except pa.ArrowNotImplementedError as error:
            raise BadSource(
                f"{self.name}: has columns that cannot be gathered ({error}); leave the rows ungrouped"
            ) from error

    def _dealt(self, piles: Spool) -> list[list[Piece]]:
        """The pieces of each pile; what was put aside is gone before the first is asked for."""
        with Spool(self._scratch, self._pile_bytes // 2) as asides:
            read = self._read(asides)
            if not read.pieces:
                return []
            dealer = Dealer(read.groups, pile_of_rows(read.groups, read.row_bytes, self._pile_bytes), self._keys, piles)
            for piece in read.pieces:
                dealer.deal(one_batch(asides.get(piece), self.name))
        return [dealer.found[number] for number in sorted(dealer.found)]

    def _read(self, asides: Spool) -> _Read:
        keys = Keys(self._keys, [name for name in self._keys if name in PICTURE_FIELDS])
        pieces, sizes = [], [np.zeros(0)]
        for chunk in chunks(self._source.batches(), self.name, self._pile_bytes // 4):
            keys.note(chunk)
            pieces.append(asides.put(chunk))
            sizes.append(np.full(chunk.num_rows, chunk.nbytes / chunk.num_rows))
        return _Read(pieces, keys.numbers(), np.concatenate(sizes))

    def _gathered(self, rows: pa.Table) -> pa.RecordBatch:
        """The rows of whole pictures as one row each."""
        groups = rows.column(GROUP).to_numpy()
        order = np.argsort(groups, kind="stable")
        batch = one_batch(rows, self.name).take(pa.array(order))
        starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
        told = {name: batch.column(name).take(pa.array(starts)) for name in self._keys}
        inner = list(self._to.field(ANNOTATIONS).type.value_type)
        structs = pa.StructArray.from_arrays([batch.column(f.name) for f in inner], fields=inner)
        ends = pa.array(np.append(starts, len(order)).astype(np.int32))
        told[ANNOTATIONS] = pa.ListArray.from_arrays(ends, structs, type=self._to.field(ANNOTATIONS).type)
        columns = [told[f.name] if f.name in told else pa.nulls(len(starts), f.type) for f in self._to]
        return pa.RecordBatch.from_arrays(columns, schema=self._to)


def ungrouped(batch: pa.RecordBatch) -> pa.RecordBatch:
    """One row per annotation: the picture's fields, those of the annotation, then all other columns, repeated for each annotation.

    A picture without annotations gives no row. A column of the row with the name of an annotation's is called `picture:<name>`.
    """
    lists = batch.column(ANNOTATIONS)
    structs, of_row = lists.flatten(), pc.list_parent_indices(lists)
    inner = list(structs.type)
    taken = {f.name for f in inner}
    fields, columns = [], []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if field.name != ANNOTATIONS:
            fields.append(field.with_name("picture:" + field.name) if field.name in taken else field)
            columns.append(column.take(of_row))
    first = sum(f.name in PICTURE_FIELDS for f in fields)
    order = sorted(range(len(fields)), key=lambda i: fields[i].name not in PICTURE_FIELDS)
    fields, columns = [fields[i] for i in order], [columns[i] for i in order]
    fields[first:first], columns[first:first] = inner, structs.flatten()
    label = label_of(batch.schema)
    schema = pa.schema(fields, batch.schema.metadata)
    return pa.RecordBatch.from_arrays(columns, schema=labelled(schema, Label(label.record)) if label else schema)


def _key_names(schema: pa.Schema, name: str) -> list[str]:
    """The columns that say which rows are of one picture. Raises BadSource for rows that cannot be gathered."""
    label = label_of(schema)
    if label is None:
        raise BadSource(f"{name}: says not what its rows are; say so with --as, or leave them ungrouped")
    if label.grouped:
        raise BadSource(f"{name}: is one row per picture already")
    pictures = [n for n in PICTURE_FIELDS if n in schema.names]
    if not is_groupable(KINDS[label.record]) or not pictures:
        raise BadSource(
            f"{name}: rows of kind {label.record!r} do not say by URL or digest which picture they are of; leave them ungrouped"
        )
    return pictures + [f.name for f in schema if f.name in (SPLIT, CONFIG) and _is_text(f.type)]


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pt.is_dictionary(kind) else kind
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _grouped(schema: pa.Schema, keys: list[str]) -> pa.Schema:
    label = label_of(schema)
    assert label is not None  # _key_names wants one
    pictures = [schema.field(n) if n in keys else pa.field(n, pa.string()) for n in PICTURE_FIELDS]
    others = [schema.field(n) for n in keys if n not in PICTURE_FIELDS]
    annotations = pa.field(ANNOTATIONS, pa.list_(pa.struct([f for f in schema if f.name not in keys])))
    kept = {key: value for key, value in schema.metadata.items() if key not in _OF_COLUMNS}
    return labelled(pa.schema([*pictures, *others, annotations], kept), Label(label.record, True, label.version))
