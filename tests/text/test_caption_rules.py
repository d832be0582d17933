"""Captions without a language model: the rules take away, and add no fact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.text.caption_rules import clean, write
from pixmo.text.caption_units import Timed, units_of
from pixmo.text.caption_words import facts_of


@pytest.mark.parametrize(
    ("said", "written"),
    [
        # fillers
        ("um a brown dog", "A brown dog."),
        ("a brown, uh, dog, you know, on grass", "A brown dog on grass."),
        ("three houses, uh, the first is red", "Three houses, the first is red."),
        ("it has let me count three floors", "It has three floors."),
        ("a ball, like, in his hand", "A ball in his hand."),
        ("it looks like a hummingbird", "It looks like a hummingbird."),
        ("do you know what the umbrella is for", "Do you know what the umbrella is for."),
        # said twice, broken off
        ("the the dog", "The dog."),
        ("in front of in front of a house", "In front of a house."),
        ("th- the dog", "The dog."),
        ("the sign says 7 7 7", "The sign says 7 7 7."),
        ("a sign with one one two on it", "A sign with one one two on it."),
        # lead-ins
        ("in this picture I see a dog", "There is a dog."),
        ("In this image, we can see two dogs", "There are two dogs."),
        ("okay so i can see that there is a dog", "There is a dog."),
        ("in this picture I see the dark blue sea", "The dark blue sea."),
        ("and on the left we can also see another car", "On the left there is another car."),
        ("I think it is a church", "Perhaps it is a church."),
        # nothing to write
        ("um", ""),
        ("okay", ""),
        ("let me see", ""),
        ("that's it.", ""),
        ("", ""),
        # left alone
        ("A man, tall and thin, waits.", "A man, tall and thin, waits."),
        ("two dogs no wait three dogs", "Two dogs no wait three dogs."),
        ("这是一只狗。", "这是一只狗。"),
    ],
    ids=range(26),
)
def test_speech_becomes_writing(said: str, written: str) -> None:
    """One stretch of speech as one sentence."""
    assert clean(said) == written


SAYINGS = st.lists(
    st.sampled_from(
        [
            "um",
            "uh",
            "okay",
            "so",
            "well",
            "and",
            "I",
            "think",
            "we",
            "can",
            "see",
            "you",
            "know",
            "the",
            "the",
            "a",
            "a",
            "two",
            "dogs",
            "red",
            "car",
            "no",
            "not",
            "like",
            ",",
            ".",
            "in",
            "this",
            "picture",
            "there",
            "is",
            "left",
        ]
    ),
    max_size=25,
).map(" ".join)


@given(SAYINGS)
def test_the_rules_invent_nothing(said: str) -> None:
    """No content word, number, colour or side that was not said."""
    assert facts_of(clean(said)).all <= facts_of(said).all


def test_sentences_end_where_speech_did() -> None:
    """At full stops, and at long pauses where a recogniser writes no full stops."""
    said = "a dog sleeps on a mat and behind it a cat"
    timed = [Timed(w, n + (2.0 if n > 5 else 0), n + 0.9 + (2.0 if n > 5 else 0)) for n, w in enumerate(said.split())]
    draft = write(units_of([said, "A dog. A cat."], [timed]))
    assert [s.text for s in draft.sentences] == ["A dog sleeps on a mat.", "Behind it a cat."]


def test_a_long_run_is_cut_at_a_fresh_start() -> None:
    """Without pauses and full stops."""
    said = "um in this picture i see a brown dog standing on the very green grass and there is a white house behind it with two windows"
    assert [s.text for s in write(units_of([said])).sentences] == [
        "There is a brown dog standing on the very green grass.",
        "There is a white house behind it with two windows.",
    ]


def test_sentences_cite_their_units_and_fillers_are_told() -> None:
    """Each unit is either in a sentence or left out as an artefact."""
    draft = write(units_of(["Um. A dog sleeps. Okay. It is brown."]))
    assert [(s.text, s.units) for s in draft.sentences] == [("A dog sleeps.", ("1.2",)), ("It is brown.", ("1.4",))]
    assert draft.omitted == (("1.1", "artefact"), ("1.3", "artefact"))


def test_of_several_transcripts_the_longest_is_taken() -> None:
    """Rules cannot tell what two people say alike; the first of equals."""
    draft = write(units_of(["A dog.", "A brown dog sleeps.", "A black dog sleeps."]))
    assert [s.units for s in draft.sentences] == [("2.1",)]


def test_nothing_said_is_nothing_written() -> None:
    """No units, and units of fillers only."""
    assert write([]).sentences == ()
    assert write(units_of(["um, uh"])).sentences == ()
