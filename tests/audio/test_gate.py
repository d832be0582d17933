"""Scores of transcripts: what is made up, what loops, what stands where nobody speaks."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.audio.gate import (
    TOLERANCE_S,
    chars_per_s,
    compression_ratio,
    disagreement,
    edits,
    loop_share,
    mean_score,
    outside_speech_share,
    words_of,
)
from pixmo.audio.heard import Segment, Span, Word

NATURAL: dict[str, str] = dict(
    line.split("\t", 1)
    for line in (Path(__file__).parent.parent / "golden" / "spoken.txt").read_text("utf-8").splitlines()
)
SPEECH = [Span(1.0, 3.0), Span(5.0, 8.0)]


def word(text: str, start_s: float, end_s: float) -> Word:
    return Word(text, start_s, end_s, None)


def segment(text: str, start_s: float, end_s: float, logprob: float | None = None) -> Segment:
    return Segment(text, start_s, end_s, logprob, None)


def test_words_are_compared_without_case_and_punctuation() -> None:
    """Contractions stay one word; scripts without spaces count by character."""
    assert words_of("The Cat's there, isn’t it? 12 cats!") == ["the", "cat's", "there", "isn't", "it", "12", "cats"]
    assert words_of("一只猫 cat") == ["一", "只", "猫", "cat"]


@pytest.mark.parametrize("language", NATURAL)
def test_natural_speech_neither_loops_nor_compresses(language: str) -> None:
    """Descriptions of pictures repeat themselves a little; the usual thresholds are 0.3 and 2.4."""
    assert loop_share(NATURAL[language]) < 0.15
    assert compression_ratio(NATURAL[language]) < 2.2


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("a cat " * 10, 18 / 20),
        ("no no no", 0.0),
        ("no no no no", 3 / 4),
        ("very very very very nice", 3 / 5),
        ("I think I think it is", 0.0),
        ("I think I think I think it is", 4 / 8),
        ("there is a big red bus on the street", 0.0),
        ("there is a big red bus on the street " * 2, 9 / 18),
        ("猫" * 10, 9 / 10),
    ],
)
def test_loop_share_is_the_share_of_words_that_only_repeat(text: str, share: float) -> None:
    """What people say twice in a row is no loop; a long sentence twice is."""
    assert loop_share(text) == pytest.approx(share)


def test_a_loop_with_something_in_between_is_a_loop() -> None:
    """Engines hear a phrase that is repeated a little differently now and then."""
    text = " ".join(f"the red bus is waiting {odd}" for odd in ("there", "here", "now", "well", "still"))
    assert loop_share(text) > 0.6


@pytest.mark.parametrize(
    ("phrase", "times", "share"),
    [
        ("on the old sofa", 2, 0),
        ("on the old sofa", 3, 8),
        ("on the sofa", 3, 0),
        ("on the sofa", 4, 9),
        ("the sofa", 9, 0),
    ],
)
def test_phrases_that_come_again_and_again(phrase: str, times: int, share: int) -> None:
    """Four words count from the third time on, three from the fourth; people say two as often as they like."""
    text = " ".join(f"{phrase} w{n}" for n in range(times))
    assert loop_share(text) == pytest.approx(share / len(text.split()))


def test_a_loop_at_the_end_of_good_text_counts_for_its_share() -> None:
    """So a threshold can tell a slip from a transcript gone wild."""
    good = NATURAL["en"]
    assert loop_share(good + " and the" * 4) < 0.1
    assert loop_share(good + " and the" * 200) > 0.6


@pytest.mark.parametrize("text", ["", "  ", "...", "!?"])
def test_no_words_have_no_loop(text: str) -> None:
    """Nothing to score."""
    assert loop_share(text) is None


def test_compression_is_that_of_whisper() -> None:
    """Bytes over bytes of zlib, for text of about 30 s."""
    text = NATURAL["en"][:400]
    assert compression_ratio(text) == len(text.encode()) / len(zlib.compress(text.encode()))


def test_a_loop_in_a_long_text_still_compresses() -> None:
    """Good text around it does not hide it, and long good text is not taken for a loop."""
    good = " ".join(NATURAL.values())
    assert compression_ratio(good) < 2.2
    assert compression_ratio(good + " so so so" * 60 + good) > 4


def test_no_text_has_no_compression() -> None:
    """Nothing to score."""
    assert compression_ratio("  ") is None


def test_characters_per_second_count_speech_alone() -> None:
    """Nobody speaks: no rate."""
    assert (chars_per_s(" abcdefghij ", 2.0), chars_per_s("abc", 0.0), chars_per_s("abc", None)) == (5.0, None, None)


def test_words_where_nobody_speaks_count_by_their_characters() -> None:
    """A word is judged by its middle; engines may be off by 0.3 s."""
    words = [
        word("aa", 1.0, 2.0),
        word("bb", 3.0, 3.0 + 2 * TOLERANCE_S - 0.01),
        word("cccc", 4.0, 4.2),
        word("dd", 7.0, 9.0),
    ]
    assert outside_speech_share(words, [], SPEECH) == pytest.approx(4 / 10)


def test_a_word_just_beyond_the_tolerance_is_outside() -> None:
    """Before, between and after the speech."""
    for at_s in (
        1.0 - TOLERANCE_S - 0.01,
        3.0 + TOLERANCE_S + 0.01,
        5.0 - TOLERANCE_S - 0.01,
        8.0 + TOLERANCE_S + 0.01,
    ):
        assert outside_speech_share([word("a", at_s, at_s)], [], SPEECH) == 1.0
    for at_s in (
        1.0 - TOLERANCE_S + 0.01,
        3.0 + TOLERANCE_S - 0.01,
        5.0 - TOLERANCE_S + 0.01,
        8.0 + TOLERANCE_S - 0.01,
    ):
        assert outside_speech_share([word("a", at_s, at_s)], [], SPEECH) == 0.0


def test_without_words_segments_are_judged_by_their_overlap() -> None:
    """A segment holds pauses: a fifth of speech is enough."""
    segments = [segment("aaaa", 0.0, 5.0), segment("bb", 3.0, 5.0), segment("cc", 10.0, 20.0), segment("dd", 6.0, 6.0)]
    assert outside_speech_share([], segments, SPEECH) == pytest.approx(4 / 10)


def test_all_text_is_outside_where_nobody_speaks() -> None:
    """Made up for silence."""
    assert outside_speech_share([word("hello", 0.0, 1.0)], [], []) == 1.0


def test_without_times_there_is_no_share() -> None:
    """An engine that gives a text alone is not judged by times."""
    assert outside_speech_share([], [], SPEECH) is None


WORDS = st.lists(st.sampled_from("abcd"), max_size=70)


@given(WORDS, WORDS)
def test_edits_are_the_levenshtein_distance(ours: list[str], theirs: list[str]) -> None:
    """As the table everybody learns gives it, also beyond 64 words."""
    row = list(range(len(theirs) + 1))
    for at, mine in enumerate(ours, 1):
        before, row = row, [at]
        for n, other in enumerate(theirs, 1):
            row.append(min(before[n] + 1, row[-1] + 1, before[n - 1] + (mine != other)))
    assert edits(ours, theirs) == row[-1]


def test_disagreement_is_over_the_longer_text() -> None:
    """The same, half of it, nothing of it; case and punctuation are no difference."""
    assert disagreement("A red bus.", "a red bus") == 0.0
    assert disagreement("a red bus stop", "a red car") == 0.5
    assert disagreement("a red bus", "") == 1.0
    assert disagreement("", "") is None


def test_scores_of_an_engine_are_weighted_by_text() -> None:
    """A long sure segment outweighs a short unsure one; segments without a score do not count."""
    segments = [segment("a" * 90, 0, 5, -0.2), segment("b" * 10, 5, 6, -2.2), segment("c", 6, 7)]
    assert mean_score(segments, "avg_logprob") == pytest.approx(-0.4)
    assert mean_score(segments, "no_speech_prob") is None
