"""No text takes long: eight times the length takes about eight times the time of the processor, where going back would take 64."""

from __future__ import annotations

import contextlib
import time

import pytest

from pixmo.text import molmo1, molmo2
from pixmo.text.counting import parse_count
from pixmo.text.points_strict import BadPointText

SHORT, LONG = 32_000, 256_000
BAR = 28  # of 8 for one pass and 64 for going back once for each character: room for a machine that is not ours alone


def strictly(model):
    """A strict reader, whose verdict does not matter here."""

    def read(text):
        with contextlib.suppress(BadPointText):
            model.parse_points(text, strict=True)

    return read


READERS = {
    "molmo1": molmo1.parse_points,
    "molmo1 strict": strictly(molmo1),
    "molmo1 answer": molmo1.is_point_answer,
    "molmo2": molmo2.parse_points,
    "molmo2 strict": strictly(molmo2),
    "molmo2 tracks": lambda text: molmo2.parse_tracks(text, fps=2),
    "count": parse_count,
}
# before, what is repeated, after
TEXTS = {
    "beginnings of tags": ("", "<points", ""),
    "digits": ("", "1", ""),
    "quotes": ("", '"', ""),
    "coordinates without end": ("", 'coords="1 1 ', ""),
    "coordinates without a tag": ("", ' coords="1 1 100 100"/>', ""),
    "digits in coordinates": ('<points coords="', "1", '">x</points>'),
    "triples without an end": ('<points coords="1 ', "1 111 ", '">x</points>'),
    "groups": ('<points coords="', "1 ;", '">x</points>'),
    "moments": ('<tracks coords="', "0.0 1 100 100;", '0.0 1 100 100">x</tracks>'),
    "attributes without end": ("", 'x="', ""),
    "space in an attribute": ('x="1"', " ", ""),
    "space before =": ("1", " ", ""),
    "numbers before =": ("", "1 = ", ""),
    "a long number in brackets": ("(", "1", ""),
    "clicks": ("", "Click(1.", ""),
    "an answer of attributes": ("<points ", 'x1="1" y1="1" ', ""),
    "an answer of brackets": ("", "(1, 2)\n", "x"),
    "ends of alternative texts": ('<point x="1" y="1" alt="', '">', ""),
    "tags of one point": ("", '<point x="1.0" y="1.0" alt="">a</point>', ""),
    "tags that count": ("Counting the ", '<points coords="1 1 100 100">x</points>', ""),
    "decimals": ("1", " 1.1", ""),
    "totals": ("", "a total of ", ""),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", TEXTS)
def test_time_grows_with_the_length(reader, name):
    """By the time of the processor, the least of three."""
    before, part, after = TEXTS[name]
    short, long = (before + part * (length // len(part)) + after for length in (SHORT, LONG))
    read = READERS[reader]
    assert seconds(read, long) <= BAR * max(seconds(read, short), 0.0005)


def seconds(read, text):
    """The least time of three."""
    least = float("inf")
    for _ in range(3):
        begun = time.process_time()
        read(text)
        least = min(least, time.process_time() - begun)
    return least
