"""Stretches of speech as Whisper takes them: windows of at most 30 s."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence

import numpy as np

from pixmo.audio.heard import Span
from pixmo.engines.speech.protocol import SAMPLE_RATE, Samples

WINDOW_S = 30.0
MAX_GAP_S = 2.0  # a longer silence ends a window: models write text of their own into silence
_LAST_S = 5.0  # speech that is longer than a window is cut at the quietest moment of its last seconds
_FRAME = SAMPLE_RATE // 20


def windows(samples: Samples, spans: Sequence[Span]) -> list[Span]:
    """Windows that hold all speech, in order, as few as pauses of at most `MAX_GAP_S` within one allow.

    Each window costs the model the same whether it is full or not, so short stretches share one.
    """
    joined: list[Span] = []
    for span in (piece for whole in spans for piece in _cut(samples, whole)):
        last = joined[-1] if joined else None
        if last and span.start_s - last.end_s <= MAX_GAP_S and span.end_s - last.start_s <= WINDOW_S:
            joined[-1] = Span(last.start_s, span.end_s)
        else:
            joined.append(span)
    return joined


def window_of(start_s: float, of: Sequence[Span]) -> Span:
    """The one of these windows in which something that starts then was heard; engines round times down to 10 ms."""
    return of[max(0, bisect([w.start_s for w in of], start_s + 0.01) - 1)]


def within(window: Span, start_s: float, end_s: float) -> tuple[float, float]:
    """Times of a window's words, to the millisecond: the model saw nothing outside it, though it tells times there."""
    start, end = (min(max(float(t), window.start_s), window.end_s) for t in (start_s, end_s))
    return round(start, 3), round(max(start, end), 3)


def _cut(samples: Samples, span: Span) -> Iterator[Span]:
    """The stretch, clipped to the recording and cut until each piece fits a window."""
    start, end = max(0.0, span.start_s), min(span.end_s, len(samples) / SAMPLE_RATE)
    while end - start > WINDOW_S:
        at = _quietest(samples, start + WINDOW_S - _LAST_S, start + WINDOW_S)
        yield Span(start, at)
        start = at
    if end > start:
        yield Span(start, end)


def _quietest(samples: Samples, start_s: float, end_s: float) -> float:
    """The middle of the quietest twentieth of a second; the first of equal ones."""
    first = int(start_s * SAMPLE_RATE)
    part = samples[first : int(end_s * SAMPLE_RATE)]
    frames = part[: len(part) // _FRAME * _FRAME].reshape(-1, _FRAME)
    quietest = int(np.argmin(np.square(frames, dtype=np.float64).sum(axis=1)))
    return (first + quietest * _FRAME + _FRAME // 2) / SAMPLE_RATE
