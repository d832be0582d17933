"""The one pass over `coords` finds what the plain patterns of the grammar find, which take long on long texts."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from pixmo.text.molmo2_coords import coords_in, triples
from tests.text.point_texts import FRAGMENTS

PLAIN_TAG = re.compile(r'<(?:points|tracks).*? coords="([0-9\t:;, .]+)"/?>')
"""A tag's beginning, anything in its line, its coordinates: looks for the latter anew from each beginning."""

texts = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)
digits = st.text("0123456789 .", max_size=40)


@given(texts)
@example('<points <points coords="1" coords="2"> coords="3"/> <tracks\n coords="4"/><points coords="5"/>')
def test_tags_are_found_as_the_plain_pattern_finds_them(text):
    """The same coordinates, in the same order."""
    assert list(coords_in(text)) == PLAIN_TAG.findall(text)


@given(st.one_of(digits, texts), st.sampled_from(["[0-9]{3,4}", "[0-9]{3}", r"[0-9]+\.[0-9]"]))
@example("1 100 20055 300 400 6 700 800", "[0-9]{3,4}")
@example("1 100 200 300 400 500", "[0-9]{3}")
def test_triples_are_found_as_the_plain_pattern_finds_them(text, coordinate):
    """Also where a number is part of an id and of a coordinate before it."""
    plain = re.compile(rf"([0-9]+) ({coordinate}) ({coordinate})")
    ours = re.compile(rf"(?<=[0-9]) ({coordinate}) ({coordinate})")
    assert list(triples(text, ours)) == plain.findall(text)
