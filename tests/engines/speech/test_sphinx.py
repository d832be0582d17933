"""pocketsphinx on voices of espeak-ng."""

from __future__ import annotations

import numpy as np
import pytest

from pixmo.audio.heard import Span
from pixmo.engines.speech.open import open_engine
from pixmo.engines.speech.settings import SpeechSettings
from tests.engines.speech.sounds import RATE, noise, say, silence

RED = "there is a red car in front of the house"
CUP = "the woman on the left is holding a white cup of coffee"


@pytest.fixture(scope="module")
def engine():
    return open_engine(SpeechSettings("sphinx"))


def whole(sound: np.ndarray) -> list[Span]:
    return [Span(0, len(sound) / RATE)]


def test_some_of_what_is_said_is_heard(engine):
    """A synthetic voice is hard to hear, yet most words of a clear sentence arrive, in order, as plain words."""
    sound = say(RED, "en-us+klatt4", 170)
    heard = engine.hear(sound, whole(sound))
    assert len(set(heard.text.split()) & set(RED.split())) >= 5
    assert all(word.isascii() and word.replace("'", "").isalpha() for word in heard.text.split())
    assert (heard.language, heard.language_probability) == ("en", None)


def test_words_and_segments_lie_within_the_speech(engine):
    """Each stretch is a segment; its words carry times from the start of the recording and follow each other."""
    red, cup = say(RED, "en-us+klatt4", 170), say(CUP, "en-us+klatt4", 170)
    sound = np.concatenate([silence(2), red, silence(3), cup])
    first = Span(2, 2 + len(red) / RATE)
    second = Span(first.end_s + 3, len(sound) / RATE)
    heard = engine.hear(sound, [first, second])
    assert len(heard.segments) == 2
    assert heard.text == " ".join(s.text for s in heard.segments) == " ".join(w.text for w in heard.words)
    for segment, span in zip(heard.segments, (first, second), strict=True):
        assert span.start_s <= segment.start_s < segment.end_s <= span.end_s + 0.02
    ends = [t for w in heard.words for t in (w.start_s, w.end_s)]
    assert ends == sorted(ends)
    assert all(0 < w.probability <= 1 for w in heard.words)


def test_what_was_heard_before_changes_nothing(engine):
    """A recording gives the same words and times after a loud noise as in a process that heard nothing yet."""
    loud, sound = noise(0.5) * 3, say("two children are playing with a ball on the grass", "en-us", 200)
    alone = open_engine(SpeechSettings("sphinx")).hear(sound, whole(sound))
    engine.hear(loud, whole(loud))
    assert engine.hear(sound, whole(sound)) == alone


@pytest.mark.parametrize(
    "spans", [[], [Span(1, 1.05)], [Span(0, 2)], [Span(5, 7)]], ids=["none", "click", "silence", "beyond"]
)
def test_silence_has_no_words(engine, spans):
    """No spans, a click, silence taken for speech, spans beyond the end: nothing is heard, nothing breaks."""
    heard = engine.hear(silence(2), spans)
    assert (heard.text, heard.segments, heard.words) == ("", (), ())
