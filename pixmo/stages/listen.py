"""Listen to each recording: its length, net speech, loudness, clipping, noise: facts, no verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from pixmo.ask import SpeechOutcome
from pixmo.errors import BadSetting
from pixmo.stage import World, effort, meaning

if TYPE_CHECKING:
    from pixmo.ask import Answer

SPAN = pa.struct([("start_s", pa.float64()), ("end_s", pa.float64())])
FACTS = {
    "duration_s": pa.float64(), "speech_s": pa.float64(), "speech_spans": pa.list_(SPAN), "loudness_lufs": pa.float64(),
    "peak_dbfs": pa.float64(), "clipped_share": pa.float64(), "snr_db": pa.float64(), "recording_format": pa.string(),
    "recording_fingerprint": pa.string(),
}  # fmt: skip


@dataclass(frozen=True)
class Listen:
    """One value per recording of a row, in lists. A recording the source could not give keeps the source's fault."""

    version: ClassVar[int] = 1
    asks: ClassVar[str] = "listen"
    optional: ClassVar[tuple[str, ...]] = ("recording_fault",)

    max_duration_s: float = meaning(3600.0, "a guard: nothing is decoded beyond so many seconds (`too_long`)")
    listen_timeout_s: float = effort(300.0, "seconds that decoding one recording and finding its speech may take")

    def __post_init__(self) -> None:
        if self.max_duration_s <= 0:
            raise BadSetting(f"max_duration_s is {self.max_duration_s:g}; give a number of seconds above 0")

    @property
    def needs(self) -> pa.Schema:
        """The digests of a row's recordings, and what the source could not read."""
        return pa.schema([("recording_sha256", pa.list_(pa.string())), ("recording_fault", pa.list_(pa.string()))])

    @property
    def adds(self) -> pa.Schema:
        """Facts of the sound; null where there is none."""
        outcome = [("recording_outcome", pa.list_(pa.string())), ("recording_detail", pa.list_(pa.string()))]
        return pa.schema([*outcome, *((name, pa.list_(kind)) for name, kind in FACTS.items())])

    def questions(self, batch: pa.RecordBatch) -> list[str]:
        """The recordings to listen to."""
        return [sha for row in batch.column("recording_sha256").to_pylist() for sha in row or () if sha]

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """One answer per recording."""
        rows = batch.column("recording_sha256").to_pylist()
        faults = batch.column("recording_fault").to_pylist()
        questions = self.questions(batch)
        answers = iter(await world.ask("listen", questions))
        told = [
            [
                self._facts(sha, fault, answers)
                for sha, fault in zip(row or (), of_row or [None] * len(row or ()), strict=True)
            ]
            for row, of_row in zip(rows, faults, strict=True)
        ]
        columns = [pa.array([[r[f.name] for r in row] for row in told], f.type) for f in self.adds]
        return pa.RecordBatch.from_arrays(columns, schema=self.adds)

    @staticmethod
    def _facts(sha: str | None, fault: str | None, answers: Any) -> Mapping[str, Any]:  # Any: an iterator of answers
        nothing = dict.fromkeys(("recording_outcome", "recording_detail", *FACTS))
        if not sha:
            return nothing | {"recording_outcome": fault or str(SpeechOutcome.MISSING)}
        answer: Answer[Any] = next(answers)
        facts = {k: v for k, v in (answer.facts or {}).items() if k in FACTS}
        spans: Sequence[Sequence[float]] = facts.get("speech_spans") or ()
        facts["speech_spans"] = [{"start_s": a, "end_s": b} for a, b in spans] if "speech_spans" in facts else None
        return nothing | facts | {"recording_outcome": str(answer.outcome), "recording_detail": answer.detail or None}
