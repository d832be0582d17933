"""Let a second engine hear the same recordings: where the two disagree, one of them made something up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from pixmo.stages.transcribe import Transcribe

if TYPE_CHECKING:
    from pixmo.ask import Answer

AGAIN = {"second_outcome": pa.string(), "second_text": pa.string(), "second_by": pa.string()}


@dataclass(frozen=True)
class TranscribeAgain(Transcribe):
    """As `transcribe`, with another engine or model; `check_transcript` compares the two texts."""

    version: ClassVar[int] = 1

    @property
    def adds(self) -> pa.Schema:
        """The second text."""
        return pa.schema([(name, pa.list_(kind)) for name, kind in AGAIN.items()])

    @staticmethod
    def columns() -> dict[str, pa.DataType]:
        """As `Transcribe.columns`."""
        return AGAIN

    def _told(self, answer: Answer[Any]) -> dict[str, Any]:  # Any: column values
        facts = answer.facts or {}
        return {"second_outcome": str(answer.outcome), "second_text": facts.get("text"), "second_by": self.fingerprint}
