"""What is checked before the first recording is heard."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pixmo.engines.speech.open import KNOWN_MODELS, check_engine, open_engine
from pixmo.engines.speech.settings import ENGINES, SpeechSettings
from pixmo.errors import BadSetting, MissingExtra, PixmoError


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"model": "small.en", "language": "en"}, {"model": "org/name"}, {"engine": "sphinx", "language": "en"},
        {"engine": "whisper", "model": "large-v3"}, {"engine": "api", "key_env": ""},
    ],
    ids=str,
)  # fmt: skip
def test_what_can_be_opened_passes(settings):
    """Nothing is loaded and nobody is asked."""
    check_engine(SpeechSettings(**settings))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": "lagre-v3"}, "no faster-whisper model or folder named 'lagre-v3'; did you mean 'large-v3'?"),
        ({"model": "no/such/folder"}, "no faster-whisper model or folder named 'no/such/folder'"),
        ({"model": "./folder"}, "no faster-whisper model or folder named './folder'"),
        ({"engine": "whisper", "model": "org/name"}, "no whisper model or file named 'org/name'; known: base, base.en"),
        ({"engine": "sphinx", "model": "de-de"}, "no sphinx model named 'de-de'"),
        ({"engine": "sphinx", "language": "de"}, "sphinx hears English only, not 'de'"),
        ({"model": "small.en", "language": "de"}, "model 'small.en' hears English only, not 'de': take 'small'"),
        ({"engine": "api", "key_env": "PIXMO_NO_SUCH_KEY"}, "no key: put it into the environment variable PIXMO_NO_SUCH_KEY"),
        ({"engine": "scripted", "model": "no.json"}, "'no.json' is no script of a speech engine"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_told(settings, told):
    """One line with the name, and the nearest or the known ones."""
    with pytest.raises(PixmoError) as caught:
        open_engine(SpeechSettings(**settings))
    assert str(caught.value).startswith(told)


def test_the_wrong_kind_of_weights_is_told(tmp_path):
    """A folder without weights, a folder for the library that takes files, a file for the one that takes folders."""
    file = tmp_path / "tiny.pt"
    file.write_bytes(b"")
    for engine, path, told in [
        ("faster-whisper", tmp_path, "holds no model.bin"),
        ("faster-whisper", file, "is a file"),
        ("whisper", tmp_path, "is a folder"),
    ]:
        with pytest.raises(BadSetting, match=told) as caught:
            check_engine(SpeechSettings(engine, str(path)))
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("engine", "module", "extra"),
    [("faster-whisper", "faster_whisper", "speech"), ("whisper", "whisper", "whisper"), ("sphinx", "pocketsphinx", "sphinx")],
)  # fmt: skip
def test_a_missing_library_names_its_extra(monkeypatch, engine, module, extra):
    """The line says what to install."""
    monkeypatch.setitem(sys.modules, module, None)  # as Python marks what is not there
    with pytest.raises(MissingExtra) as caught:
        check_engine(SpeechSettings(engine))
    assert str(caught.value) == f"the speech engine {engine} needs an extra: pip install 'pixmo[{extra}]'"


def test_the_known_models_are_those_of_the_libraries():
    """Names that the libraries take are not refused."""
    import faster_whisper
    import whisper

    assert set(faster_whisper.available_models()) == KNOWN_MODELS["faster-whisper"]
    assert set(whisper.available_models()) == KNOWN_MODELS["whisper"]


def test_a_check_loads_no_library():
    """Planning stays quick: no engine's library is imported to check it."""
    code = (
        "import sys\nfrom pixmo.engines.speech.open import check_engine\n"
        "from pixmo.engines.speech.settings import ENGINES, SpeechSettings\n"
        "for engine in ENGINES: check_engine(SpeechSettings(engine, key_env=''))\n"
        "print(*{'numpy', 'torch', 'whisper', 'faster_whisper', 'ctranslate2', 'openai', 'pocketsphinx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert len(ENGINES) == 4


@pytest.mark.parametrize("name", ["org/there-is-no-such-model"])
def test_a_model_that_cannot_be_fetched_is_told(monkeypatch, tmp_path, name):
    """Off line, a model on the Hub that was never fetched is named in one line."""
    code = (
        "from pixmo.engines.speech.open import open_engine\nfrom pixmo.engines.speech.settings import SpeechSettings\n"
        f"from pixmo.errors import PixmoError\ntry: open_engine(SpeechSettings(model={name!r}))\n"
        "except PixmoError as error: print(error)"
    )
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"faster-whisper cannot load {name!r}: ")
    assert done.stdout.count("\n") == 1
