"""All the facts of a recording, good and spoilt."""

from __future__ import annotations

import json

import pytest

from pixmo.ask import SpeechOutcome
from pixmo.audio.listen import Listened, listen
from pixmo.stages.listen import FACTS
from tests.speech import amplified, clipped, encoded, joined, mixed, mumbled, noise, part, say, seconds, silence

SPOKEN = say("The picture shows an old house with a garden, a bench and many flowers.")
TWICE = joined(SPOKEN, SPOKEN, gap_s=2.0)


def test_the_facts_are_those_of_the_columns() -> None:
    """Every column of `listen` has its fact, under its name."""
    assert set(Listened._fields) == {"recording_outcome", "recording_detail", *FACTS}


def test_a_good_recording() -> None:
    """All facts are there and plausible."""
    told = listen(TWICE, 60.0)
    assert (told.recording_outcome, told.recording_detail, told.recording_format) == ("ok", None, "wav/pcm_s16le")
    assert told.duration_s == pytest.approx(seconds(TWICE), abs=0.001)
    assert told.speech_s == pytest.approx(2 * seconds(SPOKEN), abs=0.7)
    assert len(told.speech_spans) == 2
    assert -30 < told.loudness_lufs < -15
    assert -10 < told.peak_dbfs < 0
    assert told.clipped_share == 0.0
    assert told.snr_db > 40
    assert len(told.recording_fingerprint) == 256


def test_silence() -> None:
    """Its length, and nothing else to measure."""
    told = listen(silence(3.0), 60.0)
    assert (told.recording_outcome, told.duration_s, told.speech_s, told.speech_spans) == ("ok", 3.0, 0.0, ())
    assert (told.loudness_lufs, told.peak_dbfs, told.snr_db, told.recording_fingerprint) == (None,) * 4


def test_noise_is_loud_but_nobody_speaks() -> None:
    """Loudness alone is no speech."""
    told = listen(noise(3.0, -20.0), 60.0)
    assert (told.speech_s, told.snr_db) == (0.0, None)
    assert told.loudness_lufs == pytest.approx(-20, abs=3)


def test_a_microphone_set_too_loud() -> None:
    """The cut-off tops show."""
    assert listen(clipped(SPOKEN), 60.0).clipped_share > 0.1


def test_a_mumbled_recording_is_quiet() -> None:
    """Speech is found in it, far below what a listener wants."""
    told = listen(mumbled(SPOKEN), 60.0)
    assert told.speech_s > 1.0
    assert told.loudness_lufs < -45


def test_a_loud_room_shows_in_the_pauses() -> None:
    """The noise of the room lowers the distance to speech, not its loudness."""
    quiet, loud = listen(mixed(TWICE, noise(5.0, -60.0)), 60.0), listen(mixed(TWICE, noise(5.0, -28.0)), 60.0)
    assert quiet.snr_db > 30
    assert loud.snr_db < 12
    assert loud.loudness_lufs == pytest.approx(quiet.loudness_lufs, abs=2.0)


def test_a_quiet_recording() -> None:
    """30 dB less read 30 LU less."""
    loud, quiet = listen(SPOKEN, 60.0), listen(amplified(SPOKEN, -30.0), 60.0)
    assert quiet.loudness_lufs == pytest.approx(loud.loudness_lufs - 30, abs=0.2)


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", SpeechOutcome.EMPTY),
        (b"<html></html>", SpeechOutcome.NOT_AUDIO),
        (b"RIFF\0\0\0\0WAVE", SpeechOutcome.BROKEN_AUDIO),
        (SPOKEN * 1, SpeechOutcome.TOO_LONG),
    ],
    ids=["empty", "html", "broken", "long"],
)
def test_what_cannot_be_listened_to_is_an_outcome(data: bytes, outcome: SpeechOutcome) -> None:
    """With a word about it, and no facts."""
    told = listen(data, 1.0)
    assert told.recording_outcome == outcome
    assert told.recording_detail
    assert told[2:] == Listened(outcome, "")[2:]


def test_a_cut_off_upload_is_listened_to_and_told() -> None:
    """What is there counts; its length will judge it."""
    data = encoded(SPOKEN, "webm")
    told = listen(data[: len(data) // 2], 60.0)
    assert told.recording_outcome == SpeechOutcome.OK
    assert "its header says" in told.recording_detail


def test_the_same_recording_gives_the_same_facts() -> None:
    """Facts are journalled: they must not depend on what was listened to before."""
    first = listen(SPOKEN, 60.0)
    listen(noise(1.0), 60.0)
    assert listen(SPOKEN, 60.0) == first


def test_facts_are_plain_json() -> None:
    """Numbers of numpy would not be written to the journal."""
    told = listen(part(TWICE, 0.0, 3.0), 60.0)
    assert json.loads(json.dumps(told._asdict()))["duration_s"] == 3.0
