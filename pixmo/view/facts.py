"""What rows are filtered, sorted and searched by: narrow columns and one text per row, from Arrow batches. Pure.

Scalar columns are facts as they are, prose is counted in words, lists are counted, points are counted and laid on a grid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from pixmo.catalog.typed import ASIDE
from pixmo.dataset.load_groups import Groups, Numbers
from pixmo.dataset.rows_build import built, exploded
from pixmo.dataset.rows_chunk import Layout, is_picture, values_of
from pixmo.errors import BadRecord
from pixmo.records.arrow import ANNOTATIONS
from pixmo.view.heat import Heat, heat_of

LONGEST = 200  # characters of a text that is a fact
PROSE_CHARS = 80  # a column whose texts are longer on average is prose
MOST_POINTS = 10_000  # rows of more are not made records to look for findings
SEPARATOR = "\ue000"  # stands between texts of a row as a word that nobody types, so that no phrase reaches over it
PROSE = frozenset(
    ("caption", "transcript", "transcripts", "transcription", "question", "answer", "response", "text", "messages", "explanation", "video_caption",
     "video_transcript", "merged_caption", "video_frame_merged_caption", "clip_captions", "frame_captions", "prediction")
)  # fmt: skip
LABELS = ("label", "name")
_TECHNICAL = re.compile(
    r"(.*_)?(urls?|sha256s?|ids?|phash|dhash|fingerprints?|outcome|detail|kind|method|unit|orientation|split|config|format|mode|file|path|type|of|set|"
    r"host|version|revision|checksum|language|parsed_response)"
)
_URLS = ("image_url", "url", "image_urls", "final_url", "URL")
FLAGGED = "flagged"  # what is marked in the viewer: filtered by, but no fact
_BESIDE = frozenset(("number", "id", "split", "host", "points", "findings", FLAGGED))

Where = NDArray[np.intp]


class Leaf(NamedTuple):
    """Values somewhere inside a column: `name` is the innermost, `rows` the row of each value."""

    name: str
    values: pa.Array
    rows: Where
    is_nested: bool


@dataclass(frozen=True)
class Told:
    """What a batch tells: a column per fact, the text of each row, where points lie."""

    table: pa.Table
    texts: pa.Array
    heat: Heat


class Facts:
    """Tells the facts of the batches of one set. What is prose is seen in the first of them and holds for all."""

    def __init__(self, layout: Layout, groups: Groups) -> None:
        self._layout, self._groups = layout, groups
        self._prose: dict[str, bool] = {}
        self._schema: pa.Schema | None = None

    def of(self, batch: pa.RecordBatch, first: int) -> Told:
        """The facts of rows that begin with number `first`; the same columns for every batch."""
        numbers = np.arange(first, first + batch.num_rows, dtype=np.int64)
        typed = self._layout.mapping.typed(batch) if self._layout.mapping else batch
        leaves = list(_leaves(typed))
        inner, of_row = self._inner(typed)
        columns = {"number": pa.array(numbers), "id": self._ids(batch, numbers), "split": self._splits(numbers)}
        columns |= _hosts(leaves, len(numbers))
        columns |= self._scalars(typed)
        columns |= self._counts(typed, leaves)
        if self._layout.kind is not None:
            columns["findings"] = self._findings(inner, of_row, columns.get("points"), len(numbers))
        table = self._fitted(columns)
        return Told(table, self._texts(leaves, len(numbers)), heat_of(inner, of_row))

    def unread(self, first: int, rows: int) -> Told:
        """Rows that cannot be read: a number, an id, and nothing else."""
        numbers = np.arange(first, first + rows, dtype=np.int64)
        known = {"number": pa.array(numbers), "id": self._places(numbers), "split": self._splits(numbers)}
        schema = self._schema or pa.schema([(n, c.type) for n, c in known.items()])
        columns = [known[f.name].cast(f.type) if f.name in known else pa.nulls(rows, f.type) for f in schema]
        return Told(pa.Table.from_arrays(columns, schema=schema), pa.array([""] * rows), heat_of(None, numbers))

    @property
    def prose(self) -> list[str]:
        """Columns that are counted in words."""
        return [name for name, is_prose in self._prose.items() if is_prose]

    def _inner(self, typed: pa.RecordBatch) -> tuple[pa.RecordBatch, Where]:
        """One row per record, and the row each stands in."""
        if not self._layout.grouped:
            return typed, np.arange(typed.num_rows)
        try:
            inside = exploded(typed)
        except BadRecord:
            return typed.slice(0, 0), np.arange(0)
        return inside.batch, np.repeat(np.arange(typed.num_rows), np.diff(inside.offsets))

    def _ids(self, batch: pa.RecordBatch, numbers: Numbers) -> pa.Array:
        told = self._layout.row_id
        places = self._places(numbers)
        return pc.coalesce(_plain_text(batch.column(told)), places) if told else places

    def _places(self, numbers: Numbers) -> pa.Array:
        """Files and the rows' numbers there, as rows without ids are called."""
        if not len(numbers):
            return pa.array([], pa.string())
        where = np.searchsorted(self._groups.starts, numbers, "right") - 1
        told: list[str] = []
        for group in np.unique(where).tolist():
            name, first = self._groups.place_of(int(numbers[np.argmax(where == group)]))
            told += (f"{name}:{first + n}" for n in range(int(np.count_nonzero(where == group))))
        return pa.array(told, pa.string())

    def _splits(self, numbers: Numbers) -> pa.Array:
        where = np.searchsorted(self._groups.starts, numbers, "right") - 1
        splits = [self._groups.files[file].split for file, _ in self._groups.place]
        return pa.array(splits, pa.string()).take(pa.array(where))

    def _scalars(self, typed: pa.RecordBatch) -> dict[str, pa.Array]:
        found: dict[str, pa.Array] = {}
        for name, column in zip(typed.schema.names, typed.columns, strict=True):
            if name == self._layout.row_id:
                continue
            called = f"{ASIDE}{name}" if name in _BESIDE else name
            if _is_text(column.type):
                if not self._is_prose(name, column):
                    found[called] = pc.utf8_slice_codeunits(_plain_text(column), 0, LONGEST)
            elif (value := _scalar(column)) is not None:
                found[called] = value
        return found

    def _counts(self, typed: pa.RecordBatch, leaves: Sequence[Leaf]) -> dict[str, pa.Array]:
        """How long lists are, how many points and words there are, and the labels inside."""
        rows = typed.num_rows
        found: dict[str, pa.Array] = {}
        for name, column in zip(typed.schema.names, typed.columns, strict=True):
            if _is_list(column.type) and not is_picture(column.type):
                found[name] = pc.list_value_length(column).cast(pa.int64())
        if places := [leaf for leaf in leaves if _is_point(leaf.values.type)]:
            found["points"] = pa.array(sum(np.bincount(leaf.rows, minlength=rows) for leaf in places), pa.int64())
        for leaf in (leaf for leaf in leaves if _is_text(leaf.values.type)):
            if leaf.is_nested and leaf.name in LABELS and leaf.name not in found:
                found[leaf.name] = _lists(leaf, rows)
            elif self._is_prose(leaf.name, leaf.values):
                words = np.bincount(leaf.rows, _words(leaf.values), rows).astype(np.int64)
                before = found.get(f"{leaf.name}_words")
                found[f"{leaf.name}_words"] = pa.array(words if before is None else words + before.to_numpy())
        return {
            name: column for name, column in found.items() if name not in typed.schema.names or _is_nested(typed, name)
        }

    def _is_prose(self, name: str, values: pa.Array) -> bool:
        if name not in self._prose:
            long = (pc.mean(pc.utf8_length(_plain_text(values))).as_py() or 0) > PROSE_CHARS
            self._prose[name] = name in PROSE or (long and not _TECHNICAL.fullmatch(name))
        return self._prose[name]

    def _texts(self, leaves: Sequence[Leaf], rows: int) -> pa.Array:
        told = [leaf for leaf in leaves if _is_text(leaf.values.type) and not _TECHNICAL.fullmatch(leaf.name)]
        return _joined(told, rows, f" {SEPARATOR} ")

    def _findings(self, inner: pa.RecordBatch, of_row: Where, points: pa.Array | None, rows: int) -> pa.Array:
        assert self._layout.kind is not None
        found: list[set[str]] = [set() for _ in range(rows)]
        many = np.zeros(rows, bool) if points is None else points.to_numpy(zero_copy_only=False) > MOST_POINTS
        if many.any():
            for row in np.flatnonzero(many).tolist():
                found[row].add("many_points")
            keep = ~many[of_row]
            inner, of_row = inner.filter(pa.array(keep)), of_row[keep]
        for row, record in zip(of_row.tolist(), built(inner, self._layout.kind), strict=True):
            if isinstance(record, BadRecord):
                found[row].add("no_record")
            else:
                found[row].update(finding.rule for finding in record.findings())
        return pa.array([sorted(rules) for rules in found], pa.list_(pa.string()))

    def _fitted(self, columns: dict[str, pa.Array]) -> pa.Table:
        """The columns, of the types of the first batch."""
        if self._schema is None:
            self._schema = pa.schema([(name, column.type) for name, column in columns.items()])
        rows = len(columns["number"])
        told = [_cast(columns[f.name], f.type) if f.name in columns else pa.nulls(rows, f.type) for f in self._schema]
        return pa.Table.from_arrays(told, schema=self._schema)


