"""The rows of a static site: which they are, and the facts and words that its script filters, sorts and searches by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.dataset.rows import Rows
from pixmo.errors import BadSource, PixmoError
from pixmo.view.facts import Facts
from pixmo.view.index import Index
from pixmo.view.index_statistics import Facet, Statistics, TextColumn
from pixmo.view.query import Column
from pixmo.view.source import DataSet, open_data

LONGEST_TEXT = 10_000  # characters of a row that are searched
_OWN = ("number", "id", "split")


@dataclass(frozen=True)
class Sample:
    """Rows of a set. `facts` has a row of values, one for each column, for each number; so has `texts`."""

    numbers: list[int]
    columns: list[Column]
    facets: list[Facet]
    statistics: Statistics
    facts: list[list[Any]]  # Any: column values
    texts: list[str]


def chosen(rows: int, most: int, seed: int | None) -> list[int]:
    """The first rows, or with a seed some drawn from all; in the order of the set."""
    if seed is None or most >= rows:
        return list(range(min(rows, most)))
    return sorted(int(n) for n in np.random.default_rng(seed).choice(rows, most, replace=False))


def sample_of(data: DataSet, numbers: Sequence[int], folder: Path) -> Sample:
    """Reads the facts of some rows; `folder` is a place to work in. Rows that cannot be read have no facts."""
    layout = data.rows.layout
    columns = [Column("number", "number", "the row's number, from 0"), Column("id", "text", "the row's id")]
    plain = Sample(
        list(numbers), columns, [], Statistics(len(numbers)), [[n, None] for n in numbers], [""] * len(numbers)
    )
    read = _read(data, numbers) if layout.names else None
    if read is None:
        return plain
    batch, known = read
    small = _small_set(data, batch, folder / "sample.parquet")
    index = Index(small, folder)
    try:
        index.begin()
        state = index.wait()
        if state.name != "ready":
            raise BadSource(f"{data.path}: {state.why}")
        told = Facts(small.rows.layout, small.rows.groups).of(batch, 0)
        columns, facets, statistics = index.columns(), index.facets(), index.statistics()
    finally:
        index.close()
    values = [_values(told.table.column(at)) for at in range(len(columns))]
    place = {number: at for at, number in enumerate(known)}
    texts = told.texts.to_pylist()
    facts = [[column[place[n]] if n in place else None for column in values] for n in numbers]
    words = [texts[place[n]][:LONGEST_TEXT] if n in place else "" for n in numbers]
    return _own(data, Sample(list(numbers), columns, facets, statistics, facts, words))


def _read(data: DataSet, numbers: Sequence[int]) -> tuple[pa.RecordBatch, list[int]] | None:
    """The rows' columns, and which rows they are; None where none can be read."""
    groups, names = data.rows.groups, data.rows.layout.names
    good = list(numbers)
    try:
        return (groups.take(np.array(good, np.int64), names), good) if good else None
    except (PixmoError, pa.ArrowException, OSError):
        good = [n for n in numbers if _can_read(data, n)]
    return (groups.take(np.array(good, np.int64), names), good) if good else None


def _can_read(data: DataSet, number: int) -> bool:
    try:
        data.rows.groups.take(np.array([number], np.int64), data.rows.layout.names)
    except (PixmoError, pa.ArrowException, OSError):
        return False
    return True


def _small_set(data: DataSet, batch: pa.RecordBatch, file: Path) -> DataSet:
    """The rows as a set of their own, without pictures."""
    pq.write_table(pa.Table.from_batches([batch]).replace_schema_metadata(data.rows.schema.metadata), file)
    opened = open_data(str(file))
    rows = Rows(opened.rows.groups, data.rows.layout._replace(picture=None))
    told = DataSet(str(file), rows)
    told.digest = opened.digest
    return told


def _values(column: pa.ChunkedArray) -> list[Any]:  # Any: column values
    """Plain values; what JSON cannot say is None."""
    return [None if isinstance(v, float) and not np.isfinite(v) else v for v in column.to_pylist()]


def _own(data: DataSet, sample: Sample) -> Sample:
    """With the numbers and splits of the set itself in place of those of the small one."""
    files = data.rows.groups
    splits = [files.file_of(n).split for n in sample.numbers]
    own: dict[str, Sequence[Any]] = {"number": sample.numbers, "split": splits}
    at = {c.name: i for i, c in enumerate(sample.columns) if c.name in own}
    for row, facts in enumerate(sample.facts):
        for name, place in at.items():
            facts[place] = own[name][row]
    counted = Counter(s for s in splits if s is not None)
    if len(counted) < 2:
        return sample
    values = counted.most_common()
    found = sample.statistics
    told = replace(found, texts=[TextColumn("split", "text", counted.total(), len(values), values), *found.texts])
    return replace(sample, facets=[Facet("split", "text", values), *sample.facets], statistics=told)
