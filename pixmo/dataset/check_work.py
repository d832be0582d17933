"""One batch of rows, looked through: by this process or another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pixmo.dataset.check_pictures import against
from pixmo.dataset.rows_build import built, exploded
from pixmo.dataset.rows_chunk import pictures_of, values_of
from pixmo.errors import BadRecord
from pixmo.image.decode import Look
from pixmo.records.arrow import ANNOTATIONS
from pixmo.records.base import Finding, Level, Record
from pixmo.records.kinds import kind_named
from pixmo.storage.sidecar import ROW_ID

NOT_A_RECORD = "not_a_record"
EXAMPLES = 5
POINT_EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 11, 16, 21, 31, 61, 101)
"""Lower edges of the bins of points per record; the last is open."""

_LONGEST = 300


class Example(NamedTuple):
    """One finding: the row by its number from 0 and its id, which value, what is wrong, the picture's URL."""

    row: int
    id: str | None
    path: str
    detail: str
    url: str | None


@dataclass(slots=True)
class Tally:
    """How often a rule was broken, in how many rows, and the first examples."""

    count: int = 0
    rows: int = 0
    examples: list[Example] = field(default_factory=list)
    last_row: int = -1

    def add(self, row: int, example: Callable[[], Example]) -> None:
        """One more, in this row; an example is made of the first few only."""
        self.count += 1
        if row != self.last_row:
            self.rows, self.last_row = self.rows + 1, row
        if len(self.examples) < EXAMPLES:
            self.examples.append(example())

    def merge(self, other: Tally) -> None:
        """Those of rows behind."""
        self.count += other.count
        self.rows += other.rows
        self.examples += other.examples[: EXAMPLES - len(self.examples)]


@dataclass(slots=True)
class Part:
    """What was found in some rows."""

    rows: int = 0
    records: int = 0
    points: Counter[int] = field(default_factory=Counter)  # by bin of POINT_EDGES
    has_points: bool = False
    tallies: dict[tuple[str, Level], Tally] = field(default_factory=dict)

    def add(self, finding: Finding, row: int, example: Callable[[], Example]) -> None:
        """One finding, in this row."""
        key = (finding.rule, finding.level)
        if key not in self.tallies:
            self.tallies[key] = Tally()
        self.tallies[key].add(row, example)

    def merge(self, other: Part) -> None:
        """What was found in rows behind."""
        self.rows += other.rows
        self.records += other.records
        self.points.update(other.points)
        self.has_points |= other.has_points
        for key, tally in other.tallies.items():
            if key in self.tallies:
                self.tallies[key].merge(tally)
            else:
                self.tallies[key] = tally


class Work(NamedTuple):
    """What a batch is: its kind, whether it is grouped, its first row's number, the column of its pictures."""

    kind: str
    grouped: bool
    first: int
    picture: str | None


def looked_through(data: bytes, work: Work) -> Part:
    """As `findings_of`, of a batch as bytes."""
    (batch,) = pa.ipc.open_stream(data)
    return findings_of(batch, work)


def as_bytes(batch: pa.RecordBatch) -> bytes:
    """A batch on its way to another process."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def findings_of(batch: pa.RecordBatch, work: Work) -> Part:
    """All findings of the records of a batch."""
    kind = kind_named(work.kind)
    flat, offsets = exploded(batch) if work.grouped else (batch, None)
    part = Part(rows=batch.num_rows, records=flat.num_rows)
    name = _Namer(batch, work.first)
    if work.grouped:
        lost = Finding(NOT_A_RECORD, ANNOTATIONS, "is missing")
        for row in np.flatnonzero(batch.column(ANNOTATIONS).is_null().to_numpy(zero_copy_only=False)).tolist():
            part.add(lost, row, partial(name, row, None, lost))
    seen: dict[int, Look] = {}
    before, sizes = -1, []
    for (row, place), record in zip(_places(batch.num_rows, offsets), built(flat, kind), strict=True):
        if row != before:
            before, seen = row, {}
        found = (
            [_not_a_record(record, kind)]
            if isinstance(record, BadRecord)
            else _all(record, batch, row, work.picture, seen)
        )
        for finding in found:
            part.add(finding, row, partial(name, row, place, finding))
        points = None if isinstance(record, BadRecord) else points_in(record)
        if points is not None:
            sizes.append(points)
    part.has_points = bool(sizes)
    part.points.update((np.searchsorted(POINT_EDGES, sizes, "right") - 1).tolist())
    return part


def _places(rows: int, offsets: list[int] | None) -> Iterator[tuple[int, int | None]]:
    """The row of each record, and its number among the row's annotations."""
    if offsets is None:
        return ((row, None) for row in range(rows))
    return ((row, at) for row, (start, stop) in enumerate(pairwise(offsets)) for at in range(stop - start))


def _all(
    record: Record, batch: pa.RecordBatch, row: int, picture: str | None, seen: dict[int, Look]
) -> Iterator[Finding]:
    yield from record.findings()
    if picture is not None:
        yield from against(record, pictures_of(batch.column(picture)[row]), seen)


def _not_a_record(error: BadRecord, kind: type[Record]) -> Finding:
    """The finding of what cannot be made: the error begins with the path of the value, as `Points.points[3].x is …`."""
    path, _, what = str(error).partition(" ")
    return Finding(NOT_A_RECORD, path.removeprefix(kind.__name__).removeprefix("."), what)


def points_in(record: Record) -> int | None:
    """How many points a record has in all; None for kinds without, and where they are not published."""
    own = getattr(record, "points", None)
    if own is not None:
        return _deep(own)
    parts = getattr(record, "labels", None) or getattr(record, "questions", None) or ()
    counts = [_deep(part.points) for part in parts if hasattr(part, "points")]
    return sum(counts) if counts else None


def _deep(points: Sequence[Any]) -> int:  # Any: points, or tuples of them
    return sum(_deep(p) if isinstance(p, tuple) else 1 for p in points)


class _Namer:
    """Examples of a batch: ids and URLs are looked up only for the few rows that become examples."""

    def __init__(self, batch: pa.RecordBatch, first: int) -> None:
        self._first = first
        names = batch.schema.names
        self._id = batch.column(ROW_ID) if ROW_ID in names else None
        told = next((n for n in ("image_url", "image_urls", "video_id") if n in names), None)
        self._url = batch.column(told) if told else None

    def __call__(self, row: int, place: int | None, finding: Finding) -> Example:
        path = finding.path if place is None or not finding.path else f"{ANNOTATIONS}[{place}].{finding.path}"
        return Example(
            self._first + row,
            self._told(self._id, row),
            _short(path),
            _short(finding.detail),
            self._told(self._url, row),
        )

    def _told(self, column: pa.Array | None, row: int) -> str | None:
        if column is None:
            return None
        (value,) = values_of(column.slice(row, 1))
        while isinstance(value, list):
            value = next((v for v in value if v is not None), None)
        return None if value is None else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