def _leaves(batch: pa.RecordBatch) -> Iterator[Leaf]:
    rows = np.arange(batch.num_rows)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        yield from _inside(name, column, rows, False)


def _inside(name: str, column: pa.Array, rows: Where, is_nested: bool) -> Iterator[Leaf]:
    kind = column.type
    if pt.is_dictionary(kind):
        yield from _inside(name, column.dictionary_decode(), rows, is_nested)
    elif is_picture(kind):
        return
    elif _is_list(kind):
        if pt.is_fixed_size_list(kind):
            column = column.cast(pa.list_(kind.value_type))
        parents = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        yield from _inside(name, pc.list_flatten(column), rows[parents], True)
    elif _is_point(kind):
        yield Leaf(name, column, rows, is_nested)
    elif pt.is_struct(kind):
        for inside, values in zip(kind, column.flatten(), strict=True):
            yield from _inside(inside.name, values, rows, is_nested or name == ANNOTATIONS)
    else:
        yield Leaf(name, column, rows, is_nested)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    if pt.is_dictionary(kind):
        kind = kind.value_type
    return bool(pt.is_string(kind) or pt.is_large_string(kind))


def _is_point(kind: pa.DataType) -> bool:
    return bool(pt.is_struct(kind) and {"x", "y"} <= {f.name for f in kind} and pt.is_floating(kind.field("x").type))


