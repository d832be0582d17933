"""An OpenAI-compatible endpoint: what is sent, what is made of the answer, what its failures mean."""

from __future__ import annotations

import io
import socket
import wave

import numpy as np
import pytest

from pixmo.ask import SpeechOutcome
from pixmo.audio.heard import Heard, Segment, Span, Word
from pixmo.engines.speech.open import open_engine
from pixmo.engines.speech.protocol import NOTHING, HearingFault
from pixmo.engines.speech.settings import SpeechSettings
from pixmo.errors import BadSetting, PixmoError
from tests.engines.speech.endpoint import Reply, endpoint
from tests.engines.speech.sounds import RATE, noise

PAGE = "<!DOCTYPE html><html><body>Welcome</body></html>"
SOON = (("Retry-After", "0.01"),)
FULL = {
    "text": " A red car. ", "language": "english", "duration": 1.5,
    "segments": [{"id": 0, "text": " A red car.", "start": 0.1, "end": 1.2, "avg_logprob": -0.3, "no_speech_prob": 0.01}],
    "words": [{"word": "A", "start": 0.1, "end": 0.2}, {"word": "red", "start": 0.2, "end": 0.6}, {"word": "car", "start": 0.6, "end": 1.2}],
}  # fmt: skip
NO_TIMES = {
    "error": {"message": "response_format 'verbose_json' is not compatible with model", "param": "response_format"}
}
NO_WORDS = {"detail": [{"loc": ["body", "timestamp_granularities[]"], "msg": "Input should be 'segment'"}]}
NO_MODEL = {"error": {"message": "The model 'whisper-9' does not exist", "code": "model_not_found"}}
NO_MONEY = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
BAD_KEY = {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}
SPOKEN = [Span(2.0, 2.4), Span(3.0, 3.5)]


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("PIXMO_TEST_KEY", "sesame")


def settings(url: str, **more) -> SpeechSettings:
    return SpeechSettings("api", **{"base_url": url, "key_env": "PIXMO_TEST_KEY", "retries": 2} | more)


def hear(url: str, **more) -> Heard:
    return open_engine(settings(url, **more)).hear(noise(5.0), SPOKEN)


def test_words_and_segments_come_with_times_of_the_recording():
    """Times in the answer count from the start of what was sent; ours count from the start of the recording."""
    with endpoint(Reply(FULL)) as server:
        assert hear(server.url) == Heard(
            "A red car.", "en", None, (Segment("A red car.", 2.1, 3.2, -0.3, 0.01),),
            (Word("A", 2.1, 2.2, None), Word("red", 2.2, 2.6, None), Word("car", 2.6, 3.2, None)),
        )  # fmt: skip


def test_the_speech_is_sent_as_a_wav_file_with_what_was_asked():
    """One request from the first word to the last: 16 kHz, mono, 16 bits, and the settings that change words."""
    with endpoint(Reply(FULL)) as server:
        hear(server.url, model="m", language="en", prompt="Ljubljana")
    (request,) = server.requests
    assert request.path == "/v1/audio/transcriptions"
    assert request.headers["authorization"] == "Bearer sesame"
    assert request.fields == {
        "model": ["m"], "language": ["en"], "prompt": ["Ljubljana"], "temperature": ["0.0"],
        "response_format": ["verbose_json"], "timestamp_granularities[]": ["segment", "word"],
    }  # fmt: skip
    with wave.open(io.BytesIO(request.file)) as sound:
        assert sound.getparams()[:4] == (1, 2, RATE, int(1.5 * RATE))
        sent = np.frombuffer(sound.readframes(10**6), "<i2") / 2**15
    np.testing.assert_allclose(sent, noise(5.0)[2 * RATE : int(3.5 * RATE)], atol=1e-4)


def test_words_are_not_asked_for_where_nobody_wants_them():
    """Word times cost some endpoints time."""
    with endpoint(Reply(FULL)) as server:
        hear(server.url, word_times=False)
    assert server.requests[0].fields["timestamp_granularities[]"] == ["segment"]


