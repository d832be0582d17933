"""What a speech engine can be told, and what of it changes the words."""

from __future__ import annotations

import re

import pytest

from pixmo.engines.speech.languages import LANGUAGES, code_of
from pixmo.engines.speech.settings import MEANING, SpeechSettings
from pixmo.errors import PixmoError

CHANGES = {
    "model": "small", "language": "de", "beam_size": 2, "batched": False, "word_times": False, "prompt": "Ljubljana",
    "compute_type": "int8", "base_url": "http://127.0.0.1:8000/v1", "device": "cpu", "batch_size": 2, "threads": 3,
    "key_env": "OTHER_KEY", "timeout_s": 5.0, "retries": 0,
}  # fmt: skip


@pytest.mark.parametrize("setting", CHANGES)
@pytest.mark.parametrize("engine", MEANING)
def test_the_fingerprint_changes_with_the_words(engine, setting):
    """What changes an engine's words changes its fingerprint; where and how hard it works does not."""
    plain, other = SpeechSettings(engine), SpeechSettings(engine, **{setting: CHANGES[setting]})
    assert (plain.fingerprint != other.fingerprint) == (setting in (*MEANING[engine], "model"))


def test_a_fingerprint_names_engine_and_model():
    """People read it in a column: the engine, the model, sixteen digits."""
    assert re.fullmatch(r"faster-whisper:turbo@[0-9a-f]{16}", SpeechSettings().fingerprint)
    assert SpeechSettings(model="org/name").fingerprint.startswith("faster-whisper:name@")


def test_an_engine_s_default_model_is_that_model():
    """Naming the default model makes no other engine."""
    assert SpeechSettings("api").fingerprint == SpeechSettings("api", model="whisper-1").fingerprint


def test_local_weights_count_by_content_not_by_place(tmp_path):
    """The same files elsewhere are the same engine; one changed byte of weights is another."""
    for name in ("a", "b"):
        (tmp_path / name / "model").mkdir(parents=True)
        (tmp_path / name / "model" / "model.bin").write_bytes(bytes(range(256)) * 2000)
    first, second = (SpeechSettings(model=str(tmp_path / name / "model")) for name in ("a", "b"))
    assert first.fingerprint == second.fingerprint
    (tmp_path / "b" / "model" / "model.bin").write_bytes(bytes(range(256)) * 1999 + bytes(256))
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"engine": "faster_whisper"}, "no speech engine named 'faster_whisper'; did you mean 'faster-whisper'?"),
        ({"language": "German"}, "language 'German' is not a code such as 'en'; did you mean 'de'?"),
        ({"language": "xx"}, "language 'xx' is not a code such as 'en'"),
        ({"beam_size": 0}, "beam_size must be more than 0, not 0"),
        ({"batch_size": 0}, "batch_size must be more than 0, not 0"),
        ({"timeout_s": 0.0}, "timeout_s must be more than 0, not 0.0"),
        ({"threads": -1}, "threads cannot be negative, not -1"),
        ({"retries": -1}, "retries cannot be negative, not -1"),
        ({"device": "gpu"}, "device must be auto, cpu or cuda, not 'gpu'"),
        ({"base_url": "localhost:8000"}, "base_url must be an http(s) address such as http://127.0.0.1:8000/v1"),
    ],
)
def test_what_cannot_be_used_is_told(settings, told):
    """One line names the setting, the rule and the value."""
    with pytest.raises(PixmoError) as caught:
        SpeechSettings(**settings)
    assert str(caught.value).startswith(told)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    """Secrets come from the environment: one in base_url would lie in recipes and logs."""
    with pytest.raises(PixmoError, match="environment") as caught:
        SpeechSettings("api", base_url="https://me:sesame@example.org/v1")
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "code"), [("english", "en"), ("EN", "en"), (" German ", "de"), ("haitian creole", "ht"), ("klingon", "klingon"), ("", None), (None, None)]
)  # fmt: skip
def test_languages_are_told_by_code(told, code):
    """Endpoints say names or codes; what nobody knows stays as it was said."""
    assert code_of(told) == code


def test_the_languages_are_those_whisper_has():
    """Both libraries' models know exactly these."""
    from whisper.tokenizer import LANGUAGES as THEIRS

    assert set(LANGUAGES) == set(THEIRS)
