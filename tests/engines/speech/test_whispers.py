"""Both Whispers with real code and tiny random weights: what they write is noise, but it must be the same noise."""

from __future__ import annotations

import numpy as np
import pytest

from pixmo.audio.heard import Span
from pixmo.engines.speech.open import open_engine
from pixmo.engines.speech.protocol import NOTHING
from pixmo.engines.speech.settings import SpeechSettings
from pixmo.errors import BadSetting
from tests.engines.speech import tiny
from tests.engines.speech.sounds import noise, silence

# openai-whisper leaves the file of its vocabulary open
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
SPEECH = [Span(0.5, 1.3)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The same random weights as each library keeps them."""
    folder, model = tmp_path_factory.mktemp("tiny"), tiny.tiny_whisper()
    return {
        "faster-whisper": str(tiny.save_faster_whisper(folder / "tiny", model)),
        "whisper": str(tiny.save_whisper(folder / "tiny.pt", model)),
    }


@pytest.fixture(params=["batched", "one by one", "openai"])
def engine(request, weights):
    """Each way to hear, greedy, on the processor."""
    name = "whisper" if request.param == "openai" else "faster-whisper"
    return open_engine(
        SpeechSettings(name, weights[name], "en", beam_size=1, batched=request.param == "batched", device="cpu")
    )


def test_two_libraries_with_the_same_weights_write_the_same(weights):
    """faster-whisper one by one and openai-whisper, called as we call them, agree in every word and time."""
    sound = noise(2.0)
    heard = [
        open_engine(SpeechSettings(name, weights[name], "en", beam_size=1, batched=False, device="cpu")).hear(
            sound, SPEECH
        )
        for name in weights
    ]
    ours, theirs = heard
    assert ours.text == theirs.text != ""
    assert [s[:3] for s in ours.segments] == [s[:3] for s in theirs.segments]
    assert [w[:3] for w in ours.words] == [w[:3] for w in theirs.words] != []
    assert ours.segments[0].avg_logprob == pytest.approx(theirs.segments[0].avg_logprob, abs=1e-3)
    assert ours.segments[0].no_speech_prob == pytest.approx(theirs.segments[0].no_speech_prob, rel=1e-2)


def test_what_is_heard_has_plain_values_within_the_speech(engine):
    """Text, segments and words are plain Python values, and their times lie within the speech."""
    heard = engine.hear(noise(2.0), SPEECH)
    assert heard.text == " ".join(s.text for s in heard.segments) != ""
    assert (heard.language, heard.language_probability) == ("en", None)
    for segment in heard.segments:
        assert [type(value) for value in segment] == [str, float, float, float, float]
        assert 0.5 <= segment.start_s <= segment.end_s <= 1.3
    for word in heard.words:
        assert [type(value) for value in word] == [str, float, float, float]
        assert 0.5 <= word.start_s <= word.end_s <= 1.3
        assert word.text == word.text.strip()


def test_no_speech_is_not_asked_about(engine):
    """No spans, or spans beyond the recording's end: nothing is heard, however loud it is."""
    assert engine.hear(noise(2.0), []) == engine.hear(noise(2.0), [Span(3, 4)]) == NOTHING


def test_only_the_speech_is_heard(weights):
    """What lies outside the spans changes no word, time or score when batched."""
    loud = np.concatenate([noise(0.5, 1), noise(0.8), noise(0.7, 2)])
    quiet = np.concatenate([silence(0.5), noise(0.8), silence(0.7)])
    engine = open_engine(SpeechSettings("faster-whisper", weights["faster-whisper"], "en", device="cpu", beam_size=1))
    assert engine.hear(loud, SPEECH) == engine.hear(quiet, SPEECH)


def test_what_was_heard_before_changes_nothing(engine):
    """The same recording gives the same words, whatever the process heard in between."""
    alone = engine.hear(noise(2.0), SPEECH)
    engine.hear(noise(1.5, 7), [Span(0, 1)])
    assert engine.hear(noise(2.0), SPEECH) == alone


@pytest.mark.parametrize("name", ["faster-whisper", "whisper"])
def test_the_language_is_told_with_its_probability(weights, name):
    """Without a language the model says which it is, and how sure it is."""
    heard = open_engine(SpeechSettings(name, weights[name], word_times=False, device="cpu", beam_size=1)).hear(
        noise(1.0), [Span(0, 0.5)]
    )
    assert len(heard.language) in (2, 3)
    assert 0 < heard.language_probability < 1
    assert heard.words == ()


def test_a_hint_changes_what_is_heard(weights):
    """The prompt reaches the model."""
    texts = [
        open_engine(SpeechSettings("faster-whisper", weights["faster-whisper"], "en", beam_size=1, prompt=prompt, device="cpu"))
        .hear(noise(1.0), [Span(0, 0.5)]).text
        for prompt in ("", "Ljubljana")
    ]  # fmt: skip
    assert texts[0] != texts[1]


def test_batches_of_any_size_hear_the_same(weights):
    """Five windows at once or two at a time: the same words."""
    sound, spans = noise(20.0), [Span(n * 4.0, n * 4.0 + 0.6) for n in range(5)]
    texts = [
        open_engine(
            SpeechSettings(
                "faster-whisper", weights["faster-whisper"], "en", 1, word_times=False, batch_size=size, device="cpu"
            )
        ).hear(sound, spans)
        for size in (2, 5)
    ]
    assert len(texts[0].segments) == 5
    assert [s[:3] for s in texts[0].segments] == [s[:3] for s in texts[1].segments]


@pytest.mark.parametrize("name", ["faster-whisper", "whisper"])
def test_broken_weights_are_told_in_one_line(name, tmp_path):
    """A file that holds no weights is named with its engine, not with a traceback from inside a library."""
    path = tmp_path / "weights.pt"
    if name == "faster-whisper":
        path = tmp_path / "weights"
        path.mkdir()
        (path / "model.bin").write_bytes(b"not a model")
    else:
        path.write_bytes(b"not a checkpoint")
    with pytest.raises(BadSetting, match="cannot load") as caught:
        open_engine(SpeechSettings(name, str(path), device="cpu"))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
