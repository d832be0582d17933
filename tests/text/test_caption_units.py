"""Numbered units of transcripts: nothing lost, never long, with characters and seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.text.caption_units import MOST, Timed, n_words, units_of


def texts(*transcripts: str | None) -> list[str]:
    return [u.text for u in units_of(transcripts)]


def spoken(text: str, word_s: float = 0.3, pauses: dict[int, float] | None = None) -> list[Timed]:
    """Words of even length, with a pause in seconds before some of them."""
    timed, now = [], 0.0
    for number, word in enumerate(text.split()):
        now += (pauses or {}).get(number, 0.0)
        timed.append(Timed(" " + word, now, now + word_s))
        now += word_s
    return timed


@given(st.lists(st.one_of(st.none(), st.text(), st.text("ab ,.\n狗。", max_size=300)), max_size=4))
def test_no_word_is_lost(transcripts: list[str | None]) -> None:
    """Units are stretches of their transcript, in order, and what lies between them is white space."""
    at = dict.fromkeys(range(len(transcripts)), 0)
    for unit in units_of(transcripts):
        text = transcripts[unit.transcript] or ""
        assert unit.text == text[unit.start : unit.end] != ""
        assert not text[at[unit.transcript] : unit.start].strip()
        assert n_words(unit.text) <= MOST
        at[unit.transcript] = unit.end
    assert not any((text or "")[at[n] :].strip() for n, text in enumerate(transcripts))


def test_ids_count_transcripts_and_units_from_one() -> None:
    """A blank transcript has no units and keeps its number."""
    assert [u.id for u in units_of(["One dog. Two cats.", None, "  ", "A house."])] == ["1.1", "1.2", "4.1"]


def test_a_sentence_ends_a_unit() -> None:
    """Also a short one; a decimal point ends none."""
    assert texts("A dog! It weighs 3.5 kilos. Good.") == ["A dog!", "It weighs 3.5 kilos.", "Good."]


def test_a_comma_ends_a_unit_only_when_enough_was_said() -> None:
    """Else lists would fall apart."""
    said = "a red, green and blue flag hangs from the wall, and below it stands a chair"
    assert texts(said) == ["a red, green and blue flag hangs from the wall,", "and below it stands a chair"]


def test_without_any_punctuation_units_are_cut_at_connectives() -> None:
    """What a recogniser without punctuation wrote."""
    said = "there is a brown dog standing on the very green grass and a white house stands behind it"
    assert texts(said) == [
        "there is a brown dog standing on the very green grass",
        "and a white house stands behind it",
    ]


def test_a_pause_ends_a_unit() -> None:
    """A long one always, a short one when enough was said."""
    said = "a dog a house with two small windows a tree"
    timed = spoken(said, pauses={2: 1.0, 8: 0.5})
    assert [u.text for u in units_of([said], [timed])] == ["a dog", "a house with two small windows", "a tree"]


def test_units_know_their_seconds() -> None:
    """From the first of its words to the last; unknown where nothing is known."""
    said = "A brown dog. A house."
    first, second = units_of([said], [spoken(said, 0.5, {3: 2.0})])
    assert [(u.start_s, u.end_s) for u in (first, second)] == [(0.0, 1.5), (3.5, 4.5)]
    assert [(u.start_s, u.end_s) for u in units_of([said])] == [(None, None)] * 2


def test_segments_give_their_seconds_too() -> None:
    """A unit within a segment has the segment's seconds: coarser, never narrower than it was."""
    units = units_of(
        ["A brown dog. It sleeps. A house."],
        [[Timed("A brown dog. It sleeps.", 0.0, 3.0), Timed("A house.", 3.2, 4.0)]],
    )
    assert [(u.start_s, u.end_s) for u in units] == [(0.0, 3.0), (0.0, 3.0), (3.2, 4.0)]


def test_words_that_are_not_in_the_text_are_passed_over() -> None:
    """A recogniser's words and text may differ; what follows keeps its seconds."""
    timed = [Timed("A", 0.0, 0.1), Timed("[noise]", 0.1, 0.2), Timed("dog.", 0.2, 0.5), Timed("", 0.5, 0.6)]
    (unit,) = units_of(["A dog."], [timed])
    assert (unit.start_s, unit.end_s) == (0.0, 0.5)


@pytest.mark.parametrize("said", ["x" * 10_000, "狗" * 500, "ก" * 1000], ids=["letters", "chinese", "thai"])
def test_scripts_without_spaces_are_cut_too(said: str) -> None:
    """No unit grows without end."""
    units = units_of([said])
    assert "".join(u.text for u in units) == said
    assert max(len(u.text) for u in units) <= 40 * MOST
