"""A short name for what a clip sounds like: files made from one recording by re-encoding have nearly the same one.

The idea is Haitsma and Kalker's (ISMIR 2002): of neighbouring bands and neighbouring times, which changed more? Here the clip, from
the first to the last moment of speech, is cut into a fixed number of slices, so that a fingerprint has the same size for every clip
and two are compared in one step. Bands lie within what a telephone carries. What was measured is told in docs/hearing.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pixmo.audio.heard import Span
from pixmo.audio.measure import SAMPLE_RATE, Samples

SLICES, BANDS = 65, 17
BITS = (SLICES - 1) * (BANDS - 1)
"""1,024: 256 hexadecimal digits."""

SAME = 0.12
"""At or under this distance two clips of about the same length are one recording."""

SHORTEST_S = 1.0
_WINDOW, _HOP = 512, 256
_CHUNK = 4096  # frames of the spectrum at a time: 18 MB


def fingerprint(samples: Samples, speech: Sequence[Span]) -> str | None:
    """256 hexadecimal digits; None where there is under a second from the first word to the last: nothing to know a clip by."""
    if not speech:
        return None
    clip = samples[int(speech[0].start_s * SAMPLE_RATE) : int(speech[-1].end_s * SAMPLE_RATE)]
    if len(clip) < SHORTEST_S * SAMPLE_RATE:
        return None
    energy = _energies(clip)
    loud = np.log(energy + energy.mean() * 1e-3)  # 30 dB down it is silence, and noise must not matter
    changes = np.diff(np.diff(_slices(loud), axis=1), axis=0)
    return np.packbits(changes.ravel() > 0).tobytes().hex()


def distance(one: str, other: str) -> float:
    """The share of bits in which two fingerprints differ: near 0 for one recording, near 0.5 for two."""
    return (int(one, 16) ^ int(other, 16)).bit_count() / BITS


def _energies(clip: Samples) -> NDArray[np.float64]:
    """Power by band, of shape [frames, BANDS]."""
    edges = np.searchsorted(np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE), np.geomspace(250, 3400, BANDS + 1))
    frames = np.lib.stride_tricks.sliding_window_view(clip, _WINDOW)[::_HOP]
    window = np.hanning(_WINDOW)
    parts = []
    for at in range(0, len(frames), _CHUNK):
        power = np.square(np.abs(np.fft.rfft(frames[at : at + _CHUNK] * window, axis=1)))
        parts.append(np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1) / np.diff(edges))
    return np.concatenate(parts)


def _slices(loud: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frames in SLICES means, of shape [SLICES, BANDS]; each frame counts for the two slices it is nearest to."""
    at = (np.arange(len(loud)) + 0.5) / len(loud) * SLICES - 0.5
    low = np.floor(at).astype(np.int64)
    sums, weights = np.zeros((SLICES + 2, loud.shape[1])), np.zeros(SLICES + 2)
    for slot, share in ((low + 1, low + 1 - at), (low + 2, at - low)):
        np.add.at(sums, slot, loud * share[:, None])
        np.add.at(weights, slot, share)
    return sums[1:-1] / weights[1:-1, None]
