"""The gate behind a scripted engine: every sign that a transcript was made up, from both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pixmo.audio.heard import Heard, Segment, Span, Word
from pixmo.errors import BadSetting
from pixmo.stages.check_transcript import CheckTranscript, Judged

LINES = (Path(__file__).parent.parent / "golden" / "spoken.txt").read_text("utf-8").splitlines()
NATURAL = dict(line.split("\t", 1) for line in LINES)
SPEECH_S = len(NATURAL["en"]) / 15


def heard(
    text: str = NATURAL["en"], language: str | None = "en", logprob: float | None = None, silence: float | None = None,
    start_s: float = 0.0, has_words: bool = True, seconds: float = SPEECH_S,
) -> Heard:  # fmt: skip
    """As an engine tells it: words at an even pace from a time on, one segment."""
    tokens = text.split()
    pace = seconds / max(1, len(tokens))
    words = tuple(Word(t, start_s + n * pace, start_s + (n + 1) * pace, 0.9) for n, t in enumerate(tokens))
    segments = (Segment(text, start_s, start_s + seconds, logprob, silence),)
    return Heard(text, language, None, segments, words if has_words else ())


def judged(*of: Heard, stage: CheckTranscript | None = None, speech_s: float = SPEECH_S, **columns: Any) -> Judged:
    """The verdict on a row whose recordings all hold speech from their first second on."""
    stage = stage or CheckTranscript()
    row = {
        "heard_outcome": ["ok"] * len(of), "heard_text": [h.text for h in of], "heard_language": [h.language for h in of],
        "heard_segments": [[s._asdict() for s in h.segments] for h in of], "heard_words": [[w._asdict() for w in h.words] for h in of],
        "speech_s": [speech_s] * len(of), "speech_spans": [[Span(0.0, speech_s)._asdict()]] * len(of), "second_text": None,
    } | columns  # fmt: skip
    batch = pa.RecordBatch.from_arrays([pa.array([row[f.name]], f.type) for f in stage.needs], schema=stage.needs)
    return Judged(**{name: values[0] for name, values in stage(batch).to_pydict().items()})


def findings(of: Heard, **columns: Any) -> list[str]:
    told = judged(of, **columns)
    assert told.transcript_ok == [not told.transcript_findings[0]]
    return told.transcript_findings[0]


@pytest.mark.parametrize("language", NATURAL)
def test_natural_speech_passes(language: str) -> None:
    """In four languages, with the usual thresholds, at the pace of each."""
    text = NATURAL[language]
    seconds = len(text) / (4 if language == "zh" else 15)
    assert findings(heard(text, language, seconds=seconds), speech_s=seconds) == []


def test_what_passes_becomes_a_transcript() -> None:
    """In the recordings' order, each with the number of its recording."""
    told = judged(heard(), heard("a cat " * 60), heard(f" {NATURAL['de']} ", "de"))
    assert told.transcript_ok == [True, False, True]
    assert told.transcripts == [NATURAL["en"], NATURAL["de"]]
    assert told.transcript_recording == [0, 2]


def test_every_verdict_has_its_score() -> None:
    """One column each; null where the engine gives no grounds."""
    told = judged(heard(logprob=-0.3, silence=0.01), second_text=[NATURAL["en"].replace("red", "green")])
    assert told.loop_share[0] < 0.15
    assert 1.5 < told.compression_ratio[0] < 2.2
    assert told.chars_per_s == [15.0]
    assert told.outside_speech_share == [0.0]
    assert 0 < told.disagreement[0] < 0.05
    assert (told.avg_logprob, told.no_speech_prob, told.stock_phrase) == ([-0.3], [0.01], [None])
    bare = judged(Heard(NATURAL["en"], None, None, (), ()))
    assert (bare.outside_speech_share, bare.disagreement, bare.avg_logprob, bare.no_speech_prob) == ([None],) * 4
    assert bare.transcript_ok == [True]


def test_a_loop_is_caught() -> None:
    """As engines make them when they feed on their own text."""
    assert findings(heard(NATURAL["en"] + " and then the cat" * 60)) == ["looping", "repetitive", "too_much_text"]
    assert findings(heard("a red bus " * 30)) == ["looping", "repetitive"]


@pytest.mark.parametrize(("share", "expected"), [(0.29, ["looping"]), (0.31, [])])
def test_the_share_of_a_loop_has_two_sides(share: float, expected: list[str]) -> None:
    """Nine of thirty words only repeat."""
    text = " ".join(f"w{n}" for n in range(18)) + " on a hill" * 4
    assert findings(heard(text, seconds=10.0), stage=CheckTranscript(max_loop_share=share), speech_s=10.0) == expected


def test_compression_has_two_sides() -> None:
    """The window that compresses best decides."""
    ratio = judged(heard()).compression_ratio[0]
    assert findings(heard(), stage=CheckTranscript(max_compression_ratio=ratio)) == []
    assert findings(heard(), stage=CheckTranscript(max_compression_ratio=ratio - 0.01)) == ["repetitive"]


@pytest.mark.parametrize(
    ("rate", "expected"), [(2.0, []), (1.99, ["too_little_text"]), (30.0, []), (30.01, ["too_much_text"])]
)
def test_nobody_speaks_so_slowly_or_so_fast(rate: float, expected: list[str]) -> None:
    """Characters per second of net speech, at both limits."""
    text = NATURAL["en"]
    assert findings(Heard(text, "en", None, (), ()), speech_s=len(text) / rate) == expected


