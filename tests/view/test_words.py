"""Texts compared word by word, points in words and colours."""

from __future__ import annotations

import pytest

from pixmo.page.html import Html
from pixmo.view.card import headline
from pixmo.view.card_pieces import COLOURS, Expression, Face, Mark
from pixmo.view.clock_face import clock_face
from pixmo.view.marks import MOST_NUMBERED, PALETTE, letter, overlay
from pixmo.view.words import MOST_WORDS, Stretch, compare


def test_words_that_only_one_side_has_stand_alone() -> None:
    """Case and punctuation at a word's ends do not count."""
    found = compare("A red bus, here.", ["so a bus here now"])
    assert found.body == [Stretch("A ", False), Stretch("red ", True), Stretch("bus, here.", False)]
    assert found.others == [[Stretch("so ", True), Stretch("a bus here ", False), Stretch("now", True)]]
    assert found.is_whole


def test_a_word_that_any_transcript_has_is_not_new() -> None:
    """The caption is held against all of them."""
    assert compare("red bus", ["red", "bus"]).body == [Stretch("red bus", False)]


def test_long_texts_are_compared_at_their_beginning() -> None:
    """A thousand words of each."""
    found = compare("same " * 50_000, ["same " * 3])
    assert not found.is_whole
    assert sum(len(s.text.split()) for s in found.body) == MOST_WORDS


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", PALETTE)
def test_numbers_can_be_read_on_every_colour(colour: str) -> None:
    """White on it has a contrast of 4.5 at least."""
    assert 1.05 / (_light(colour) + 0.05) >= 4.5


def test_there_is_a_colour_for_each_and_a_letter_for_all() -> None:
    """Letters go on where colours come again."""
    assert len(set(PALETTE)) == COLOURS
    assert [letter(n) for n in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]


def test_a_drawing_says_its_points_in_words() -> None:
    """And has letters only where there are several to tell apart."""
    one = overlay([Expression("<cat>", (Mark(25, 75, 1),), 1)])
    assert one is not None
    assert 'aria-label="&lt;cat&gt;: 1 at 25.0 %, 75.0 %"' in one
    assert ">1</text>" in one
    two = overlay([Expression("cat", (Mark(25, 75, 1),), 1), Expression("dog", (Mark(1, 2, 1),), 1)])
    assert two is not None
    assert ">B1</text>" in two


def test_very_many_points_are_dots() -> None:
    """Numbers would hide the picture."""
    many = overlay(
        [Expression("dots", tuple(Mark(n % 100, n % 97, n) for n in range(MOST_NUMBERED + 1)), MOST_NUMBERED + 1)]
    )
    assert many is not None
    assert "<text" not in many
    assert many.count("<circle") == MOST_NUMBERED + 1


def test_a_clock_shows_the_hands_the_record_has() -> None:
    """At a quarter past three the minute hand points to the right; a second that is not shown has no hand."""
    drawn = clock_face(Face(3, 15, -1, "03:15"))
    assert isinstance(drawn, Html)
    assert 'class="minute" x1="50.00" y1="50.00" x2="84.00" y2="50.00"' in drawn
    assert 'class="second"' not in drawn
    assert "a clock that shows 03:15" in drawn


@pytest.mark.parametrize(
    ("text", "told"), [("a  b\nc", "a b c"), ("one two three", "one two …"), ("x" * 30, "x" * 10 + " …"), ("", "")]
)
def test_a_headline_ends_with_a_word(text: str, told: str) -> None:
    """Or within the first, where that is too long."""
    assert headline(text, 10) == told
