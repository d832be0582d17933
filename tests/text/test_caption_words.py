"""What a text says, as far as its words tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.text.caption_words import facts_of, normal, stem


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Twenty-five", ["25"]),
        ("two hundred and five", ["200", "and", "5"]),
        ("one, two, three", ["1", ",", "2", ",", "3"]),
        ("one two three", ["1", "2", "3"]),
        ("1,000 or 3.5", ["1000", "or", "3.5"]),
        ("a dozen", ["a", "12"]),
        ("a couple of cats", ["a", "2", "cat"]),
        ("nobody", ["no", "person"]),
    ],
)
def test_numbers_are_digits(text: str, tokens: list[str]) -> None:
    """However they are said."""
    assert list(normal(text)) == tokens


@pytest.mark.parametrize(
    "words",
    [
        "stand standing stands stood", "house houses", "smile smiling smiled smiles", "box boxes", "stop stopped stopping", "berry berries",
        "child kids children", "woman women lady", "grey gray", "glass glasses", "wear wearing worn", "lean leaning leans",
    ],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(words: str) -> None:
    """So that a caption may bend what was said."""
    assert len({stem(w) for w in words.split()}) == 1


@pytest.mark.parametrize("words", ["red ring", "bed bee", "sing sit", "bus bush", "ship sheep", "cat car"])
def test_other_words_have_other_stems(words: str) -> None:
    """Short words are left alone."""
    assert len({stem(w) for w in words.split()}) == 2


def test_numbers_colours_and_sides_are_apart() -> None:
    """They must be said exactly."""
    facts = facts_of("Two red cars on the left of a tall tree.")
    assert facts.exact == {"2", "red", "left"}
    assert facts.words == {"car", "tall", "tree"}
    assert facts.bound == {("2", "car"), ("red", "car")}


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("a black and white cat", {("black", "cat"), ("white", "cat")}),
        ("two small brown dogs", {("2", "dog"), ("brown", "dog")}),
        ("red, a car", set()),
        ("the house is blue", set()),
        ("a red door of a house", {("red", "door")}),
    ],
)
def test_an_attribute_belongs_to_the_word_after_it(text: str, bound: set[tuple[str, str]]) -> None:
    """Sizes may stand between; grammar may not."""
    assert facts_of(text).bound == bound


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("there are no people in the street", {"person"}),
        ("no cars or people and a dog", {"car", "person"}),
        ("the dog is not wearing a collar", {"wear", "collar"}),
        ("it is not a dog, a cat", {"dog"}),
        ("it's not a dog it's a cat", {"dog"}),
        ("a house without windows", {"window"}),
        ("no people. two or three dogs", {"person"}),
        ("nobody sits there", {"person"}),
        ("it isn't red", {"red"}),
    ],
)
def test_what_is_denied(text: str, denied: set[str]) -> None:
    """The noun after `no`, verb and noun after `not`, lists with `or`."""
    assert facts_of(text).denied == denied


def test_a_word_of_the_same_root_counts() -> None:
    """Five letters alike and nearly as long."""
    facts = facts_of("a building with reflections")
    assert facts.has("reflect")
    assert not facts.has("buildingmaster")
    assert not facts.has("with")


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Nothing raises, and what is denied or affirmed was said."""
    facts = facts_of(text)
    assert facts.denied | facts.affirmed == facts.all
