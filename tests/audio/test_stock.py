"""Phrases that models make up where nobody speaks."""

from __future__ import annotations

import pytest

from pixmo.audio.stock import CREDITS, SENTENCES, stock_phrase


@pytest.mark.parametrize("phrase", SENTENCES)
def test_a_stock_sentence_is_found(phrase: str) -> None:
    """In any case, with any punctuation, at the end of a good text."""
    assert stock_phrase(f"There is a cat on a sofa. {phrase.capitalize()}!") == phrase


@pytest.mark.parametrize("phrase", CREDITS)
def test_credits_are_found_anywhere(phrase: str) -> None:
    """With whatever name follows."""
    assert stock_phrase(f"A cat. {phrase.capitalize()} Somebody Else.") == phrase


def test_a_turkish_capital_is_its_letter() -> None:
    """Engines write it with its dot."""
    assert stock_phrase("İzlediğiniz için teşekkürler.") == "izlediğiniz için teşekkürler"


def test_a_segment_is_a_sentence_where_there_is_no_punctuation() -> None:
    """Engines write what they made up as a segment of its own."""
    text = "there is a cat on a sofa thanks for watching"
    assert stock_phrase(text) is None
    assert stock_phrase(text, ("there is a cat on a sofa", " thanks for watching")) == "thanks for watching"


@pytest.mark.parametrize(
    "text",
    [
        "A man is watching television, and the screen says please subscribe to the channel of the museum.",
        "At the bottom of the film there are subtitles in French.",
        "That is all. Thank you.",
        "The sign says thanks for watching your step.",
        "Zwei Kinder schauen zu, vielen Dank.",
        "",
    ],
)
def test_what_people_say_of_pictures_is_no_stock_phrase(text: str) -> None:
    """Words of the list within a sentence of one's own."""
    assert stock_phrase(text) is None
