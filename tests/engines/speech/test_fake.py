"""The scripted engine: says what it was told to say."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from pixmo.ask import SpeechOutcome
from pixmo.audio.heard import Span
from pixmo.engines.speech.fake import ScriptedEngine, sound_key
from pixmo.engines.speech.open import open_engine
from pixmo.engines.speech.protocol import HearingFault
from pixmo.engines.speech.settings import SpeechSettings
from tests.engines.speech.sounds import noise

SPOKEN = [Span(0.0, 1.0), Span(2.0, 3.0)]


def test_a_sound_has_its_line_whatever_the_order():
    """By the digest of the samples first, then in order, then the line for all others."""
    known = noise(3, 1)
    engine = ScriptedEngine({sound_key(known): "a red car"}, ["first", "second"], otherwise="other")
    assert [engine.hear(s, SPOKEN).text for s in (noise(3), known, noise(2), known, noise(1))] == [
        "first", "a red car", "second", "a red car", "other",
    ]  # fmt: skip
    assert engine.asked.count(sound_key(known)) == 2


def test_words_are_spread_over_the_speech():
    """Each word has a time within a stretch of speech, in order; the text is one segment."""
    heard = ScriptedEngine(otherwise="one two three four five").hear(noise(3), SPOKEN)
    assert [w.text for w in heard.words] == ["one", "two", "three", "four", "five"]
    assert all(any(a <= w.start_s < w.end_s <= b for a, b in SPOKEN) for w in heard.words)
    assert heard.segments[0][:3] == ("one two three four five", 0.0, 3.0)


def test_a_line_may_say_everything():
    """Language, words and segments of its own."""
    line = {
        "text": "ein Hund", "language": "de", "language_probability": 0.9, "words": [["ein", 0.0, 0.2, None]],
        "segments": [["ein Hund", 0.0, 9.0, -1.5, 0.8]],
    }  # fmt: skip
    heard = ScriptedEngine(otherwise=line).hear(noise(3), SPOKEN)
    assert (heard.language, heard.language_probability, heard.words[0].text) == ("de", 0.9, "ein")
    assert heard.segments[0].no_speech_prob == 0.8


def test_a_line_may_be_a_fault():
    """As an engine that cannot hear this recording; the fault survives the way between processes."""
    engine = ScriptedEngine(in_order=[{"outcome": "throttled", "detail": "busy"}])
    with pytest.raises(HearingFault) as caught:
        engine.hear(noise(1), SPOKEN)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.outcome, again.detail) == (SpeechOutcome.THROTTLED, "busy")


def test_a_script_is_a_file_that_any_process_can_open(tmp_path):
    """The engine is named by its file and its content; a line with `crash` ends the process."""
    path = tmp_path / "script.json"
    path.write_text(
        json.dumps({"by_sound": {sound_key(np.zeros(16000, np.float32)): {"crash": True}}, "otherwise": "yes"})
    )
    engine = open_engine(SpeechSettings("scripted", str(path)))
    assert engine.hear(noise(1), SPOKEN).text == "yes"
    code = (
        "import sys, numpy as np\nfrom pixmo.engines.speech.open import open_engine\n"
        "from pixmo.engines.speech.settings import SpeechSettings\n"
        "open_engine(SpeechSettings('scripted', sys.argv[1])).hear(np.zeros(16000, np.float32), [])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False)
    assert done.returncode < 0
    before = engine.fingerprint
    path.write_text(json.dumps({"otherwise": "no"}))
    assert SpeechSettings("scripted", str(path)).fingerprint != before
