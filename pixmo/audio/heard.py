"""What was heard in a recording: words and segments with their times, whoever listened. Times are seconds from its start."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of time in which somebody speaks."""

    start_s: float
    end_s: float


class Hear(NamedTuple):
    """A question: what is said in a recording, named by the sha256 of its file, in these stretches of it."""

    recording_sha256: str
    spans: tuple[Span, ...]


class Word(NamedTuple):
    """One word; `probability` is 0 to 1, None where the engine does not say."""

    text: str
    start_s: float
    end_s: float
    probability: float | None


class Segment(NamedTuple):
    """A stretch of text as the engine cut it; scores are None where the engine has none."""

    text: str
    start_s: float
    end_s: float
    avg_logprob: float | None
    no_speech_prob: float | None


class Heard(NamedTuple):
    """All of a recording. `language` is a code such as `en`; `words` is empty where the engine gives no word times."""

    text: str
    language: str | None
    language_probability: float | None
    segments: tuple[Segment, ...]
    words: tuple[Word, ...]
