"""The verdict on recordings: every threshold from both sides, and real recordings caught for their right reason."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pixmo.audio.listen import listen
from pixmo.errors import BadSetting
from pixmo.stages.check_recording import CheckRecording
from tests.speech import amplified, clipped, encoded, joined, looped, mixed, mumbled, noise, say, silence

GOOD: dict[str, Any] = {
    "recording_outcome": "ok", "duration_s": 75.0, "speech_s": 60.0, "loudness_lufs": -20.0, "clipped_share": 0.0, "snr_db": 30.0,
    "is_repeated": False,
}  # fmt: skip


def findings(stage: CheckRecording | None = None, **facts: Any) -> list[str]:
    """Of one recording that is good but for these facts."""
    row = (stage or CheckRecording()).row(**{name: [value] for name, value in (GOOD | facts).items()})
    assert row.recording_ok == [not row.recording_findings[0]]
    return row.recording_findings[0]


@pytest.mark.parametrize(
    ("finding", "within", "beyond"),
    [
        ("too_short", {"duration_s": 20.0, "speech_s": 25.0}, {"duration_s": 19.9, "speech_s": 19.0}),
        ("too_long", {"duration_s": 180.0, "speech_s": 120.0}, {"duration_s": 180.1, "speech_s": 120.0}),
        ("little_speech", {"duration_s": 40.0, "speech_s": 25.0}, {"duration_s": 40.0, "speech_s": 24.9}),
        ("little_speech", {"duration_s": 100.0, "speech_s": 45.0}, {"duration_s": 100.0, "speech_s": 44.9}),
        ("clipped", {"clipped_share": 0.001}, {"clipped_share": 0.0011}),
        ("too_quiet", {"loudness_lufs": -35.0}, {"loudness_lufs": -35.1}),
        ("too_loud", {"loudness_lufs": -10.0}, {"loudness_lufs": -9.9}),
        ("noisy", {"snr_db": 10.0}, {"snr_db": 9.9}),
        ("repeated", {"is_repeated": None}, {"is_repeated": True}),
    ],
)
def test_each_threshold_has_two_sides(finding: str, within: dict[str, float], beyond: dict[str, float]) -> None:
    """The limit itself is allowed; beyond it there is this finding and no other."""
    assert findings(**within) == []
    assert findings(**beyond) == [finding]


@pytest.mark.parametrize(
    ("setting", "facts"),
    [
        ({"min_duration_s": 5.0, "min_speech_s": 4.0}, {"duration_s": 6.0, "speech_s": 5.0}),
        ({"max_clip_s": 300.0}, {"duration_s": 250.0, "speech_s": 200.0}),
        ({"min_speech_share": 0.1}, {"duration_s": 150.0, "speech_s": 30.0}),
        ({"max_clipped_share": 0.01}, {"clipped_share": 0.005}),
        ({"min_loudness_lufs": -60.0}, {"loudness_lufs": -50.0}),
        ({"max_loudness_lufs": -5.0}, {"loudness_lufs": -8.0}),
        ({"min_snr_db": 0.0}, {"snr_db": 3.0}),
    ],
)
def test_each_threshold_is_a_setting(setting: dict[str, float], facts: dict[str, float]) -> None:
    """What the usual one refuses, another takes."""
    assert findings(**facts)
    assert findings(CheckRecording(**setting), **facts) == []


def test_what_is_unknown_is_not_held_against_a_recording() -> None:
    """No pauses, so no noise to measure."""
    assert findings(snr_db=None) == []


@pytest.mark.parametrize(
    "outcome", ["missing", "empty", "not_audio", "broken_audio", "too_long", "crashed", "forgotten"]
)
def test_what_gave_no_sound_has_its_outcome_as_finding(outcome: str) -> None:
    """And no other: nothing was measured."""
    nothing = dict.fromkeys(("duration_s", "speech_s", "loudness_lufs", "clipped_share", "snr_db"))
    assert findings(recording_outcome=outcome, **nothing) == [outcome]


def test_silence_is_silent_and_nothing_else() -> None:
    """Not also quiet and without speech."""
    assert findings(loudness_lufs=None, speech_s=0.0, snr_db=None) == ["silent"]


def test_a_bad_recording_leaves_the_others_of_its_row() -> None:
    """One verdict per recording, in their order."""
    columns = {name: [value] * 3 for name, value in GOOD.items()}
    columns["duration_s"] = [75.0, 5.0, 75.0]
    columns["speech_s"] = [60.0, 5.0, 60.0]
    told = CheckRecording().row(**columns)
    assert (told.recording_findings, told.recording_ok) == ([[], ["too_short"], []], [True, False, True])


def test_rows_without_recordings_stay() -> None:
    """Rows that have transcripts already, among others that have recordings; a batch with nulls in place of lists."""
    stage = CheckRecording()
    values = [[{name: [value] for name, value in GOOD.items()}[f.name], [], None] for f in stage.needs]
    batch = pa.RecordBatch.from_arrays(
        [pa.array(v, f.type) for v, f in zip(values, stage.needs, strict=True)], schema=stage.needs
    )
    assert stage(batch).to_pydict() == {"recording_findings": [[[]], [], []], "recording_ok": [[True], [], []]}


def test_repetitions_count_where_they_were_looked_for() -> None:
    """Without `find_repeated_recordings` the column is not there and its nulls say nothing."""
    assert CheckRecording.optional == ("is_repeated",)
    columns = {name: [value] for name, value in GOOD.items()} | {"is_repeated": None}
    assert CheckRecording().row(**columns).recording_ok == [True]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"min_speech_share": 45.0}, "min_speech_share is 45; give a share, 0 to 1"),
        ({"max_clipped_share": -0.1}, "max_clipped_share is -0.1; give a share, 0 to 1"),
        ({"min_duration_s": 200.0}, "min_duration_s is 200, above max_clip_s = 180; no recording fits"),
        ({"min_loudness_lufs": -5.0}, "min_loudness_lufs is -5, above max_loudness_lufs = -10; no recording fits"),
    ],
)
def test_thresholds_that_cannot_be_met_are_told(settings: dict[str, float], told: str) -> None:
    """Before anything is heard."""
    with pytest.raises(BadSetting) as caught:
        CheckRecording(**settings)
    assert str(caught.value) == told


SENTENCE = "The picture shows an old red house with a small garden, and in front of it stands a wooden bench."
GOOD_SOUND = joined(*[say(SENTENCE, v) for v in ("en-us", "en-gb", "en-us+f3", "en-us+m3", "en-gb+f2")], gap_s=0.8)
REAL = {
    "good": (GOOD_SOUND, []),
    "good, as a browser records it": (encoded(GOOD_SOUND, "webm", 32_000), []),
    "silent": (silence(40.0), ["silent"]),
    "five seconds": (say("A red house with a garden, and a wooden bench."), ["too_short"]),
    "a mumble": (mumbled(GOOD_SOUND), ["too_quiet"]),
    "a whisper far away": (amplified(GOOD_SOUND, -28.0), ["too_quiet"]),
    "a microphone set too loud": (clipped(GOOD_SOUND), ["clipped", "too_loud"]),
    "a waterfall": (mixed(GOOD_SOUND, noise(5.0, -26.0)), ["noisy"]),
    "nobody speaks": (noise(40.0, -30.0), ["little_speech"]),
    "long pauses": (joined(GOOD_SOUND, silence(45.0)), ["little_speech"]),
    "a page of the web": (b"<!DOCTYPE html><html>", ["not_audio"]),
    "no bytes": (b"", ["empty"]),
    "a loop": (looped("a red house with a garden", 20), []),  # a voice is a voice: check_transcript hears that it loops
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_recording_is_caught_for_its_right_reason(name: str) -> None:
    """Listened to for real, with the usual thresholds."""
    data, expected = REAL[name]
    told = listen(data, 600.0)._asdict() | {"is_repeated": False}
    row = CheckRecording().row(**{f.name: [told[f.name]] for f in CheckRecording().needs})
    assert row.recording_findings == [expected], told
