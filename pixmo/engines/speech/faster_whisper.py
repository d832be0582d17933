"""faster-whisper: Whisper on CTranslate2, batched over the stretches of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from faster_whisper import BatchedInferencePipeline, WhisperModel  # type: ignore  # an extra, untyped, not always installed

from pixmo.audio.heard import Heard, Segment, Span, Word
from pixmo.engines.speech.chunks import window_of, windows, within
from pixmo.engines.speech.protocol import NOTHING, Samples
from pixmo.engines.speech.settings import SpeechSettings
from pixmo.errors import BadSetting


class FasterWhisperEngine:
    """Holds the loaded weights. Raises BadSetting for weights that cannot be loaded or fetched."""

    def __init__(self, settings: SpeechSettings) -> None:
        self.fingerprint = settings.fingerprint
        self._settings = settings
        self._model = _load(settings)

    def hear(self, samples: Samples, spans: Sequence[Span]) -> Heard:
        """As SpeechEngine; a segment is one window of speech when batched, else what the model takes for a phrase."""
        clips = windows(samples, spans)
        if not clips:
            return NOTHING
        told, info = self._transcribe(samples, clips)
        segments, words = [], []
        for piece in (p for p in told if p.text.strip()):
            window = window_of(piece.start, clips)
            scores = float(piece.avg_logprob), float(piece.no_speech_prob)
            segments.append(Segment(piece.text.strip(), *within(window, piece.start, piece.end), *scores))
            words += [
                Word(w.word.strip(), *within(window, w.start, w.end), float(w.probability)) for w in piece.words or ()
            ]
        probability = None if self._settings.language else float(info.language_probability)
        return Heard(" ".join(s.text for s in segments), info.language, probability, tuple(segments), tuple(words))

    def _transcribe(self, samples: Samples, clips: list[Span]) -> Any:  # Any: the library is untyped
        s = self._settings
        # Temperature 0: sampled second tries would give other words each time; loops are for the gate to catch.
        how: dict[str, Any] = {
            "language": s.language, "beam_size": s.beam_size, "word_timestamps": s.word_times, "temperature": 0.0,
            "initial_prompt": s.prompt or None, "condition_on_previous_text": False, "vad_filter": False,
        }  # fmt: skip
        if not s.batched:
            return self._model.transcribe(samples, clip_timestamps=[t for clip in clips for t in clip], **how)
        # A pipeline per recording: it remembers when somebody last spoke. Without time tokens: with them, what a model
        # writes after the last one of a window is lost when batched.
        pipeline = BatchedInferencePipeline(self._model)
        marks = [{"start": start, "end": end} for start, end in clips]
        return pipeline.transcribe(
            samples, clip_timestamps=marks, batch_size=s.batch_size, without_timestamps=True, **how
        )  # fmt: skip


def _load(settings: SpeechSettings) -> WhisperModel:
    try:
        return WhisperModel(
            settings.model_name,
            device=settings.device,
            compute_type=settings.compute_type,
            cpu_threads=settings.threads,
        )
    # The border to CTranslate2 and the Hub: weights, devices and networks fail with whatever class they like.
    except Exception as error:
        told = " ".join(str(error).split())[:300] or type(error).__name__
        raise BadSetting(f"faster-whisper cannot load {settings.model_name!r}: {told}") from error
