"""All that is known of a recording from its sound alone."""

from __future__ import annotations

from typing import NamedTuple

from pixmo.ask import SpeechOutcome
from pixmo.audio.decode import AudioFault, decode
from pixmo.audio.fingerprint import fingerprint
from pixmo.audio.heard import Span
from pixmo.audio.measure import Level, loudness_lufs, snr_db
from pixmo.audio.speech import net_s, net_spans, padded


class Listened(NamedTuple):
    """The facts of the columns `listen` adds, in its words; the facts of what is no sound are None and its spans empty."""

    recording_outcome: SpeechOutcome
    recording_detail: str | None
    duration_s: float | None = None
    speech_s: float | None = None
    speech_spans: tuple[Span, ...] = ()
    loudness_lufs: float | None = None
    peak_dbfs: float | None = None
    clipped_share: float | None = None
    snr_db: float | None = None
    recording_format: str | None = None
    recording_fingerprint: str | None = None


def listen(data: bytes, max_s: float) -> Listened:
    """The facts of a file; what cannot be decoded, or is longer than `max_s`, is an outcome. No verdict: see `check_recording`.

    Raises MissingExtra where the extra `speech` is not installed.
    """
    level = Level()
    try:
        sound = decode(data, max_s, level)
    except AudioFault as fault:
        return Listened(fault.outcome, fault.detail)
    spans = net_spans(sound.samples)
    return Listened(
        recording_outcome=SpeechOutcome.OK,
        recording_detail=sound.detail or None,
        duration_s=round(sound.duration_s, 3),
        speech_s=round(net_s(spans), 3),
        speech_spans=tuple(Span(round(a, 3), round(b, 3)) for a, b in padded(spans, sound.duration_s)),
        loudness_lufs=_rounded(loudness_lufs(sound.samples), 2),
        peak_dbfs=_rounded(level.peak_dbfs, 2),
        clipped_share=round(level.clipped_share, 6),
        snr_db=_rounded(snr_db(sound.samples, spans), 2),
        recording_format=sound.format,
        recording_fingerprint=fingerprint(sound.samples, spans),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    """So that a fact reads as precise as it is, and the last bits of a library's sums move no row."""
    return None if value is None else round(value, digits)
