"""The judged rows of a finished folder, read batch by batch: only the columns that are asked for, nulls for those it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.errors import BadFolder

Row: TypeAlias = dict[str, Any]  # Any: column values
METRICS = ("recall", "consistency")
"""What a judge gives verdicts on: statements of people (recall) and of the caption (consistency)."""

STATEMENTS = {"recall": "reference_statements", "consistency": "statements"}
CATEGORIES = {"recall": "reference_categories", "consistency": "statement_categories"}
VERDICTS = {"recall": "recall_verdicts", "consistency": "consistency_verdicts"}
_BATCH = 256


def judged_rows(out: Path, columns: Sequence[str], keep: frozenset[tuple[str, str]] | None = None) -> Iterator[Row]:
    """The rows with these columns and `picture` and `model`, in order; `keep` are the (picture, model) wanted, all when None.

    Raises BadFolder when the folder holds no judged captions, or a file of it is damaged.
    """
    columns = list(dict.fromkeys(["picture", "model", *columns]))
    for path in files_of(out):
        try:
            with pq.ParquetFile(path) as file:
                yield from _rows(path, file, columns, keep)
        except (OSError, pa.ArrowException) as error:
            raise BadFolder(f"{path}: cannot be read ({error}); run `pixmo verify {out} --repair`") from error


def files_of(out: Path) -> list[Path]:
    """The published files of a folder, in order. Raises BadFolder when there are none."""
    found = sorted((out / "data").glob("*.parquet"))
    if not found:
        raise BadFolder(f"{out}: holds no judged captions; `pixmo eval caption` makes such a folder")
    return found


def statements_in(row: Row, metric: str) -> list[str]:
    """The statements a metric is about; none where they were not made."""
    return row[STATEMENTS[metric]] or []


def repeats_in(row: Row, metric: str) -> list[list[str]]:
    """The verdicts of a metric, a list per repeat; none where nothing was asked."""
    return [verdicts or [] for verdicts in row[VERDICTS[metric]] or []]


def category_of(row: Row, metric: str, number: int) -> str | None:
    """The category of the statement with this number, from 0; None for pictures."""
    categories = row[CATEGORIES[metric]] or []
    return categories[number] if number < len(categories) else None


def is_bound(row: Row, metric: str, verdicts: Sequence[str]) -> bool:
    """Whether verdicts stand for statements one by one; lines of a free answer do so only when they are as many."""
    return len(verdicts) == len(statements_in(row, metric))


def _rows(
    path: Path, file: pq.ParquetFile, columns: list[str], keep: frozenset[tuple[str, str]] | None
) -> Iterator[Row]:
    there = [name for name in columns if name in file.schema_arrow.names]
    if missing := {"picture", "model"} - set(there):
        raise BadFolder(f"{path}: has no column {min(missing)!r}, so it holds no judged captions")
    for batch in file.iter_batches(_BATCH, columns=there):
        if keep is not None:
            pairs = zip(batch.column("picture").to_pylist(), batch.column("model").to_pylist(), strict=True)
            batch = batch.filter(pa.array([pair in keep for pair in pairs], pa.bool_()))
        blank = dict.fromkeys(columns)
        for row in batch.to_pylist():
            yield blank | row
