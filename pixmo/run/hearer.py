"""The process that listens to recordings and hears words in them, and may be killed for it.

Started as `python -m pixmo.run.hearer FD`; speaks length-prefixed pickles with the coordinator. Each recording gets a wall-clock
limit from the kernel, as pictures do. A model is loaded once, when the first recording wants it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from pixmo.ask import SpeechOutcome
from pixmo.errors import PixmoError
from pixmo.run.decoder import NO_MEMORY, receive, send

if TYPE_CHECKING:
    from pixmo.audio.heard import Heard
    from pixmo.engines.speech.protocol import SpeechEngine

Settings = dict[str, Any]  # Any: plain settings of an engine
SECRET_LENGTH = 8  # shorter ones are stand-ins such as `x`, and may be words
MAX_ANSWER = 2**24  # characters; words and times of an hour of speech are a million


class Task(NamedTuple):
    """One recording: where its bytes lie; to listen to it, or, with settings of an engine, to hear it."""

    path: str
    offset: int
    length: int
    max_s: float
    limit_s: float
    settings: Settings | None = None
    spans: tuple[tuple[float, float], ...] = ()


class Told(NamedTuple):
    """How it went: facts to be journalled."""

    outcome: str
    detail: str
    facts: dict[str, Any]  # Any: plain JSON values


class Stopped(NamedTuple):
    """The engine cannot go on at all: a PixmoError."""

    message: str


class Hearer:
    """What one process keeps: open packs and loaded models."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._engines: list[tuple[Settings, SpeechEngine]] = []

    def do(self, task: Task) -> Told | Stopped:
        """The facts of a recording, or of what was heard in it."""
        try:
            engine = self._engine(task.settings) if task.settings is not None else None  # loading has no limit
            signal.setitimer(signal.ITIMER_REAL, task.limit_s)
            return self._hear(task, engine) if engine is not None else self._listen(task)
        except PixmoError as error:
            return Stopped(str(error))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _listen(self, task: Task) -> Told:
        from pixmo.audio.listen import listen

        told = listen(self._data(task), task.max_s)._asdict()
        outcome, detail = told.pop("recording_outcome"), told.pop("recording_detail")
        told["speech_spans"] = [list(span) for span in told["speech_spans"]]
        return Told(str(outcome), detail or "", told)

    def _hear(self, task: Task, engine: SpeechEngine) -> Told:
        from pixmo.audio.decode import AudioFault, decode
        from pixmo.audio.heard import Span
        from pixmo.engines.speech.protocol import HearingFault

        try:
            sound = decode(self._data(task), task.max_s)
            heard = engine.hear(sound.samples, [Span(*s) for s in task.spans])
        except (AudioFault, HearingFault) as fault:
            return Told(str(fault.outcome), fault.detail, {})
        facts = _without(_facts(heard), os.environ.get(_key_env(task), "").strip())
        if (size := len(json.dumps(facts))) > MAX_ANSWER:
            return Told(str(SpeechOutcome.SERVER_ERROR), f"an answer of {size:,} characters", {})
        return Told(str(SpeechOutcome.OK), "", facts)

    def _engine(self, settings: Settings) -> SpeechEngine:
        from pixmo.engines.speech.open import open_engine
        from pixmo.engines.speech.settings import SpeechSettings

        for known, engine in self._engines:
            if known == settings:
                return engine
        engine = open_engine(SpeechSettings(**settings))
        self._engines.append((settings, engine))
        return engine

    def _data(self, task: Task) -> bytes:
        if task.path not in self._files:
            self._files[task.path] = os.open(task.path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._files[task.path], task.length, task.offset)


def _facts(heard: Heard) -> dict[str, Any]:
    """As plain JSON: segments and words are lists in the order of their fields."""
    return {
        "text": heard.text, "language": heard.language, "language_probability": heard.language_probability,
        "segments": [list(s) for s in heard.segments], "words": [list(w) for w in heard.words],
    }  # fmt: skip


def _key_env(task: Task) -> str:
    """The variable with the key of a task's engine."""
    return str((task.settings or {}).get("key_env", ""))


def _without(told: Any, key: str) -> Any:  # Any: JSON
    """What an engine told without the key, should an endpoint repeat it."""
    if isinstance(told, str):
        return told.replace(key, "[key]") if len(key) >= SECRET_LENGTH else told
    if isinstance(told, list):
        return [_without(one, key) for one in told]
    return {k: _without(v, key) for k, v in told.items()} if isinstance(told, dict) else told


def main(fd: int) -> None:
    """Answers until the coordinator leaves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sock = socket.socket(fileno=fd)
    hearer = Hearer()
    while (task := receive(sock)) is not None:
        try:
            send(sock, hearer.do(task))
        except MemoryError:
            os._exit(NO_MEMORY)


if __name__ == "__main__":
    from pixmo.run.hearer import main as serve  # under its own name: what __main__ pickles nobody else can read

    serve(int(sys.argv[1]))
