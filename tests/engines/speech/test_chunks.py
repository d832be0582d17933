"""Speech in windows of at most 30 s."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.audio.heard import Span
from pixmo.engines.speech.chunks import MAX_GAP_S, WINDOW_S, windows
from tests.engines.speech.sounds import RATE, noise, silence


@st.composite
def speech(draw: st.DrawFn) -> list[Span]:
    """Stretches in order that do not overlap."""
    spans, at = [], 0.0
    for pause, length in draw(st.lists(st.tuples(st.floats(0, 8), st.floats(0.05, 70)), max_size=8)):
        spans.append(Span(at + pause, at + pause + length))
        at = spans[-1].end_s
    return spans


@given(speech())
def test_windows_hold_all_speech_and_little_else(spans):
    """Every window fits the model, they lie in order, all speech is in one, and silence in it is short."""
    end = spans[-1].end_s if spans else 0.0
    got = windows(np.zeros(int(end * RATE) + 1, np.float32), spans)
    assert all(0 < w.end_s - w.start_s <= WINDOW_S + 1e-9 for w in got)
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(got))
    for span in spans:
        inside = sum(max(0.0, min(w.end_s, span.end_s) - max(w.start_s, span.start_s)) for w in got)
        assert inside == pytest.approx(span.end_s - span.start_s, abs=1e-3)
    pauses = sum(b.start_s - a.end_s for a, b in itertools.pairwise(spans) if b.start_s - a.end_s <= MAX_GAP_S)
    assert sum(w.end_s - w.start_s for w in got) <= sum(s.end_s - s.start_s for s in spans) + pauses + 1e-3


def test_short_stretches_share_a_window():
    """A window costs the same whether it is full or not; a long pause ends it all the same."""
    spans = [Span(0, 3), Span(4, 9), Span(10, 12), Span(16, 18)]
    assert windows(silence(20), spans) == [Span(0, 12), Span(16, 18)]


def test_long_speech_is_cut_where_it_is_quiet():
    """Forty seconds without a pause are cut at the quietest moment before the window ends."""
    sound = np.concatenate([noise(27), silence(0.2), noise(13)])
    first, second = windows(sound, [Span(0, 40.2)])
    assert 27 < first.end_s < 27.2
    assert second == Span(first.end_s, 40.2)


def test_speech_beyond_the_recording_is_left_out():
    """Spans of a longer recording than the one given make no window of nothing."""
    assert windows(silence(2), [Span(-1, 1), Span(1.5, 3), Span(5, 6)]) == [Span(0, 2)]