def _is_nested(batch: pa.RecordBatch, name: str) -> bool:
    return bool(pt.is_nested(batch.schema.field(name).type))


def _scalar(column: pa.Array) -> pa.Array | None:
    """A number, yes or no, or a time as text; None for what is no fact."""
    kind = column.type
    if pt.is_boolean(kind):
        return column
    if pt.is_integer(kind):
        return column.cast(pa.float64() if pt.is_uint64(kind) else pa.int64(), safe=False)
    if pt.is_floating(kind) or pt.is_decimal(kind):
        return column.cast(pa.float64())
    return column.cast(pa.string()) if pt.is_temporal(kind) and not pt.is_interval(kind) else None


def _plain_text(column: pa.Array) -> pa.Array:
    """The column as `string`, \ufffd where it is not UTF-8."""
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array(values_of(column), pa.string())
    return column.cast(pa.string())


def _words(column: pa.Array) -> NDArray[np.float64]:
    """Words of each text; 0 for null."""
    counted = pc.count_substring_regex(_plain_text(column), r"\S+")
    return np.asarray(pc.fill_null(counted, 0).to_numpy(zero_copy_only=False), np.float64)


def _lists(leaf: Leaf, rows: int) -> pa.Array:
    """The texts of each row as a list, shortened."""
    values = pc.utf8_slice_codeunits(pc.fill_null(_plain_text(leaf.values), ""), 0, LONGEST)
    return pa.ListArray.from_arrays(_ends(leaf, rows), values)


def _ends(leaf: Leaf, rows: int) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(np.bincount(leaf.rows, minlength=rows))]), pa.int32())


def _joined(leaves: Iterable[Leaf], rows: int, between: str) -> pa.Array:
    """One text per row of all values that stand in it, leaf by leaf."""
    parts = []
    for leaf in leaves:
        values = pc.fill_null(_plain_text(leaf.values), "")
        parts.append(pc.binary_join(pa.ListArray.from_arrays(_ends(leaf, rows), values), between))
    if not parts:
        return pa.array([""] * rows, pa.string())
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, between)


def _hosts(leaves: Sequence[Leaf], rows: int) -> dict[str, pa.Array]:
    """The host of the row's address, the first of several; no column where rows have none."""
    for name in _URLS:
        leaf = next((one for one in leaves if one.name == name and _is_text(one.values.type)), None)
        if leaf is not None:
            kept, first = np.unique(leaf.rows, return_index=True)
            found = pc.struct_field(
                pc.extract_regex(
                    _plain_text(leaf.values.take(pa.array(first))),
                    r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>[^/?#:]+)",
                ),
                "host",
            )
            at = np.full(rows, -1)
            at[kept] = np.arange(len(kept))
            return {"host": pc.utf8_lower(found).take(pa.array(at, mask=at < 0))}
    return {}


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind, safe=False)
