"""The real voice activity detector on real, if synthetic, speech."""

from __future__ import annotations

import numpy as np
import pytest

from pixmo.audio.decode import decode
from pixmo.audio.heard import Span
from pixmo.audio.measure import Samples
from pixmo.audio.speech import PAD_S, net_s, net_spans, padded, speech_spans
from tests.speech import amplified, joined, noise, say, seconds, silence, tone

SPOKEN = say("Three people are standing next to a red car, and the sky is blue.")


def heard(sound: bytes) -> Samples:
    return decode(sound, 600.0).samples


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb", "de", "fr"])
def test_speech_is_found(voice: str) -> None:
    """Nearly all of what a voice says, in several voices and languages."""
    spoken = say("The picture shows an old house with a garden, a bench and many flowers.", voice)
    assert net_s(net_spans(heard(spoken))) > 0.85 * seconds(spoken)


@pytest.mark.parametrize(
    "sound",
    [silence(3.0), noise(3.0, -20.0), noise(3.0, -50.0), tone(3.0), amplified(SPOKEN, -80.0)],
    ids=["silence", "noise", "soft noise", "tone", "inaudible"],
)
def test_nobody_speaks_in_noise(sound: bytes) -> None:
    """Loud or soft."""
    assert speech_spans(heard(sound)) == ()


def test_no_samples_hold_no_speech() -> None:
    """Nothing is not an error."""
    assert speech_spans(np.zeros(0, np.float32)) == ()


def test_a_pause_of_two_seconds_is_no_speech() -> None:
    """Two stretches, and the net speech leaves the pause out."""
    twice = joined(SPOKEN, SPOKEN, gap_s=2.0)
    spans = net_spans(heard(twice))
    assert len(spans) == 2
    assert net_s(spans) == pytest.approx(seconds(twice) - 2.0, abs=0.7)


def test_a_breath_is_part_of_the_speech() -> None:
    """A pause under half a second does not part it."""
    assert len(speech_spans(heard(joined(say("the red car"), say("the blue sky"), gap_s=0.1)))) == 1


def test_what_an_engine_hears_has_air_around_it() -> None:
    """The spans for engines begin earlier and end later than the speech, and stay in order and apart."""
    samples = heard(joined(silence(2.0), SPOKEN, SPOKEN, silence(2.0), gap_s=2.0))
    net, spans = net_spans(samples), speech_spans(samples)
    assert [b.start_s for b in spans] == pytest.approx([a.start_s - PAD_S for a in net])
    assert [b.end_s for b in spans] == pytest.approx([a.end_s + PAD_S for a in net])


def test_air_ends_at_the_recording_and_in_the_middle_of_a_short_pause() -> None:
    """Spans never overlap, never leave the recording."""
    spans = padded([Span(0.1, 1.0), Span(1.2, 2.0)], 2.1)
    assert spans == (Span(0.0, pytest.approx(1.1)), Span(pytest.approx(1.1), 2.1))


def test_the_same_sound_has_the_same_speech() -> None:
    """The detector keeps nothing from one recording to the next."""
    samples = heard(SPOKEN)
    first = net_spans(samples)
    net_spans(heard(noise(1.0)))
    assert net_spans(samples) == first