def test_an_endpoint_without_times_gives_plain_text_and_is_asked_so_from_then_on():
    """Some models refuse verbose_json: one segment from the first word to the last stands for all."""
    with endpoint(Reply(NO_TIMES, 400), Reply(NO_TIMES, 400), Reply({"text": "A red car."})) as server:
        engine = open_engine(settings(server.url))
        heard = [engine.hear(noise(5.0), SPOKEN) for _ in range(2)]
    assert heard == [Heard("A red car.", None, None, (Segment("A red car.", 2.0, 3.5, None, None),), ())] * 2
    assert [r.fields["response_format"] for r in server.requests] == [["verbose_json"]] * 2 + [["json"]] * 2


def test_an_endpoint_without_word_times_still_tells_segments():
    """Refusing words is not refusing times."""
    with endpoint(Reply(NO_WORDS, 422), Reply(FULL | {"words": None})) as server:
        heard = hear(server.url)
    assert (heard.words, len(heard.segments)) == ((), 1)
    assert server.requests[1].fields["timestamp_granularities[]"] == ["segment"]


def test_times_beyond_what_was_sent_are_brought_back_to_it():
    """An endpoint that counts the padding of its window cannot have heard anything there; half a character is replaced."""
    segment = {"text": "A car\ud800", "start": -1, "end": 30}
    with endpoint(Reply({"text": "A car\ud800", "segments": [segment]})) as server:
        heard = hear(server.url)
    assert (heard.text, heard.segments[0][:3]) == ("A car?", ("A car?", 2.0, 3.5))


def test_no_speech_is_not_sent():
    """A recording in which nobody speaks costs nothing."""
    with endpoint(Reply(FULL)) as server:
        assert open_engine(settings(server.url)).hear(noise(1.0), []) == NOTHING
    assert server.requests == []


@pytest.mark.parametrize(
    "trouble",
    [Reply("busy", 429, SOON), Reply("oops", 500, SOON), Reply("oops", 503, SOON), Reply(PAGE, 502, (*SOON, ("Content-Type", "text/html")))],
    ids=["429", "500", "503", "a gateway's page"],
)  # fmt: skip
def test_what_may_pass_is_asked_again(trouble):
    """Too busy, broken, or a gateway that shows a page: the next try is taken, when the server says so."""
    with endpoint(trouble, Reply(FULL)) as server:
        assert hear(server.url).text == "A red car."
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("reply", "outcome", "tries"),
    [
        (Reply({"error": {"message": "slow down"}}, 429, SOON), SpeechOutcome.THROTTLED, 3),
        (Reply("oops", 500, SOON), SpeechOutcome.SERVER_ERROR, 3),
        (Reply({"error": {"message": "Audio file is too short"}}, 400), SpeechOutcome.CLIENT_ERROR, 1),
        (Reply("too big", 413), SpeechOutcome.CLIENT_ERROR, 1),
        (Reply({"error": {"message": "no"}}), SpeechOutcome.SERVER_ERROR, 1),
        (Reply("A red car."), SpeechOutcome.SERVER_ERROR, 1),
        (Reply({"text": "A", "segments": [{"text": "A"}]}), SpeechOutcome.SERVER_ERROR, 1),
        (Reply({"text": "A", "words": "A"}), SpeechOutcome.SERVER_ERROR, 1),
        (Reply('{"text": "A", "words": [{"word": "A", "start": NaN, "end": 1}]}'), SpeechOutcome.SERVER_ERROR, 1),
        (Reply({"text": "A", "language": ["en"]}), SpeechOutcome.SERVER_ERROR, 1),
        (Reply("[" * 100_000), SpeechOutcome.SERVER_ERROR, 1),
        (Reply(drops=True), SpeechOutcome.CONNECT, 1),
    ],
    ids=[
        "429",
        "500",
        "400",
        "413",
        "no text",
        "no JSON",
        "half a segment",
        "words are no list",
        "no time",
        "no language",
        "too deep",
        "dropped",
    ],
)
def test_what_fails_one_recording_is_told_of_it(reply, outcome, tries):
    """Each class has its outcome; what will not pass is asked once, so that nothing is paid for twice."""
    with endpoint(reply) as server, pytest.raises(HearingFault) as caught:
        hear(server.url, **({"retries": 0} if reply.drops else {}))
    assert caught.value.outcome == outcome
    assert caught.value.detail
    assert "\n" not in caught.value.detail
    assert len(server.requests) == tries


