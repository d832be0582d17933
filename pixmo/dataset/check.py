"""Everything that is wrong with a set: findings of each record, and of rows among each other, counted with examples."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any

import pyarrow as pa

from pixmo.dataset.check_pictures import RULES as PICTURE_RULES
from pixmo.dataset.check_source import Data
from pixmo.dataset.check_work import (
    EXAMPLES,
    POINT_EDGES,
    Example,
    Part,
    Work,
    as_bytes,
    findings_of,
    looked_through,
)  # fmt: skip
from pixmo.dataset.rows_build import exploded
from pixmo.records.across import Across
from pixmo.records.arrow import ANNOTATIONS
from pixmo.records.base import Level
from pixmo.records.rules import RULES

BATCH_ROWS = 4096
ALONE_ROWS = 30_000
"""So many records are looked through before other processes are worth their start."""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """A rule that was broken: how often, in how many rows, and the first examples."""

    rule: str
    level: Level
    meaning: str
    count: int
    rows: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Checked:
    """What was found. `points` counts records by their points, by lower edge; empty for kinds without points."""

    data: str
    record: str
    grouped: bool
    rows: int
    records: int
    rules: tuple[RuleCount, ...]
    points: dict[int, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Findings that make a row wrong."""
        return sum(r.count for r in self.rules if r.level is Level.ERROR)

    @property
    def warnings(self) -> int:
        """Findings that ask for a look."""
        return sum(r.count for r in self.rules if r.level is Level.WARNING)

    def as_json(self) -> dict[str, Any]:  # Any: plain JSON
        """Plain values."""
        rules = [asdict(r) | {"examples": [e._asdict() for e in r.examples]} for r in self.rules]
        counted = {"errors": self.errors, "warnings": self.warnings}
        of = {
            "data": self.data,
            "record": self.record,
            "grouped": self.grouped,
            "rows": self.rows,
            "records": self.records,
        }
        return of | counted | {"rules": rules, "points": {str(edge): n for edge, n in self.points.items()}}


def check(
    data: Data, *, level: Level = Level.WARNING, n_proc: int = 1, on_rows: Callable[[int], None] = lambda rows: None
) -> Checked:
    """All findings of at least this level. With `n_proc` above 1 large sets are looked through by other processes too.

    `on_rows` is called with the number of rows seen so far. Raises BadSource where the data cannot be read.
    """
    across = _AcrossRows(data.grouped)
    total = Part()
    with ExitStack() as stack:
        for part in _parts(data, across, n_proc, stack):
            total.merge(part)
            on_rows(total.rows)
    across.into(total)
    return _told(data, total, level)


def _parts(data: Data, across: _AcrossRows, n_proc: int, stack: ExitStack) -> Iterator[Part]:
    """The parts in order: the first ones made here, then by a pool, at most two for each process under way."""
    waiting: deque[Future[Part]] = deque()
    pool: ProcessPoolExecutor | None = None
    first = records = 0
    for batch in data.batches(BATCH_ROWS):
        work = Work(data.kind.KIND, data.grouped, first, data.picture)
        first += batch.num_rows
        records += across.add(batch)
        if pool is None and n_proc > 1 and (records > ALONE_ROWS or data.picture):
            pool = stack.enter_context(_pool(n_proc, stack))
        if pool is None:
            yield findings_of(batch, work)
            continue
        waiting.append(pool.submit(looked_through, as_bytes(batch), work))
        if len(waiting) >= 2 * n_proc:
            yield waiting.popleft().result()
    yield from (future.result() for future in waiting)


def _pool(n_proc: int, stack: ExitStack) -> ProcessPoolExecutor:
    # spawned: this process has threads of Arrow, whose locks a fork would copy
    pool = ProcessPoolExecutor(n_proc, get_context("spawn"))
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    return pool


class _AcrossRows:
    """The rules over many rows, and which row each of their rows was."""

    def __init__(self, grouped: bool) -> None:
        self._grouped = grouped
        self._rules = Across()
        self._ends: list[int] = []  # of grouped rows: the number of the first record behind each
        self._records = 0

    def add(self, batch: pa.RecordBatch) -> int:
        """The next rows; how many records they hold."""
        if self._grouped:
            flat, offsets = exploded(batch)
            self._ends += (self._records + end for end in offsets[1:])
        else:
            flat = batch
        self._rules.add(flat)
        self._records += flat.num_rows
        return int(flat.num_rows)

    def into(self, total: Part) -> None:
        """Counts what was found."""
        for record, finding in self._rules.findings():
            row, path = self._place(record, finding.path)
            total.add(finding, row, partial(Example, row, None, path, finding.detail, None))

    def _place(self, record: int, path: str) -> tuple[int, str]:
        """The row a record stands in, and the path of a value of it there."""
        if not self._grouped or not self._ends:
            return record, path
        row = bisect_right(self._ends, record)
        inside = f"{ANNOTATIONS}[{record - (self._ends[row - 1] if row else 0)}]"
        return row, f"{inside}.{path}" if path else inside


def _told(data: Data, total: Part, level: Level) -> Checked:
    shown = [k for k in total.tallies if level is Level.WARNING or k[1] is Level.ERROR]
    order = sorted(shown, key=lambda k: (k[1] is not Level.ERROR, -total.tallies[k].count, k[0]))
    rules = tuple(
        RuleCount(rule, how_bad, meaning(rule), t.count, t.rows, tuple(t.examples[:EXAMPLES]))
        for rule, how_bad in order
        for t in [total.tallies[rule, how_bad]]
    )
    points = {edge: total.points[n] for n, edge in enumerate(POINT_EDGES)} if total.has_points else {}
    return Checked(data.name, data.kind.KIND, data.grouped, total.rows, total.records, rules, points)


def meaning(rule: str) -> str:
    """What a rule says, in a few words."""
    return PICTURE_RULES.get(rule) or RULES[rule].meaning
