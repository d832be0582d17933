"""Strict reading: all that is written as the model was trained to, and the first fault of all else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import PixmoError
from pixmo.text import molmo1, molmo1_tags, molmo2, molmo2_tags
from pixmo.text.points_strict import BadPointText
from tests.text.point_texts import FRAGMENTS

ONE = '<point x="61.5" y="40.4" alt="cup">cup</point>'
TWO = '<points x1="1.0" y1="2.0" x2="30.5" y2="100.0" alt="a cup">it</points>'

V1_FAULTS = {
    "": (0, "no tag, and not 'There are none.'"),
    "There are none": (0, "no tag"),
    "Click(1.0, 2.0)": (0, "no tag"),
    'See <point x="1.0" y="2.0" alt="a">a': (35, "the label does not end with '</point>'"),
    '<point x="1.0" y="2.0" alt="a': (28, "the alternative text does not end with '\">'"),
    '<point x="1.0" y="2.0">a</point>': (22, "' alt=\"' is due"),
    "<point": (6, "a <point> tag has one point"),
    '<point x="1.0" y="2.0" x="1.0" y="2.0" alt="a">a</point>': (22, "' alt=\"' is due"),
    '<points x1="1.0" y1="2.0" alt="a">a</points>': (25, "a <points> tag has two points or more"),
    '<points x1="1.0" y1="2.0" x3="3.0" y3="4.0" alt="a">a</points>': (25, "x3 and y3 where x2 and y2 are due"),
    '<points x1="1.0" y2="2.0" x2="3.0" y2="4.0" alt="a">a</points>': (7, "x1 and y2 where x1 and y1 are due"),
    '<point x="100.1" y="2.0" alt="a">a</point>': (10, "'100.1' is no percentage with one decimal"),
    '<point x="1.0" y="2" alt="a">a</point>': (18, "'2' is no percentage"),
    '<point x="01.0" y="2.0" alt="a">a</point>': (10, "'01.0' is no percentage"),
    '<point x="-1.0" y="2.0" alt="a">a</point>': (10, "'-1.0' is no percentage"),
    ONE + "</point>": (len(ONE), "</point> closes nothing"),
    f"Counting the {TWO} shows a total of 3.": (len(TWO) + 31, "it tells 3 and points at 2"),
    '<points coords="1 1 100 200">a</points>': (7, "a <points> tag has two points or more"),
}


@pytest.mark.parametrize("text", V1_FAULTS, ids=range(len(V1_FAULTS)))
def test_molmo1_tells_the_first_fault(text):
    """Where it is, and what is wrong there."""
    position, reason = V1_FAULTS[text]
    with pytest.raises(BadPointText) as caught:
        molmo1.parse_points(text, strict=True)
    assert caught.value.fault.position == position
    assert reason in caught.value.fault.reason
    assert isinstance(caught.value, PixmoError)
    assert str(caught.value) == f"at character {position}: {caught.value.fault.reason}"


def test_molmo1_tells_all_of_a_tag():
    """Points, label, alternative text and where it stands, among free words."""
    text = f"The {ONE} beside {TWO}."
    first, second = molmo1_tags.read_tags(text, scale=(200, 100))
    assert first == (((123.0, 40.4),), "cup", "cup", 4, 4 + len(ONE))
    assert second.points == ((2.0, 2.0), (61.0, 100.0))
    assert (second.label, second.alt_text, text[second.start : second.end]) == ("it", "a cup", TWO)
    assert molmo1_tags.read_tags("There are none.") == []


def tag(coords, label="x"):
    """A tag around coordinates, which begin at character 16."""
    return f'<points coords="{coords}">{label}</points>'


V2_FAULTS = {
    "": (0, "no tag, and not 'There are none.'"),
    ONE: (0, "no tag"),
    "<points": (7, "' coords=\"' is due"),
    '<points alt="a': (13, "the alternative text does not end with"),
    '<points coords="1 1 100 200"/>': (27, "'\">' is due"),
    '<points coords="1 1 100 200">cup': (29, "the label does not end with '</points>'"),
    tag(""): (16, "the number of a picture or a time"),
    tag("0 1 100 200"): (16, "the number of a picture or a time"),
    tag("1 1 100"): (17, "an id and two coordinates"),
    tag("1 1 50 200"): (17, "an id and two coordinates"),
    tag("1 1 1001 200"): (17, "an id and two coordinates"),
    tag("1 1 100 2000"): (17, "an id and two coordinates"),
    tag("1 1 100 200 2 300"): (27, "an id and two coordinates"),
    tag("1 1 100 200 3 300 400"): (28, "id 3 where 2 is due"),
    tag("1 1 100 200;1 2 300 400"): (28, "in order"),
    tag("2 1 100 200;1 2 300 400"): (28, "in order"),
    tag("1 1 100 200;2.0 2 300 400"): (28, "in order"),
    tag("2.0 1 100 200;1.0 2 300 400"): (30, "in order"),
    tag("1 1 100 200;2 2 300 400\t3 3 500 600"): (39, "'\\t' between groups, and ';' before"),
    tag("1 1 100 200;"): (28, "in order"),
    tag("1 1 100 200,2 2 300 400"): (27, "'\">' is due"),
    tag("1 1 100 200") + "</points>": (39, "</points> closes nothing"),
    f"There are 2 {tag('1 1 100 200')}.": (10, "it tells 2 and points at 1"),
    f"Counting the {tag('1 1 100 200')} shows a total of 5.": (70, "it tells 5 and points at 1"),
    '<tracks coords="0.0 2 100 100 1 200 200">x</tracks>': (30, "id 1 where 3 or more is due"),
}


@pytest.mark.parametrize("text", V2_FAULTS, ids=range(len(V2_FAULTS)))
def test_molmo2_tells_the_first_fault(text):
    """Where it is, and what is wrong there."""
    position, reason = V2_FAULTS[text]
    with pytest.raises(BadPointText) as caught:
        molmo2.parse_points(text, strict=True)
    assert caught.value.fault.position == position
    assert reason in caught.value.fault.reason


def test_molmo2_tells_all_of_a_tag():
    """Places with picture and id, label, alternative text, where it stands; words around, both separators."""
    told = '<points alt="a cup" coords="1 1 100 200;3 2 1000 000">it</points>'
    (found,) = molmo2_tags.read_tags(f"The {told}.", scale=(200, 100))
    assert found == ("points", ((1, 1, 20, 20), (3, 2, 200, 0)), "it", "a cup", 4, 4 + len(told))
    (older,) = molmo2_tags.read_tags(told.replace(";", "\t"), scale=(200, 100))
    assert older.places == found.places
    (track,) = molmo2_tags.read_tags('<tracks coords="0.0 1 100 100;0.5 1 200 200 3 300 300">x</tracks>', scale=1000)
    assert [place.id for place in track.places] == [1, 1, 3]
    assert molmo2_tags.read_tags("There are none.") == molmo2_tags.read_tags("No tracks available.") == []


def test_words_are_free_where_they_are_no_sentence_that_counts():
    """Two tags, or more words, and a number is just a word."""
    one = tag("1 1 100 200")
    for text in (f"There are 2 {one} here.", f"There are 2 {one}{one}", f"a total of 7 {one}"):
        assert molmo2.parse_points(text, strict=True)


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
def test_a_text_is_read_or_has_a_fault_in_it(text):
    """Nothing else happens; what is read strictly is read tolerantly, too."""
    for model in (molmo1, molmo2):
        fault = fault_of(model, text)
        if fault is None:
            assert set(model.parse_points(text, strict=True)) <= set(model.parse_points(text))
        else:
            assert 0 <= fault.position <= len(text)


def fault_of(model, text):
    """The verdict of a strict reader."""
    try:
        model.parse_points(text, strict=True)
    except BadPointText as error:
        return error.fault
    return None
