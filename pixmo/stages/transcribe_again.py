"""Let a second engine hear the same recordings: where the two disagree, one of them made something up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from pixmo.stage import World, effort, meaning
from pixmo.stages.transcribe import Transcribe, per_recording

if TYPE_CHECKING:
    from pixmo.ask import Answer
    from pixmo.audio.heard import Hear

ADDS = {"second_outcome": pa.string(), "second_text": pa.string(), "second_by": pa.string()}


@dataclass(frozen=True)
class TranscribeAgain:
    """As `transcribe`; `check_transcript` compares the two texts."""

    version: ClassVar[int] = 1
    asks: ClassVar[str] = "hear"
    optional: ClassVar[tuple[str, ...]] = ()

    second_engine: str = meaning(
        "whisper", "who hears as well, to compare: faster-whisper, whisper, api, sphinx; nobody unless this is given"
    )
    second_model: str = meaning("", "that engine's model; empty is its usual one")
    second_language: str | None = meaning(None, "language that is spoken; by default it is detected")
    second_base_url: str = meaning("", "address of its endpoint, with engine api")
    second_key_env: str = effort("OPENAI_API_KEY", "environment variable that holds that endpoint's key")
    second_device: str = effort("auto", "where its model runs: auto, cpu or cuda")
    second_timeout_s: float = effort(3600.0, "seconds that hearing one recording again may take")

    def __post_init__(self) -> None:
        self.fingerprint  # noqa: B018 – raises BadSetting here, not in a process far away

    @cached_property
    def _as_first(self) -> Transcribe:
        return Transcribe(
            engine=self.second_engine, speech_model=self.second_model, language=self.second_language,
            speech_base_url=self.second_base_url, speech_key_env=self.second_key_env, device=self.second_device,
        )  # fmt: skip

    @property
    def hear_timeout_s(self) -> float:
        """As `Transcribe.hear_timeout_s`."""
        return self.second_timeout_s

    @property
    def needs(self) -> pa.Schema:
        """As `transcribe`."""
        return self._as_first.needs

    @property
    def adds(self) -> pa.Schema:
        """The second text."""
        return pa.schema([(name, pa.list_(kind)) for name, kind in ADDS.items()])

    @property
    def fingerprint(self) -> str:
        """As `Transcribe.fingerprint`."""
        return self._as_first.fingerprint

    def speech_settings(self) -> dict[str, Any]:
        """As `Transcribe.speech_settings`."""
        return self._as_first.speech_settings()

    def check(self) -> None:
        """As `Transcribe.check`."""
        self._as_first.check()

    def questions(self, batch: pa.RecordBatch) -> list[Hear]:
        """As `Transcribe.questions`."""
        return self._as_first.questions(batch)

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """One answer per recording that passed."""
        return await per_recording(batch, world, ADDS, self._told)

    def _told(self, answer: Answer[Any]) -> dict[str, Any]:  # Any: column values
        facts = answer.facts or {}
        return {"second_outcome": str(answer.outcome), "second_text": facts.get("text"), "second_by": self.fingerprint}
