"""The one pass over `coords` finds what plain searches find, which take long on long texts."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from pixmo.text.molmo2_coords import coords_in, triples
from tests.text.point_texts import FRAGMENTS

OF_COORDINATES = "0123456789 .,;:\t"


def tags_of(text):
    """Looks for coordinates from each beginning of a tag to the end of its line, then goes on behind them."""
    found, start = [], 0
    while start < len(text):
        coords, end = coords_after(text, start) if text.startswith(("<points", "<tracks"), start) else (None, start)
        found += [coords] if coords else []
        start = end if coords else start + 1
    return found


def coords_after(text, start):
    """The first complete coordinates of a line, and where they end."""
    line = text[: text.index("\n", start)] if "\n" in text[start:] else text
    for at in range(start + len("<points"), len(line)):
        if line.startswith(' coords="', at):
            begin = end = at + len(' coords="')
            while end < len(line) and line[end] in OF_COORDINATES:
                end += 1
            closing = next((c for c in ('">', '"/>') if line.startswith(c, end)), None)
            if end > begin and closing:
                return line[begin:end], end + len(closing)
    return None, start


texts = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)
digits = st.text("0123456789 .", max_size=40)


@given(texts)
@example('<points <points coords="1" coords="2"> coords="3"/> <tracks\n coords="4"/><points coords="5"/>')
def test_tags_are_found_as_a_plain_search_finds_them(text):
    """The same coordinates, in the same order."""
    assert list(coords_in(text)) == tags_of(text)


@given(st.one_of(digits, texts), st.sampled_from(["[0-9]{3,4}", "[0-9]{3}", r"[0-9]+\.[0-9]"]))
@example("1 100 20055 300 400 6 700 800", "[0-9]{3,4}")
@example("1 100 200 300 400 500", "[0-9]{3}")
def test_triples_are_found_as_the_plain_pattern_finds_them(text, coordinate):
    """Also where a number is part of an id and of a coordinate before it."""
    plain = re.compile(rf"([0-9]+) ({coordinate}) ({coordinate})")
    ours = re.compile(rf"(?<=[0-9]) ({coordinate}) ({coordinate})")
    assert list(triples(text, ours)) == plain.findall(text)
