"""Everything a speech engine can be told. Standard library only, so that plans and options may import it cheaply."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from pixmo.engines.speech.languages import LANGUAGES
from pixmo.engines.speech.weights import mark
from pixmo.errors import BadSetting, UnknownName
from pixmo.ids import digest_of, short

_WHISPER = ("language", "beam_size", "word_times", "prompt")
# What changes the words, by engine. Everything else says where and how hard to work: it never renames what was heard.
MEANING = {
    "faster-whisper": (*_WHISPER, "batched", "compute_type"),
    "whisper": _WHISPER,
    "api": ("language", "word_times", "prompt", "base_url"),
    "sphinx": (),
    "scripted": (),
}
DEFAULT_MODELS = {"faster-whisper": "turbo", "whisper": "turbo", "api": "whisper-1", "sphinx": "en-us", "scripted": ""}
ENGINES = tuple(name for name in MEANING if name != "scripted")  # the ones for people; scripted is for tests
_VERSION = 1  # of how we call the engines: raised when the same settings give other words


@dataclass(frozen=True)
class SpeechSettings:
    """Who hears and how; times in seconds. Raises BadSetting, and UnknownName for an engine that does not exist.

    `compute_type` is meaning because int8 and float16 write different words now and then; the device is not, since it
    computes the same up to rounding. `base_url` is meaning because the endpoint decides whose weights carry the model's
    name. How many stretches are heard at once changes no word.
    """

    engine: str = "faster-whisper"  # or whisper, api, sphinx
    model: str = ""  # a name the engine knows, or a local folder or file; empty: the engine's default
    language: str | None = None  # a code such as "en"; None: detected
    beam_size: int = 5
    batched: bool = True  # faster-whisper: stretches of up to 30 s at once, instead of one after the other
    word_times: bool = True  # when each word is said, where the engine can tell
    prompt: str = ""  # given to the model before the recording: names, spellings
    device: str = "auto"  # or cpu, cuda
    compute_type: str = "default"  # as the weights are stored; or int8, float16, float32 …
    batch_size: int = 8
    threads: int = 0  # 0: the library's choice
    base_url: str = ""  # of the endpoint; empty: the openai package's own
    key_env: str = "OPENAI_API_KEY"  # the variable with the endpoint's key; empty: none is sent
    timeout_s: float = 300.0  # of one request
    retries: int = 4  # further tries of a request that may pass

    def __post_init__(self) -> None:
        if self.engine not in MEANING:
            raise UnknownName("speech engine", self.engine, ENGINES)
        if self.language is not None and self.language not in LANGUAGES:
            hint = next((f"; did you mean {c!r}?" for c, n in LANGUAGES.items() if n == self.language.lower()), "")
            raise BadSetting(f"language {self.language!r} is not a code such as 'en'{hint}")
        for name in ("beam_size", "batch_size", "timeout_s"):
            _require(getattr(self, name) > 0, name, "must be more than 0", getattr(self, name))
        for name in ("threads", "retries"):
            _require(getattr(self, name) >= 0, name, "cannot be negative", getattr(self, name))
        _require(self.device in ("auto", "cpu", "cuda"), "device", "must be auto, cpu or cuda", self.device)
        if self.base_url:
            parts = urlsplit(self.base_url)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
            _require(is_web, "base_url", "must be an http(s) address such as http://127.0.0.1:8000/v1", self.base_url)
            if "@" in parts.netloc:
                raise BadSetting("base_url holds a password: put the key into an environment variable (key_env)")

    @property
    def model_name(self) -> str:
        """The model asked for, or the engine's default."""
        return self.model or DEFAULT_MODELS[self.engine]

    @property
    def fingerprint(self) -> str:
        """Who would hear: `engine:model@digest`, of all that changes the words. Weights in a local place count by content."""
        model = mark(Path(self.model_name)) or self.model_name
        told = {f.name: getattr(self, f.name) for f in fields(self) if f.name in MEANING[self.engine]}
        made_with = {"engine": self.engine, "version": _VERSION, "model": model, "settings": told}
        return f"{self.engine}:{Path(self.model_name).name}@{short(digest_of(made_with))}"


def _require(true: bool, name: str, what: str, value: object) -> None:
    if not true:
        raise BadSetting(f"{name} {what}, not {value!r}")
