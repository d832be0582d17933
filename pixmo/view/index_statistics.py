"""What a set's facts look like over all rows: counted once, when an index is built."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pixmo.page.numbers import ticks
from pixmo.view.query import Column, quoted

if TYPE_CHECKING:
    import duckdb

MOST_VALUES = 20
MOST_BINS = 24
_KEPT_APART = ("number", "id")


@dataclass(frozen=True)
class NumberColumn:
    """`bins` are (lower edge, rows), the last of them open upwards where `is_cut`; `known` rows have a value."""

    column: str
    known: int
    low: float
    high: float
    mean: float
    median: float
    bins: list[tuple[float, int]]
    is_cut: bool = False


@dataclass(frozen=True)
class TextColumn:
    """`values` are the most frequent (value, rows); `distinct` is how many there are, about so where they are more than `values`."""

    column: str
    kind: str  # text, texts or yes_no
    known: int
    distinct: int
    values: list[tuple[str, int]]


@dataclass(frozen=True)
class Statistics:
    """`heat` is points by cell, rows of 20 from the top, all 0 where no points are."""

    rows: int
    numbers: list[NumberColumn] = field(default_factory=list)
    texts: list[TextColumn] = field(default_factory=list)
    heat: list[list[int]] = field(default_factory=list)

    @property
    def points(self) -> int:
        """Points that lie in a picture."""
        return sum(map(sum, self.heat))


@dataclass(frozen=True)
class Facet:
    """A column as a filter shows it: `kind` is text, number or yes_no; `values` the 20 most frequent with their rows."""

    column: str
    kind: str
    values: list[tuple[str, int]]
    low: float | None = None
    high: float | None = None


def facets_of(statistics: Statistics) -> list[Facet]:
    """The columns worth a filter, those with few values first."""
    numbers = [Facet(n.column, "number", [], n.low, n.high) for n in statistics.numbers]
    texts = [Facet(t.column, "yes_no" if t.kind == "yes_no" else "text", t.values) for t in statistics.texts]
    return [*texts, *numbers]


def statistics_of(table: duckdb.DuckDBPyConnection, columns: Sequence[Column], heat: list[list[int]]) -> Statistics:
    """Of a table of facts."""
    (rows,) = table.execute("SELECT count(*) FROM rows").fetchone() or (0,)
    told = [c for c in columns if c.name not in _KEPT_APART]
    numbers = [n for c in told if c.kind == "number" and (n := _number(table, c.name)) is not None]
    texts = [t for c in told if c.kind != "number" and (t := _text(table, c)) is not None]
    return Statistics(rows, numbers, texts, heat)


def _number(table: duckdb.DuckDBPyConnection, name: str) -> NumberColumn | None:
    """None for a column without values."""
    # SQL's median would sort all values in memory
    column = f"CASE WHEN isfinite({quoted(name)}::DOUBLE) THEN {quoted(name)} END"
    known, low, high, mean, median, top = (
        table.execute(
            f"SELECT count(v), min(v), max(v), avg(v), approx_quantile(v, 0.5), approx_quantile(v, 0.99)"
            f" FROM (SELECT {column} AS v FROM rows)"
        ).fetchone()
        or (0,) * 6
    )
    if not known:
        return None
    base, step, number, is_cut = _edges(low, high, max(top, low), isinstance(low, int))
    found = dict(
        table.execute(
            f"SELECT least(floor((v::DOUBLE - ?) / ?), ?)::INTEGER AS bin, count(*)"
            f" FROM (SELECT {column} AS v FROM rows) WHERE v IS NOT NULL GROUP BY bin",
            [base, step, number - 1],
        ).fetchall()
    )
    bins = [(base + step * i, found.get(i, 0)) for i in range(number)]
    return NumberColumn(name, known, float(low), float(high), float(mean), float(median), bins, is_cut)


def _edges(low: float, high: float, top: float, whole: bool) -> tuple[float, float, int, bool]:
    """(first edge, step, bins, whether the last bin holds all that is larger): a few far values do not flatten the rest."""
    end = high if high - low <= 2 * (top - low) or high == low else top
    if whole and end - low < MOST_BINS:
        return float(low), 1.0, int(end - low) + 1, end < high
    steps = ticks(end - low, MOST_BINS // 2, whole)
    step = steps[1] - steps[0]
    base = math.floor(low / step) * step
    number = max(1, math.floor((end - base) / step) + 1)
    return base, step, min(number, 2 * MOST_BINS), end < high


def _text(table: duckdb.DuckDBPyConnection, column: Column) -> TextColumn | None:
    name = quoted(column.name)
    source = f"(SELECT unnest({name}) AS v FROM rows)" if column.kind == "texts" else f"(SELECT {name} AS v FROM rows)"
    known, distinct = table.execute(f"SELECT count(v), approx_count_distinct(v) FROM {source}").fetchone() or (0, 0)
    if not known:
        return None
    values: list[tuple[str, int]] = []
    if distinct < known * 0.9 or known <= MOST_VALUES:  # else nearly every row has its own, and none is frequent
        values = table.execute(
            f"SELECT v::VARCHAR, count(*) AS n FROM {source} WHERE v IS NOT NULL GROUP BY v ORDER BY n DESC, v::VARCHAR LIMIT {MOST_VALUES}"
        ).fetchall()
    if 0 < len(values) < MOST_VALUES:  # all of them
        distinct = len(values)
    return TextColumn(column.name, column.kind, known, distinct, values)
