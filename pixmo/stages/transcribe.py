"""Turn speech into text: words and segments with times, of the recordings that passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from pixmo.audio.heard import Hear, Segment, Span, Word
from pixmo.engines.speech.settings import SpeechSettings
from pixmo.stage import World, arrow_type, effort, meaning

if TYPE_CHECKING:
    from pixmo.ask import Answer

SPANS = pa.list_(pa.list_(arrow_type(Span)))
ADDS = {
    "heard_outcome": pa.string(), "heard_detail": pa.string(), "heard_text": pa.string(), "heard_language": pa.string(),
    "heard_language_probability": pa.float64(), "heard_segments": pa.list_(arrow_type(Segment)),
    "heard_words": pa.list_(arrow_type(Word)), "heard_by": pa.string(),
}  # fmt: skip


@dataclass(frozen=True)
class Transcribe:
    """One value per recording of a row, in lists; null for recordings that did not pass `check_recording`."""

    version: ClassVar[int] = 1
    asks: ClassVar[str] = "hear"
    optional: ClassVar[tuple[str, ...]] = ()

    engine: str = meaning(
        "faster-whisper", "who hears: faster-whisper, whisper, api (an OpenAI-compatible endpoint) or sphinx"
    )
    speech_model: str = meaning("", "the engine's model: a name it knows, or a folder or file; empty is its usual one")
    language: str | None = meaning(None, "language that is spoken, such as en; by default it is detected")
    beam_size: int = meaning(5, "candidates kept while decoding (both Whispers)")
    batched: bool = meaning(True, "hear the stretches of a recording together, faster (faster-whisper)")
    word_times: bool = meaning(True, "note when each word is said, where the engine can tell")
    hint: str = meaning("", "text given to the model before the recording: names, spellings (not sphinx)")
    compute_type: str = meaning(
        "default", "precision of the model's arithmetic, such as int8 or float16 (faster-whisper)"
    )
    speech_base_url: str = meaning("", "address of the endpoint, with engine api")
    device: str = effort("auto", "where the model runs: auto, cpu or cuda")
    batch_size: int = effort(8, "stretches heard together; less where memory is short (faster-whisper)")
    speech_threads: int = effort(0, "threads of each process; 0 shares the processors among the processes")
    speech_key_env: str = effort(
        "OPENAI_API_KEY", "environment variable that holds the key, with engine api; empty is none"
    )
    request_timeout_s: float = effort(300.0, "seconds one request may take, with engine api")
    request_retries: int = effort(4, "further tries of a request that may pass, with engine api")
    hear_timeout_s: float = effort(3600.0, "seconds that hearing one recording may take")

    _OF_ENGINE: ClassVar[dict[str, str]] = {
        "speech_model": "model", "hint": "prompt", "speech_threads": "threads", "speech_base_url": "base_url",
        "speech_key_env": "key_env", "request_timeout_s": "timeout_s", "request_retries": "retries",
    }  # fmt: skip

    def __post_init__(self) -> None:
        self.fingerprint  # noqa: B018 – raises BadSetting here, not in a process far away

    @property
    def needs(self) -> pa.Schema:
        """The recordings, which of them are good, and where in them somebody speaks."""
        return pa.schema(
            [
                ("recording_sha256", pa.list_(pa.string())), ("recording_ok", pa.list_(pa.bool_())),
                ("speech_spans", SPANS),
            ]
        )  # fmt: skip

    @property
    def adds(self) -> pa.Schema:
        """What was heard."""
        return pa.schema([(name, pa.list_(kind)) for name, kind in ADDS.items()])

    def speech_settings(self) -> dict[str, Any]:
        """The engine's settings, as plain values."""
        names = {self._OF_ENGINE.get(f.name, f.name): f.name for f in fields(self)}
        return {f.name: getattr(self, names[f.name]) for f in fields(SpeechSettings) if f.name in names}

    @property
    def fingerprint(self) -> str:
        """Of the engine and the settings that change what it hears."""
        return SpeechSettings(**self.speech_settings()).fingerprint

    def check(self) -> None:
        """Raises a PixmoError now for an engine that cannot work, rather than at the first recording."""
        from pixmo.engines.speech.open import check_engine

        check_engine(SpeechSettings(**self.speech_settings()))

    def questions(self, batch: pa.RecordBatch) -> list[Hear]:
        """The recordings that passed."""
        return [q for row in _questions(batch) for q in row if q is not None]

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """One answer per recording that passed."""
        return await per_recording(batch, world, ADDS, self._told)

    def _told(self, answer: Answer[Any]) -> dict[str, Any]:  # Any: column values
        facts = answer.facts or {}
        return {
            "heard_outcome": str(answer.outcome), "heard_detail": answer.detail or None, "heard_text": facts.get("text"),
            "heard_language": facts.get("language"), "heard_language_probability": facts.get("language_probability"),
            "heard_segments": [Segment(*s)._asdict() for s in facts["segments"]] if "segments" in facts else None,
            "heard_words": [Word(*w)._asdict() for w in facts["words"]] if "words" in facts else None,
            "heard_by": self.fingerprint,
        }  # fmt: skip


async def per_recording(
    batch: pa.RecordBatch, world: World, adds: Mapping[str, pa.DataType], told: Callable[[Answer[Any]], dict[str, Any]]
) -> pa.RecordBatch:  # Any: answers of an engine, column values
    """Asks for every recording that passed; the columns of what was told, lists with nulls for the others."""
    asked = list(_questions(batch))
    answers = iter(await world.ask("hear", [q for row in asked for q in row if q is not None]))
    rows = [[None if q is None else told(next(answers)) for q in row] for row in asked]
    columns = {
        name: pa.array([[None if r is None else r[name] for r in row] for row in rows], pa.list_(kind))
        for name, kind in adds.items()
    }
    return pa.RecordBatch.from_pydict(columns)


def _questions(batch: pa.RecordBatch) -> Iterator[list[Hear | None]]:
    """Per row one question per recording, None where it did not pass."""
    columns = (batch.column(n).to_pylist() for n in ("recording_sha256", "recording_ok", "speech_spans"))
    for shas, oks, spans in zip(*columns, strict=True):
        yield [
            Hear(sha, tuple(Span(s["start_s"], s["end_s"]) for s in of or ())) if sha and ok else None
            for sha, ok, of in zip(shas or (), oks or (), spans or (), strict=True)
        ]
