"""Judge each transcript: loops, made-up phrases, text where nobody speaks; `transcripts` are those that pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pixmo.audio.gate import (
    chars_per_s,
    compression_ratio,
    disagreement,
    loop_share,
    mean_score,
    outside_speech_share,
)
from pixmo.audio.heard import Segment, Span, Word
from pixmo.audio.stock import stock_phrase
from pixmo.engines.speech.languages import LANGUAGES
from pixmo.errors import BadSetting
from pixmo.stage import RowStage, meaning

_SHARES = ("max_loop_share", "max_outside_share", "max_disagreement", "max_no_speech_prob")


class Judged(NamedTuple):
    """One value per recording, but for the last two: the transcripts that passed, and which recording each is of."""

    loop_share: list[float | None]
    compression_ratio: list[float | None]
    chars_per_s: list[float | None]
    outside_speech_share: list[float | None]
    disagreement: list[float | None]
    avg_logprob: list[float | None]
    no_speech_prob: list[float | None]
    stock_phrase: list[str | None]
    transcript_findings: list[list[str]]
    transcript_ok: list[bool]
    transcripts: list[str]
    transcript_recording: list[int]


class _Scores(NamedTuple):
    loop_share: float | None = None
    compression_ratio: float | None = None
    chars_per_s: float | None = None
    outside_speech_share: float | None = None
    disagreement: float | None = None
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    stock_phrase: str | None = None


class _Told(NamedTuple):
    """Of one recording, as the columns hold it."""

    outcome: str | None
    text: str | None
    language: str | None
    segments: Sequence[Mapping[str, Any]] | None  # Any: fields of a struct
    words: Sequence[Mapping[str, Any]] | None
    speech_s: float | None
    spans: Sequence[Mapping[str, Any]] | None
    second: str | None


@dataclass(frozen=True)
class CheckTranscript(RowStage):
    """Each score is a column, so that a threshold can be chosen by looking at them; a score an engine has no grounds for is null.

    A recording that was not heard has no findings here and no transcript: `recording_findings` tell why.
    """

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = ("second_text",)

    languages: tuple[str, ...] = meaning(
        (), "language that may be spoken, such as en; one code each time it is given; none: any (`other_language`)"
    )
    max_loop_share: float = meaning(0.3, "most words that only repeat, as a share (`looping`)")
    max_compression_ratio: float = meaning(2.4, "how far 500 characters of text may compress (`repetitive`)")
    min_chars_per_s: float = meaning(2.0, "fewest characters per second of speech (`too_little_text`)")
    max_chars_per_s: float = meaning(30.0, "most characters per second of speech (`too_much_text`)")
    max_outside_share: float = meaning(0.2, "most text where nobody speaks, as a share (`outside_speech`)")
    max_disagreement: float = meaning(
        0.5, "most words on which two engines may differ, as a share (`engines_disagree`)"
    )
    min_avg_logprob: float = meaning(-1.0, "least mean log probability the engine gives its words (`unsure`)")
    max_no_speech_prob: float = meaning(0.6, "how sure the engine may be that nobody speaks, 0 to 1 (`no_speech`)")

    def __post_init__(self) -> None:
        for code in self.languages:
            if _base(code) not in LANGUAGES:
                raise BadSetting(f"language {code!r} is not a code such as 'en'; give several one by one")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise BadSetting(f"{name} is {getattr(self, name):g}; give a share, 0 to 1")
        if not self.min_chars_per_s <= self.max_chars_per_s:
            raise BadSetting(f"min_chars_per_s is {self.min_chars_per_s:g}, above max_chars_per_s; no transcript fits")

    def row(
        self,
        heard_outcome: list[str | None] | None,
        heard_text: list[str | None] | None,
        heard_language: list[str | None] | None,
        heard_segments: list[list[Segment] | None] | None,
        heard_words: list[list[Word] | None] | None,
        speech_s: list[float | None] | None,
        speech_spans: list[list[Span] | None] | None,
        second_text: list[str | None] | None,
    ) -> Judged:
        """The scores and the verdict of every recording of a row."""
        outcomes = heard_outcome or []
        columns = (heard_text, heard_language, heard_segments, heard_words, speech_s, speech_spans, second_text)
        filled: list[Sequence[Any]] = [outcomes, *(c or [None] * len(outcomes) for c in columns)]  # Any: column values
        told = [_Told(*of) for of in zip(*filled, strict=True)]
        scores = [_scores(t) if t.outcome == "ok" and t.text else _Scores() for t in told]
        findings = [list(self._findings(t, s)) for t, s in zip(told, scores, strict=True)]
        is_ok = [t.outcome == "ok" and not found for t, found in zip(told, findings, strict=True)]
        passed = [n for n, ok in enumerate(is_ok) if ok]
        by_score: dict[str, list[Any]] = {name: [getattr(s, name) for s in scores] for name in _Scores._fields}
        return Judged(
            **by_score,
            transcript_findings=findings,
            transcript_ok=is_ok,
            transcripts=[(told[n].text or "").strip() for n in passed],
            transcript_recording=passed,
        )

    def _findings(self, told: _Told, of: _Scores) -> Iterator[str]:
        if told.outcome is None:
            return
        if told.outcome != "ok":
            yield told.outcome
            return
        if not (told.text or "").strip():
            yield "empty"
            return
        if self.languages and told.language and _base(told.language) not in {_base(code) for code in self.languages}:
            yield "other_language"
        for name, value, low, high in (
            ("looping", of.loop_share, None, self.max_loop_share),
            ("repetitive", of.compression_ratio, None, self.max_compression_ratio),
            ("too_little_text", of.chars_per_s, self.min_chars_per_s, None),
            ("too_much_text", of.chars_per_s, None, self.max_chars_per_s),
            ("outside_speech", of.outside_speech_share, None, self.max_outside_share),
            ("engines_disagree", of.disagreement, None, self.max_disagreement),
            ("unsure", of.avg_logprob, self.min_avg_logprob, None),
            ("no_speech", of.no_speech_prob, None, self.max_no_speech_prob),
        ):
            if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
                yield name
        if of.stock_phrase:
            yield "stock_phrase"


def _scores(told: _Told) -> _Scores:
    text = told.text or ""
    segments = [Segment(**s) for s in told.segments or ()]
    words = [Word(**w) for w in told.words or ()]
    spans = [Span(**s) for s in told.spans or ()]
    return _Scores(
        loop_share=_rounded(loop_share(text)),
        compression_ratio=_rounded(compression_ratio(text)),
        chars_per_s=_rounded(chars_per_s(text, told.speech_s)),
        outside_speech_share=_rounded(outside_speech_share(words, segments, spans)),
        disagreement=_rounded(disagreement(text, told.second)) if told.second is not None else None,
        avg_logprob=_rounded(mean_score(segments, "avg_logprob")),
        no_speech_prob=_rounded(mean_score(segments, "no_speech_prob")),
        stock_phrase=stock_phrase(text, tuple(s.text for s in segments)),
    )


def _base(language: str) -> str:
    """`en` of `en-US`."""
    return language.lower().partition("-")[0].partition("_")[0]


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