def test_an_endpoint_that_does_not_answer_is_a_time_out():
    """Waiting ends after timeout_s."""
    with endpoint(Reply(FULL, waits_s=30)) as server, pytest.raises(HearingFault) as caught:
        hear(server.url, timeout_s=0.2, retries=0)
    assert (caught.value.outcome, caught.value.detail) == (SpeechOutcome.TIMEOUT, "no answer within 0.2 s")


def test_nobody_there_is_a_connection_that_failed():
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(HearingFault) as caught:
            hear(f"http://127.0.0.1:{bound.getsockname()[1]}/v1", retries=0)
    assert caught.value.outcome == SpeechOutcome.CONNECT


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(BAD_KEY, 401), "refuses the key in $PIXMO_TEST_KEY: 401, Incorrect API key"),
        (Reply(BAD_KEY, 403), "refuses the key in $PIXMO_TEST_KEY: 403, Incorrect API key"),
        (Reply(NO_MONEY, 429, SOON), "hears nothing more on this account: You exceeded your quota"),
        (Reply(NO_MODEL, 404), "has no model 'whisper-9': The model 'whisper-9' does not exist"),
        (Reply(NO_MODEL, 400), "has no model 'whisper-9': The model 'whisper-9' does not exist"),
        (Reply({"detail": "Model 'whisper-9' is not installed"}, 404), 'has no model \'whisper-9\': {"detail": "Model'),
        (Reply({"detail": "Not Found"}, 404), "has no /audio/transcriptions (404): check base_url"),
        (Reply(PAGE, 404, (("Content-Type", "text/html"),)), "answers with a web page: base_url must be the API"),
        (Reply(PAGE, 200, (("Content-Type", "text/html; charset=utf-8"),)), "answers with a web page"),
        (Reply(PAGE), "answers with a web page: base_url must be the API, often …/v1"),
    ],
    ids=[
        "401",
        "403",
        "quota",
        "404 model",
        "400 model",
        "404 detail",
        "404 path",
        "404 page",
        "200 page",
        "page as text",
    ],
)
def test_what_fails_every_recording_stops_the_work(reply, told):
    """A wrong key, model or address is told in one line with the address; the key itself is not in it."""
    with endpoint(reply) as server, pytest.raises(PixmoError) as caught:
        hear(server.url, model="whisper-9", retries=0)
    assert str(caught.value).startswith(server.url)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_key_is_never_repeated():
    """Not even where the server sends it back."""
    echo = {"error": {"message": "Incorrect API key provided: sesame"}}
    with endpoint(Reply(echo, 401)) as server, pytest.raises(PixmoError, match=r"provided: …$"):
        hear(server.url)
    with endpoint(Reply(echo, 400)) as server, pytest.raises(HearingFault) as caught:
        hear(server.url)
    assert caught.value.detail == "400: Incorrect API key provided: …"


def test_what_cannot_be_a_key_is_told(monkeypatch):
    """White space around a key is forgiven; a line break within is not, since no header can hold it."""
    monkeypatch.setenv("PIXMO_TEST_KEY", " sesame\n")
    with endpoint(Reply(FULL)) as server:
        hear(server.url)
    assert server.requests[0].headers["authorization"] == "Bearer sesame"
    monkeypatch.setenv("PIXMO_TEST_KEY", "ses\name")
    with pytest.raises(BadSetting, match="PIXMO_TEST_KEY holds what cannot be a key") as caught:
        open_engine(settings("http://127.0.0.1:1/v1"))
    assert "ses" not in str(caught.value)


def test_no_key_names_the_variable(monkeypatch):
    """Without a key the work does not begin; an endpoint that wants none is told so."""
    monkeypatch.delenv("PIXMO_TEST_KEY")
    with pytest.raises(BadSetting, match="environment variable PIXMO_TEST_KEY"):
        open_engine(settings("http://127.0.0.1:1/v1"))
    with endpoint(Reply(FULL)) as server:
        assert hear(server.url, key_env="").text == "A red car."
    assert "sesame" not in server.requests[0].headers["authorization"]
