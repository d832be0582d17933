"""Which files are one recording, by their sound."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from pixmo.audio.decode import decode
from pixmo.audio.fingerprint import BITS, SAME, distance, fingerprint
from pixmo.audio.heard import Span
from pixmo.audio.speech import net_spans
from tests.speech import amplified, encoded, mixed, noise, say, silence

TEXTS = (
    "The picture shows a red bus in front of an old brick house, and three people are waiting beside it.",
    "A small brown dog runs over the wet grass with a yellow ball in its mouth.",
    "There is a wooden table with two cups of coffee, a newspaper and a vase full of white flowers.",
    "Many boats lie in the harbour, most of them blue, and behind them is a row of colourful houses.",
)


@functools.cache
def mark(sound: bytes) -> str:
    samples = decode(sound, 600.0).samples
    found = fingerprint(samples, net_spans(samples))
    assert found is not None
    return found


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "ogg": lambda s: encoded(s, "ogg", 24_000),
    "webm": lambda s: encoded(s, "webm", 16_000),
    "mp3": lambda s: encoded(s, "mp3", 32_000),
    "m4a": lambda s: encoded(s, "m4a"),
    "flac": lambda s: encoded(s, "flac"),
    "quieter": lambda s: amplified(s, -12.0),
    "louder": lambda s: amplified(s, 6.0),
    "noisy": lambda s: mixed(s, noise(3.0, -45.0)),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_clip_is_known_again(how: str) -> None:
    """Encoded anew with few bits, made louder or quieter, with some noise."""
    assert max(distance(mark(say(t)), mark(SPOILT[how](say(t)))) for t in TEXTS) <= SAME


def test_other_words_of_the_same_voice_are_another_clip() -> None:
    """Far from the threshold."""
    assert min(distance(mark(say(a)), mark(say(b))) for a, b in combinations(TEXTS, 2)) > 2.5 * SAME


def test_the_same_words_of_another_voice_are_another_clip() -> None:
    """Two people who say the same are two people, even where both are machines."""
    voices = ("en-us", "en-gb", "en-us+f3")
    for text in TEXTS:
        marks = [mark(say(text, voice)) for voice in voices]
        assert min(distance(a, b) for a, b in combinations(marks, 2)) > SAME


def test_a_fingerprint_has_one_size() -> None:
    """1,024 bits, however long the clip."""
    assert {len(mark(say(t))) * 4 for t in (*TEXTS, " ".join(TEXTS))} == {BITS}


def test_distance_is_the_share_of_bits_that_differ() -> None:
    """0 for the same, 1 for the opposite."""
    one = "a5" * (BITS // 8)
    assert (distance(one, one), distance(one, "5a" * (BITS // 8)), distance(one, "a4" + one[2:])) == (
        0.0,
        1.0,
        1 / BITS,
    )


def test_silence_has_no_fingerprint() -> None:
    """Else all silent recordings would be one."""
    samples = decode(silence(5.0), 60.0).samples
    assert fingerprint(samples, net_spans(samples)) is None


def test_a_word_is_too_little_to_know_a_clip_by() -> None:
    """From one second on there is a fingerprint."""
    samples = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    assert fingerprint(samples, [Span(0.5, 1.49)]) is None
    assert fingerprint(samples, [Span(0.5, 0.8), Span(1.3, 1.6)]) is not None