def test_text_where_nobody_speaks_is_caught() -> None:
    """A fifth of it may be, by words or, where there are none, by segments."""
    assert findings(heard(start_s=0.15 * SPEECH_S)) == []
    assert findings(heard(start_s=0.25 * SPEECH_S)) == ["outside_speech"]
    assert findings(heard(start_s=0.7 * SPEECH_S, has_words=False)) == []
    assert findings(heard(start_s=0.9 * SPEECH_S, has_words=False)) == ["outside_speech"]


def test_text_for_silence_is_caught() -> None:
    """Without any speech there is no pace to measure, but every word is outside."""
    assert findings(heard("Hello, this is me."), speech_s=0.0, speech_spans=[[]]) == ["outside_speech"]


@pytest.mark.parametrize(
    "ending", ["Thanks for watching!", "Vielen Dank fürs Zuschauen.", "ご視聴ありがとうございました"]
)
def test_stock_phrases_are_caught(ending: str) -> None:
    """And named."""
    told = judged(heard(f"{NATURAL['en']} {ending}"))
    assert told.transcript_findings == [["stock_phrase"]]
    assert told.stock_phrase[0]


def test_a_language_that_is_no_code_is_refused() -> None:
    """Else it would leave out every transcript."""
    with pytest.raises(BadSetting, match="'en,de' is not a code"):
        CheckTranscript(languages=("en,de",))


def test_another_language_is_caught_where_languages_are_named() -> None:
    """By the code's first part; where none is named any will do, and where the engine does not say, none is held against it."""
    english = CheckTranscript(languages=("en", "pt-BR"))
    assert findings(heard(NATURAL["de"], "de"), stage=english) == ["other_language"]
    for language in ("en", "en-GB", "EN", "pt", None):
        assert findings(heard(language=language), stage=english) == []
    assert findings(heard(language="de")) == []


def test_two_engines_that_disagree_are_caught() -> None:
    """Half of the words may differ; a second engine that heard nothing disagrees, one that was not asked does not."""
    words = [f"w{n}" for n in range(20)]
    text = " ".join(words)
    for n, expected in ((10, []), (11, ["engines_disagree"])):
        second = " ".join(["other"] * n + words[n:])
        assert findings(heard(text, seconds=5.0), speech_s=5.0, second_text=[second]) == expected
    assert findings(heard(), second_text=[""]) == ["engines_disagree"]
    assert findings(heard(), second_text=[None]) == []


@pytest.mark.parametrize(
    ("logprob", "silence", "expected"),
    [
        (-1.0, 0.6, []), (-1.01, None, ["unsure"]), (-0.2, 0.61, ["no_speech"]), (-2.0, 0.9, ["unsure", "no_speech"]),
        (None, None, []),
    ],
)  # fmt: skip
def test_what_an_engine_doubts_itself_is_caught(
    logprob: float | None, silence: float | None, expected: list[str]
) -> None:
    """At both limits; engines that say nothing about themselves pass."""
    assert findings(heard(logprob=logprob, silence=silence)) == expected


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_no_text_is_empty(text: str | None) -> None:
    """Somebody spoke and nothing was understood."""
    told = judged(heard(""), heard_text=[text])
    assert (told.transcript_findings, told.transcripts, told.loop_share) == ([["empty"]], [], [None])


def test_what_could_not_be_heard_has_its_outcome_as_finding() -> None:
    """What was not asked for has none here: the recording's findings tell why."""
    nothing: dict[str, Any] = {
        name: [None, None] for name in ("heard_text", "heard_language", "heard_segments", "heard_words")
    }
    told = judged(heard(), heard(), heard_outcome=["crashed", None], **nothing)
    assert told.transcript_findings == [["crashed"], []]
    assert (told.transcript_ok, told.transcripts, told.transcript_recording) == ([False, False], [], [])


def test_rows_without_recordings_stay() -> None:
    """With empty lists, in place of nulls too."""
    empty = judged()
    stage = CheckTranscript()
    nulls = pa.RecordBatch.from_arrays([pa.nulls(1, f.type) for f in stage.needs], schema=stage.needs)
    assert {name: values[0] for name, values in stage(nulls).to_pydict().items()} == empty._asdict()
    assert set(map(tuple, empty)) == {()}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_loop_share": 30.0}, "max_loop_share is 30; give a share, 0 to 1"),
        ({"max_outside_share": -1.0}, "max_outside_share is -1; give a share, 0 to 1"),
        ({"min_chars_per_s": 40.0}, "min_chars_per_s is 40, above max_chars_per_s; no transcript fits"),
    ],
)
def test_thresholds_that_cannot_be_met_are_told(settings: dict[str, float], told: str) -> None:
    """Before anything is heard."""
    with pytest.raises(BadSetting) as caught:
        CheckTranscript(**settings)
    assert str(caught.value) == told


def test_somebody_who_says_one_thing_again_and_again_is_caught() -> None:
    """For real: a voice that loops, heard by pocketsphinx, which errs differently each time."""
    from pixmo.audio.decode import decode
    from pixmo.audio.speech import speech_spans
    from pixmo.engines.speech.open import open_engine
    from pixmo.engines.speech.settings import SpeechSettings
    from tests.speech import joined, say

    samples = decode(joined(*[say("the cat sleeps on the sofa", speed=170)] * 5, gap_s=0.6), 60.0).samples
    told = open_engine(SpeechSettings("sphinx")).hear(samples, speech_spans(samples))
    assert "looping" in findings(told, speech_s=11.0)
