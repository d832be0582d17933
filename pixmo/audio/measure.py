"""How loud a recording is, whether it is cut off at full scale, and how far speech stands above the noise around it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pixmo.audio.heard import Span
from pixmo.errors import MissingExtra

SAMPLE_RATE = 16_000
"""Samples a second of everything that is decoded here."""

FULL_SCALE = 0.985
"""At or above, a sample may be cut off. Below 1, because lossy codecs bring a flat top back a little rounded."""

SHORTEST_RUN = 3
"""A cut-off top is so many samples long; a single one may be a peak that just fits."""

_BLOCK = SAMPLE_RATE // 50  # 20 ms
_GUARD = SAMPLE_RATE // 5  # ends of words fade into pauses: so much on both sides of speech counts for neither
_FLOOR = 10**-9.6  # the power of what 16 bits cannot tell from nothing: -96 dBFS
_SHORTEST_PAUSE = SAMPLE_RATE * 3 // 10

Samples = NDArray[np.float32]
"""Mono sound at 16 kHz, -1 to 1, of shape [samples]."""


class Level:
    """Peak and clipping of a recording as it came, before it is mixed down and resampled, which hides both."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._clipped = self._seen = 0

    def add(self, block: NDArray[np.float32]) -> None:
        """Some more of it, of shape [channels, samples], -1 to 1. A cut-off top at the seam of two blocks may be missed."""
        if not block.size:
            return
        loudest = np.abs(block).max(axis=0)
        self._seen += len(loudest)
        self._peak = max(self._peak, float(loudest.max()))
        if self._peak >= FULL_SCALE:
            self._clipped += _in_runs(loudest >= FULL_SCALE)

    @property
    def peak_dbfs(self) -> float | None:
        """The highest sample in dB below full scale; None for digital silence."""
        return 20 * math.log10(self._peak) if self._peak else None

    @property
    def clipped_share(self) -> float:
        """The share of time, 0 to 1, in which some channel is cut off."""
        return self._clipped / self._seen if self._seen else 0.0


def _in_runs(is_full: NDArray[np.bool_]) -> int:
    """How many stand in runs of at least SHORTEST_RUN."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_full, [False])).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= SHORTEST_RUN].sum())


def loudness_lufs(samples: Samples) -> float | None:
    """Integrated loudness after ITU-R BS.1770-4; None under 0.4 s, and where nothing passes its gate at -70 LUFS."""
    try:
        from pyloudnorm import Meter  # type: ignore  # an extra, untyped, not always installed
    except ImportError:
        raise MissingExtra("speech", "measuring loudness") from None
    if len(samples) < SAMPLE_RATE * 0.4:
        return None
    told = float(Meter(SAMPLE_RATE).integrated_loudness(samples))
    return told if math.isfinite(told) else None


def snr_db(samples: Samples, speech: Sequence[Span]) -> float | None:
    """How far the level of speech is above that of the pauses, in dB, at most 96.

    A proxy: it knows noise only where nobody speaks, and what removes noise in pauses alone makes it high.
    None where nobody speaks, or where the pauses are under 0.3 s in all.
    """
    is_speech = np.zeros(len(samples), np.bool_)
    is_near = np.zeros(len(samples), np.bool_)
    for start_s, end_s in speech:
        start, end = round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
        is_speech[start:end] = True
        is_near[max(0, start - _GUARD) : end + _GUARD] = True
    spoken, pauses = samples[is_speech], samples[~is_near]
    if len(spoken) < _BLOCK or len(pauses) < _SHORTEST_PAUSE:
        return None
    # the median, so that a door that bangs in a pause is no noise
    noise = float(np.median(_powers(pauses)))
    return 10 * math.log10(max(float(_powers(spoken).mean()), _FLOOR) / max(noise, _FLOOR))


def _powers(samples: Samples) -> NDArray[np.float64]:
    """Mean square of each 20 ms."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    powers: NDArray[np.float64] = np.square(blocks, dtype=np.float64).mean(axis=1)
    return powers
