"""pocketsphinx: hears English with the model it brings, without any download. Many errors, but it runs everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from pocketsphinx import Decoder  # type: ignore  # an extra, untyped, not always installed

from pixmo.audio.heard import Heard, Segment, Span, Word
from pixmo.engines.speech.protocol import NOTHING, SAMPLE_RATE, Samples
from pixmo.engines.speech.settings import SpeechSettings

_FRAMES_PER_S = 100
# The decoder hears badly where samples are exactly zero, as noise gates and synthetic voices leave them. This much noise,
# always the same, lies below that of any microphone; it lowered the word error rate on some espeak-ng voices from 0.68 to 0.39.
_NOISE = 3e-4
_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")  # <sil>, <s>, [NOISE], ++UH++: sounds, no words
_PRONUNCIATION = re.compile(r"\(\d+\)$")  # on(2): the second way to say "on"


class SphinxEngine:
    """Each stretch of speech is one utterance and one segment."""

    def __init__(self, settings: SpeechSettings) -> None:
        self.fingerprint = settings.fingerprint
        self._decoder = Decoder(samprate=SAMPLE_RATE, frate=_FRAMES_PER_S, cmn="batch", loglevel="FATAL")

    def hear(self, samples: Samples, spans: Sequence[Span]) -> Heard:
        """As SpeechEngine; words carry times, and probabilities where the model is unsure."""
        said = [words for span in spans if (words := list(self._utterance(samples, span)))]
        if not said:
            return NOTHING
        segments = tuple(
            Segment(" ".join(w.text for w in words), words[0].start_s, words[-1].end_s, None, None) for words in said
        )
        return Heard(
            " ".join(s.text for s in segments), "en", None, segments, tuple(w for words in said for w in words)
        )

    def _utterance(self, samples: Samples, span: Span) -> Iterator[Word]:
        part = samples[int(span.start_s * SAMPLE_RATE) : int(span.end_s * SAMPLE_RATE)]
        if len(part) < SAMPLE_RATE // 10:  # the decoder refuses an utterance without a single frame of features
            return
        self._decoder.reinit_feat()  # else features carry something of the utterance before into this one
        self._decoder.start_utt()
        self._decoder.process_raw(as_pcm(part), full_utt=True)
        self._decoder.end_utt()
        for piece in self._decoder.seg() or ():
            if _FILLER.fullmatch(piece.word):
                continue
            start_s = span.start_s + piece.start_frame / _FRAMES_PER_S
            end_s = span.start_s + (piece.end_frame + 1) / _FRAMES_PER_S
            probability = min(1.0, self._decoder.logmath.exp(piece.prob))
            yield Word(_PRONUNCIATION.sub("", piece.word), round(start_s, 3), round(end_s, 3), round(probability, 4))


def as_pcm(part: Samples) -> bytes:
    """The samples as the decoder takes them: 16 bits, never wholly silent."""
    noise = np.random.default_rng(0).normal(0, _NOISE, len(part)).astype(np.float32)
    return ((part + noise).clip(-1, 1) * 32767).astype(np.int16).tobytes()
