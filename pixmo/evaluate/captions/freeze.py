"""The statements a judge made of the transcripts, kept in a file to be shipped and used again."""

from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as pd

from pixmo.ask import ChatOutcome
from pixmo.sources.frozen import FrozenRow, frozen_bytes

FROZEN = "references.jsonl"
_COLUMNS = [
    "picture", "image_url", "transcripts", "reference_statements", "reference_categories", "reference_outcome", "reference_by",
]  # fmt: skip


def frozen_references(out: Path, prompt: str) -> bytes | None:
    """The file for the judged rows of a folder; None where no judge made statements.

    A picture whose statements failed stands in it without any, so that the next evaluation asks for them.
    """
    dataset = pd.dataset(out / "data", format="parquet")
    if not set(_COLUMNS) <= set(dataset.schema.names):
        return None
    rows: dict[str, FrozenRow] = {}
    judges: set[str] = set()
    for batch in dataset.to_batches(columns=_COLUMNS):
        for row in batch.to_pylist():
            made = row["reference_outcome"] in (ChatOutcome.OK, "given")
            judges |= (
                {row["reference_by"]} if row["reference_outcome"] == ChatOutcome.OK and row["reference_by"] else set()
            )
            rows[row["picture"]] = FrozenRow(
                row["picture"], row["image_url"], tuple(row["reference_statements"]) if made else None,
                tuple(row["reference_categories"] or ()) or None if made else None, tuple(row["transcripts"] or ()),
            )  # fmt: skip
    if not judges:
        return None
    return frozen_bytes((rows[picture] for picture in sorted(rows)), ", ".join(sorted(judges)), prompt)
