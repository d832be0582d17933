"""A speech engine that says what a script says: for tests of ours and of whoever builds on us.

The script is a JSON file, so that worker processes can be told to use it: `SpeechSettings("scripted", "script.json")`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmo.ask import SpeechOutcome
from pixmo.audio.heard import Heard, Segment, Span, Word
from pixmo.engines.speech.protocol import HearingFault, Samples
from pixmo.engines.speech.settings import SpeechSettings
from pixmo.errors import BadSetting
from pixmo.ids import Digest, digest

Line = str | Mapping[str, Any]
"""What is heard: a text, or `text`, `language`, `language_probability`, `words`, `segments`, `outcome`, `detail`, `crash`."""


def sound_key(samples: Samples) -> Digest:
    """The name of a sound in a script: the sha256 of its samples."""
    return digest(samples.astype("<f4").tobytes())


class ScriptedEngine:
    """`by_sound` answers by `sound_key`; then `in_order`, one line per recording; then `otherwise`.

    A line with an `outcome` is a HearingFault; one with `crash` ends the process, as a broken library would.
    Text without words of its own has them spread evenly over the speech.
    """

    def __init__(
        self, by_sound: Mapping[str, Line] | None = None, in_order: Sequence[Line] = (), otherwise: Line = "",
        fingerprint: str = "scripted",
    ) -> None:  # fmt: skip
        self.fingerprint = fingerprint
        self._by_sound, self._in_order, self._otherwise = by_sound or {}, list(in_order), otherwise
        self.asked: list[Digest] = []  # the sounds that were heard, in order

    def hear(self, samples: Samples, spans: Sequence[Span]) -> Heard:
        """As SpeechEngine."""
        sound = sound_key(samples)
        self.asked.append(sound)
        if (line := self._by_sound.get(sound)) is None:
            line = self._in_order.pop(0) if self._in_order else self._otherwise
        line = {"text": line} if isinstance(line, str) else line
        if line.get("crash"):
            os.abort()
        if "outcome" in line:
            raise HearingFault(SpeechOutcome(line["outcome"]), line.get("detail", ""))
        return _heard(line, spans)


def open_script(settings: SpeechSettings) -> ScriptedEngine:
    """The engine of a script file; raises BadSetting for one that is none."""
    try:
        script = json.loads(Path(settings.model_name).read_text(encoding="utf-8"))
        return ScriptedEngine(**script, fingerprint=settings.fingerprint)
    except (OSError, ValueError, TypeError) as error:
        raise BadSetting(f"{settings.model_name!r} is no script of a speech engine: {error}") from None


def _heard(line: Mapping[str, Any], spans: Sequence[Span]) -> Heard:
    text = line["text"]
    words = tuple(Word(*w) for w in line["words"]) if "words" in line else _spread(text.split(), spans)
    whole = (Segment(text, spans[0].start_s, spans[-1].end_s, None, None),) if text and spans else ()
    segments = tuple(Segment(*s) for s in line["segments"]) if "segments" in line else whole
    return Heard(text, line.get("language", "en"), line.get("language_probability"), segments, words)


def _spread(texts: Sequence[str], spans: Sequence[Span]) -> tuple[Word, ...]:
    """Words of equal length that fill the speech, each within one stretch of it."""
    speech_s = sum(end - start for start, end in spans)
    words, each_s, n = [], speech_s / max(1, len(texts)), 0
    for start, end in spans:
        fit = len(texts) - n if (start, end) == spans[-1] else round((end - start) / each_s) if each_s else 0
        step = (end - start) / fit if fit else 0.0
        words += [Word(t, start + i * step, start + (i + 1) * step, None) for i, t in enumerate(texts[n : n + fit])]
        n += fit
    return tuple(words)
