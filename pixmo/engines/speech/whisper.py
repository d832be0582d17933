"""openai-whisper: the published implementation, on PyTorch."""

from __future__ import annotations

import fcntl
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import whisper  # type: ignore  # an extra, untyped, not always installed

from pixmo.audio.heard import Heard, Segment, Span, Word
from pixmo.engines.speech.chunks import window_of, windows, within
from pixmo.engines.speech.protocol import NOTHING, SAMPLE_RATE, Samples
from pixmo.engines.speech.settings import SpeechSettings
from pixmo.errors import BadSetting


class WhisperEngine:
    """Holds the loaded weights. Raises BadSetting for weights that cannot be loaded or fetched."""

    def __init__(self, settings: SpeechSettings) -> None:
        self.fingerprint = settings.fingerprint
        self._settings = settings
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self._model = _load(settings)

    def hear(self, samples: Samples, spans: Sequence[Span]) -> Heard:
        """As SpeechEngine; a segment is what the model takes for a phrase."""
        clips = windows(samples, spans)
        if not clips:
            return NOTHING
        s = self._settings
        language, probability = (s.language, None) if s.language else self._language(samples, clips)
        # Temperature 0: sampled second tries would give other words each time; loops are for the gate to catch.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the library's own use of NumPy
            told: dict[str, Any] = self._model.transcribe(
                samples, language=language, clip_timestamps=[t for clip in clips for t in clip], beam_size=s.beam_size,
                word_timestamps=s.word_times, temperature=0.0, initial_prompt=s.prompt or None,
                condition_on_previous_text=False, fp16=self._model.device.type == "cuda",
            )  # fmt: skip
        segments, words = [], []
        for piece in (p for p in told["segments"] if p["text"].strip()):
            window = window_of(piece["start"], clips)
            scores = float(piece["avg_logprob"]), float(piece["no_speech_prob"])
            segments.append(Segment(piece["text"].strip(), *within(window, piece["start"], piece["end"]), *scores))
            words += [
                Word(w["word"].strip(), *within(window, w["start"], w["end"]), float(w["probability"]))
                for w in piece.get("words", ())
            ]
        return Heard(" ".join(s.text for s in segments), language, probability, tuple(segments), tuple(words))

    def _language(self, samples: Samples, clips: list[Span]) -> tuple[str, float]:
        """The likeliest language of the first windows, up to 30 s of speech: the library would look at silence too."""
        if not self._model.is_multilingual:
            return "en", 1.0
        speech = np.concatenate([samples[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)] for a, b in clips])
        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(speech), self._model.dims.n_mels)
        _, probabilities = self._model.detect_language(mel.to(self._model.device))
        best = max(probabilities, key=probabilities.__getitem__)
        return best, float(probabilities[best])


def _load(settings: SpeechSettings) -> whisper.Whisper:
    device = None if settings.device == "auto" else settings.device
    try:
        with _one_at_a_time():
            return whisper.load_model(settings.model_name, device)
    # The border to PyTorch, pickles and the network: they fail with whatever class they like.
    except Exception as error:
        told = " ".join(str(error).split())[:300] or type(error).__name__
        raise BadSetting(f"openai-whisper cannot load {settings.model_name!r}: {told}") from error


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Processes that start together would download into the same file at once; the library does not guard it."""
    with open(whisper.__file__, "rb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
