"""Fold what the fetch and the look at the bytes found into one `outcome` per row, and say whether the row is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from pixmo.ask import Outcome
from pixmo.errors import BadSetting
from pixmo.stage import meaning

POLICIES = ("keep", "strict")


@dataclass(frozen=True)
class FoldOutcome:
    """`keep`: a picture that decodes is good though its digest differs from the expected one; `strict`: it is not."""

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = ("image_outcome",)

    hash_policy: str = meaning("keep", "what of a picture whose sha256 differs from the list's: keep or strict")

    def __post_init__(self) -> None:
        if self.hash_policy not in POLICIES:
            raise BadSetting(f"hash policy {self.hash_policy!r} is none of {', '.join(POLICIES)}")

    @property
    def needs(self) -> pa.Schema:
        """Both verdicts so far."""
        return pa.schema(
            [("fetch_outcome", pa.string()), ("hash_verdict", pa.string()), ("image_outcome", pa.string())]
        )

    @property
    def adds(self) -> pa.Schema:
        """The row's outcome; `ok` is the clause that `select` uses."""
        return pa.schema([("outcome", pa.string()), ("ok", pa.bool_())])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The first thing that went wrong, in the order fetch, bytes, hash."""
        outcome = batch.column("fetch_outcome")
        fetched = pc.equal(outcome, str(Outcome.OK))
        looked = batch.column("image_outcome")
        outcome = pc.if_else(pc.and_(fetched, pc.is_valid(looked)), looked, outcome)
        if self.hash_policy == "strict":
            differs = pc.fill_null(pc.equal(batch.column("hash_verdict"), "differs"), False)
            wrong = pc.and_(pc.equal(outcome, str(Outcome.OK)), differs)
            outcome = pc.if_else(wrong, str(Outcome.WRONG_HASH), outcome)
        ok = pc.fill_null(pc.equal(outcome, str(Outcome.OK)), False)
        return pa.RecordBatch.from_arrays([outcome, ok], schema=self.adds)
