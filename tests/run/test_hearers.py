"""Processes that listen and hear: what they answer is journalled, what kills them is told, the others go on."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixmo.ask import Answer, SpeechOutcome
from pixmo.audio.decode import decode
from pixmo.audio.heard import Hear, Span
from pixmo.engines.speech.fake import sound_key
from pixmo.errors import BadFolder, PixmoError
from pixmo.run.asking import Journalled
from pixmo.run.hearers import Hearers, Hearing, Listening
from pixmo.stages.listen import Listen
from pixmo.stages.transcribe import Transcribe
from pixmo.storage.store import Store

WHOLE = (Span(0.0, 0.5),)


def tone(hz: int) -> bytes:
    """Half a second of a tone, as WAV."""
    samples = (np.sin(np.arange(8000) * hz * 2 * np.pi / 16000) * 8000).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return out.getvalue()


@pytest.fixture
async def hearers() -> AsyncIterator[Hearers]:
    """Two processes."""
    hearers = Hearers(2)
    yield hearers
    await hearers.close()


def scripted(folder: Path, **script: Any) -> Transcribe:
    """A stage whose engine says what the script says."""
    (folder / "script.json").write_text(json.dumps(script))
    return Transcribe(engine="scripted", speech_model=str(folder / "script.json"))


def hearing(store: Store, hearers: Hearers, stage: Transcribe) -> Journalled[Hear]:
    return Journalled(store, Hearing(hearers, store, stage), SpeechOutcome, "text")


def told(answers: list[Answer[Any]]) -> list[tuple[str, Any]]:
    return [(str(a.outcome), a.value) for a in answers]


@pytest.mark.slow
async def test_recordings_are_heard_once_and_their_words_kept(tmp_path: Path, hearers: Hearers) -> None:
    """A second run finds the answers in the journal, and starts no process."""
    store = Store(tmp_path / "store")
    shas = [store.put(tone(hz)) for hz in (300, 500)]
    stage = scripted(tmp_path, otherwise={"text": "a red barn", "language": "en"})
    answers = await hearing(store, hearers, stage).ask([Hear(sha, WHOLE) for sha in shas])
    assert told(answers) == [("ok", "a red barn")] * 2
    assert answers[0].facts is not None
    assert [w[0] for w in answers[0].facts["words"]] == ["a", "red", "barn"]
    again = Hearers(1)
    assert told(await hearing(store, again, stage).ask([Hear(shas[0], WHOLE)])) == [("ok", "a red barn")]
    await again.close()


@pytest.mark.slow
async def test_a_recording_that_kills_its_process_is_told_and_the_others_are_heard(
    tmp_path: Path, hearers: Hearers
) -> None:
    """It is tried twice, alone: one death may be somebody's kill."""
    store = Store(tmp_path / "store")
    bad, good = tone(300), tone(500)
    stage = scripted(
        tmp_path, by_sound={sound_key(decode(bad, 60).samples): {"crash": True, "text": ""}}, otherwise="fine"
    )
    answers = await hearing(store, hearers, stage).ask([Hear(store.put(d), WHOLE) for d in (bad, good)])
    assert told(answers) == [("crashed", None), ("ok", "fine")]


@pytest.mark.slow
@pytest.mark.slow
async def test_a_key_that_an_endpoint_repeats_is_not_kept(
    tmp_path: Path, hearers: Hearers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the text nor in segments or words."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1")
    store = Store(tmp_path / "store")
    sound = store.put(tone(440))
    stage = scripted(tmp_path, otherwise="Bearer sk-secret-1 said")
    world = hearing(store, hearers, stage)
    answers = await world.ask([Hear(sound, WHOLE)])
    await world.close()
    assert [a.facts["text"] for a in answers if a.facts] == ["Bearer [key] said"]
    assert "sk-secret-1" not in str(list(store.journal.lines()))


@pytest.mark.slow
async def test_an_answer_without_end_is_none(tmp_path: Path, hearers: Hearers) -> None:
    """It would fill journal and columns."""
    store = Store(tmp_path / "store")
    sound = store.put(tone(440))
    world = hearing(store, hearers, scripted(tmp_path, otherwise="x" * 20_000_000))
    (answer,) = await world.ask([Hear(sound, WHOLE)])
    await world.close()
    assert answer.outcome is SpeechOutcome.SERVER_ERROR
    assert "characters" in answer.detail


async def test_a_recording_that_takes_too_long_is_given_up(tmp_path: Path, hearers: Hearers) -> None:
    """The clock is the kernel's: it ends a process that hangs in a library."""
    store = Store(tmp_path / "store")
    stage = replace(Listen(), listen_timeout_s=0.001)
    answers = await Journalled(store, Listening(hearers, store, stage), SpeechOutcome).ask([store.put(tone(300))])
    assert answers[0].outcome is SpeechOutcome.HUNG
    assert answers[0].outcome.worth_retrying


@pytest.mark.slow
async def test_an_engine_that_cannot_be_opened_ends_the_run_with_one_line(tmp_path: Path, hearers: Hearers) -> None:
    """Nothing is journalled: it is no answer."""
    store = Store(tmp_path / "store")
    stage = Transcribe(engine="scripted", speech_model=str(tmp_path / "no-script.json"))
    world = hearing(store, hearers, stage)
    with pytest.raises(PixmoError, match=r"no-script\.json"):
        await world.ask([Hear(store.put(tone(300)), WHOLE)])
    await world.close()
    assert list(store.journal.lines()) == []


async def test_a_recording_that_was_taken_down_is_not_heard(tmp_path: Path, hearers: Hearers) -> None:
    """A tombstone answers; lost bytes are a folder's damage and told as such."""
    store = Store(tmp_path / "store")
    sha = store.put(tone(300))
    store.bury({sha})
    world = hearing(store, hearers, scripted(tmp_path, otherwise="x"))
    assert told(await world.ask([Hear(sha, WHOLE)])) == [("forgotten", None)]
    with pytest.raises(BadFolder, match="are gone from the store"):
        await world.ask([Hear("0" * 64, WHOLE)])
