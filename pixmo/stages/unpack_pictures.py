"""Take the pictures that came inside the rows themselves (own folders, sets with embedded images)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from pixmo.ask import Outcome
from pixmo.stages.download import FACTS


@dataclass(frozen=True)
class UnpackPictures:
    """The plan has put the bytes into the store; this gives the rows the columns a download would."""

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = ("image_sha256",)

    @property
    def needs(self) -> pa.Schema:
        """What the plan noted of the embedded bytes."""
        return pa.schema(
            [("embedded_sha256", pa.string()), ("embedded_bytes", pa.int64()), ("image_sha256", pa.string())]
        )

    @property
    def adds(self) -> pa.Schema:
        """As a download."""
        return FACTS

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Facts without a network."""
        sha, size = batch.column("embedded_sha256"), batch.column("embedded_bytes")
        expected = pc.utf8_lower(pc.utf8_trim_whitespace(batch.column("image_sha256")))
        there = pc.and_(pc.is_valid(sha), pc.fill_null(pc.greater(size, 0), False))
        empty = pc.and_(pc.is_valid(sha), pc.invert(there))
        outcome = pc.if_else(there, str(Outcome.OK), pc.if_else(empty, str(Outcome.EMPTY), str(Outcome.NO_URL)))
        verdict = pc.if_else(pc.equal(sha, expected), "equal", "differs")
        verdict = pc.if_else(pc.fill_null(pc.not_equal(expected, ""), False), verdict, "none_expected")
        columns = {
            "fetched": there,
            "fetch_outcome": outcome,
            "fetched_sha256": pc.if_else(there, sha, None),
            "fetched_bytes": pc.if_else(there, size, None),
            "hash_verdict": pc.if_else(there, verdict, None),
        }
        nulls = {f.name: pa.nulls(len(batch), f.type) for f in FACTS}
        return pa.RecordBatch.from_arrays(
            [(columns.get(f.name) if f.name in columns else nulls[f.name]) for f in FACTS], schema=FACTS
        )
