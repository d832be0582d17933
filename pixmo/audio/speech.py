"""Where somebody speaks, by the Silero voice activity detector that comes with faster-whisper."""

from __future__ import annotations

from collections.abc import Sequence

from pixmo.audio.heard import Span
from pixmo.audio.measure import SAMPLE_RATE, Samples
from pixmo.errors import MissingExtra

THRESHOLD = 0.5
MIN_SILENCE_MS = 500
"""Shorter pauses belong to the speech around them: people breathe."""
MIN_SPEECH_MS = 100
"""Shorter stretches are clicks."""
PAD_S = 0.2
"""What is left on both sides of speech for the ears of an engine: soft beginnings and ends of words."""


def speech_spans(samples: Samples) -> tuple[Span, ...]:
    """Stretches in which somebody speaks, in order and apart, with some air around each: what an engine should hear.

    Raises MissingExtra where faster-whisper is not installed.
    """
    return padded(net_spans(samples), len(samples) / SAMPLE_RATE)


def net_spans(samples: Samples) -> tuple[Span, ...]:
    """As `speech_spans`, without air: their sum is the net speech. Loads the detector once; uses one thread."""
    try:
        from faster_whisper.vad import VadOptions, get_speech_timestamps  # type: ignore  # an extra, untyped
    except ImportError:
        raise MissingExtra("speech", "finding speech in recordings") from None
    if not len(samples):
        return ()
    options = VadOptions(
        threshold=THRESHOLD,
        min_speech_duration_ms=MIN_SPEECH_MS,
        min_silence_duration_ms=MIN_SILENCE_MS,
        speech_pad_ms=0,
    )
    found = get_speech_timestamps(samples, options)
    return tuple(Span(s["start"] / SAMPLE_RATE, s["end"] / SAMPLE_RATE) for s in found)


def padded(spans: Sequence[Span], duration_s: float) -> tuple[Span, ...]:
    """Spans grown by PAD_S on both sides, within the recording; two that would meet do so in the middle of their pause."""
    ends = [start for start, _ in spans[1:]]
    starts = [end for _, end in spans[:-1]]
    first = [max(0.0, spans[0].start_s - PAD_S)] if spans else []
    last = [min(duration_s, spans[-1].end_s + PAD_S)] if spans else []
    air = [min(PAD_S, (later - earlier) / 2) for earlier, later in zip(starts, ends, strict=True)]
    grown_starts = first + [later - a for later, a in zip(ends, air, strict=True)]
    grown_ends = [earlier + a for earlier, a in zip(starts, air, strict=True)] + last
    return tuple(Span(a, b) for a, b in zip(grown_starts, grown_ends, strict=True))


def net_s(spans: Sequence[Span]) -> float:
    """The sum of their lengths."""
    return sum((end - start for start, end in spans), 0.0)
