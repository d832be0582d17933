"""`statements.parquet`: a row for each verdict, so that every number can be followed to the words it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.evaluate.captions.rows import METRICS, Row, category_of, is_bound, repeats_in, statements_in

STATEMENTS_FILE = "statements.parquet"
SCHEMA = pa.schema(
    [
        ("picture", pa.string()),
        ("model", pa.string()),
        ("metric", pa.string()),
        ("repeat", pa.int32()),
        ("statement", pa.int32()),
        ("statement_id", pa.string()),
        ("text", pa.string()),
        ("category", pa.string()),
        ("verdict", pa.string()),
    ]
)
"""Repeats and statements count from 1. Lines of a free answer that are not as many as the statements have no text."""

VERDICT_COLUMNS = ("reference_statements", "statements", "reference_categories", "statement_categories", "recall_verdicts", "consistency_verdicts")  # fmt: skip
_AT_ONCE = 20_000


def write_statements(path: Path, rows: Iterable[Row]) -> int:
    """Writes the verdicts of judged rows, in their order; how many there are."""
    written, held = 0, list[Row]()
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as file:
        for row in rows:
            held.extend(verdicts_of(row))
            if len(held) >= _AT_ONCE:
                file.write_table(pa.Table.from_pylist(held, SCHEMA))
                written, held = written + len(held), []
        file.write_table(pa.Table.from_pylist(held, SCHEMA))
    return written + len(held)


def verdicts_of(row: Row) -> Iterator[Row]:
    """The verdicts of one judged row."""
    for metric in METRICS:
        texts = statements_in(row, metric)
        for repeat, verdicts in enumerate(repeats_in(row, metric), 1):
            bound = is_bound(row, metric, verdicts)
            for number, verdict in enumerate(verdicts):
                yield {
                    "picture": row["picture"], "model": row["model"], "metric": metric, "repeat": repeat,
                    "statement": number + 1, "statement_id": f"s{number + 1}",
                    "text": texts[number] if bound else None,
                    "category": category_of(row, metric, number) if bound else None,
                    "verdict": verdict,
                }  # fmt: skip
