"""Opens the engine that settings name, and checks beforehand, without loading it, that it can be opened."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pixmo.engines.speech.settings import SpeechSettings
from pixmo.errors import BadSetting, MissingExtra, UnknownName

if TYPE_CHECKING:
    from pixmo.engines.speech.protocol import SpeechEngine

_SIZES = (
    "tiny tiny.en base base.en small small.en medium medium.en large-v1 large-v2 large-v3 large large-v3-turbo turbo"
)
_DISTILLED = "distil-large-v2 distil-medium.en distil-small.en distil-large-v3 distil-large-v3.5"
KNOWN_MODELS = {
    "faster-whisper": frozenset(_SIZES.split() + _DISTILLED.split()),
    "whisper": frozenset(_SIZES.split()),
    "sphinx": frozenset({"en-us"}),
}
_NEEDS = {  # module: extra that brings it
    "faster-whisper": {"faster_whisper": "speech"},
    "whisper": {"whisper": "whisper"},
    "api": {},
    "sphinx": {"pocketsphinx": "sphinx"},
    "scripted": {},
}


def open_engine(settings: SpeechSettings) -> SpeechEngine:
    """The engine with its model loaded: seconds and gigabytes. Raises a PixmoError where that cannot be."""
    check_engine(settings)
    match settings.engine:
        case "faster-whisper":
            from pixmo.engines.speech.faster_whisper import FasterWhisperEngine

            return FasterWhisperEngine(settings)
        case "whisper":
            from pixmo.engines.speech.whisper import WhisperEngine

            return WhisperEngine(settings)
        case "api":
            from pixmo.engines.speech.api import ApiEngine

            return ApiEngine(settings)
        case "sphinx":
            from pixmo.engines.speech.sphinx import SphinxEngine

            return SphinxEngine(settings)
    from pixmo.engines.speech.fake import open_script

    return open_script(settings)


def check_engine(settings: SpeechSettings) -> None:
    """Nothing, for an engine that can be opened as far as can be told without loading it or asking anybody.

    Raises MissingExtra, UnknownName or BadSetting: a library, a model or a key that is not there.
    """
    for module, extra in _NEEDS[settings.engine].items():
        if find_spec(module) is None:
            raise MissingExtra(extra, f"the speech engine {settings.engine}")
    match settings.engine:
        case "faster-whisper" | "whisper":
            _check_whisper(settings)
        case "api":
            _check_key(settings.key_env)
        case "sphinx":
            if settings.model_name != "en-us":
                raise UnknownName("sphinx model", settings.model_name, KNOWN_MODELS["sphinx"])
            if settings.language not in (None, "en"):
                raise BadSetting(f"sphinx hears English only, not {settings.language!r}: take another engine")


def _check_whisper(settings: SpeechSettings) -> None:
    name, path = settings.model_name, Path(settings.model_name)
    if name in KNOWN_MODELS[settings.engine]:
        if name.endswith(".en") and settings.language not in (None, "en"):
            raise BadSetting(f"model {name!r} hears English only, not {settings.language!r}: take {name[:-3]!r}")
    elif settings.engine == "whisper":
        if path.is_dir():
            raise BadSetting(f"model {name!r} is a folder: openai-whisper loads a .pt file, faster-whisper folders")
        if not path.is_file():
            raise UnknownName("whisper model or file", name, KNOWN_MODELS["whisper"])
    elif path.is_file():
        raise BadSetting(f"model {name!r} is a file: faster-whisper loads a folder with model.bin, whisper .pt files")
    elif path.is_dir():
        if not (path / "model.bin").is_file():
            raise BadSetting(
                f"the folder {name!r} holds no model.bin: convert the model with ct2-transformers-converter"
            )
    elif not _may_be_on_the_hub(name):
        raise UnknownName("faster-whisper model or folder", name, KNOWN_MODELS["faster-whisper"])


def _may_be_on_the_hub(name: str) -> bool:
    owner, slash, rest = name.partition("/")
    return bool(slash and owner.strip(".~") and rest) and "/" not in rest


def _check_key(variable: str) -> None:
    key = os.environ.get(variable, "").strip()
    if variable and not key:
        raise BadSetting(f"no key: put it into the environment variable {variable}, or set key_env to '' for none")
    if not (key.isascii() and key.isprintable()):
        raise BadSetting(f"the environment variable {variable} holds what cannot be a key")
