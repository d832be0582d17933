"""Molmo v1's point texts: golden ones of the original code, and what holds for all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import UnknownName
from pixmo.text.molmo1 import format_points, is_point_answer, parse_points
from tests.text.point_texts import FRAGMENTS, LABELS, close, percent_points, sizes

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "prompts.json").read_text(encoding="utf-8"))
PARSED = GOLDEN["v1_parse_points"]


def size_of(case):
    """The picture of a golden case."""
    return case["image_width"], case["image_height"]


@pytest.mark.parametrize("case", PARSED, ids=range(len(PARSED)))
def test_golden_texts_are_read(case):
    """To the pixel of the original, but each click once; `legacy` finds clicks twice."""
    right = case.get("corrected", case["points"])
    assert close(parse_points(case["text"], scale=size_of(case)), right, GOLDEN["tolerance"])
    assert close(parse_points(case["text"], scale=size_of(case), legacy=True), case["points"], GOLDEN["tolerance"])


@pytest.mark.parametrize("case", PARSED, ids=range(len(PARSED)))
def test_golden_answers_are_points_and_nothing_else(case):
    """Or are not."""
    assert is_point_answer(case["text"]) == case["whole_answer_is_point_format"]


POINTED = [
    (case["example"], case["messages"][-1].strip())
    for case in GOLDEN["v1_format"]
    if case["example"].get("style") in ("pointing", "point_count") and not case["for_inference"]
]


@pytest.mark.parametrize(("example", "answer"), POINTED, ids=range(len(POINTED)))
def test_golden_answers_are_written(example, answer):
    """Letter by letter: rounding, order, none, counts, pixels stored as float32."""
    label = example["label"].lower() if "label" in example else example["question"]
    told = format_points(
        example["points"],
        label,
        scale=tuple(example["image_size"]) if "image_size" in example else example["point_scale"],
        mode="point" if example["style"] == "pointing" else "point_count",
        dtype=example.get("points_dtype"),
    )
    assert told == answer


def test_the_golden_answers_are_not_few():
    """The cases above exist."""
    assert len(POINTED) >= 10
    assert len(PARSED) == 26


def test_halves_round_to_even_after_multiplying():
    """As numpy does; 12.35 is a little less than it says, and yet becomes 12.4."""
    assert 'x="12.4" y="12.2"' in format_points([(12.35, 12.25)], "dot")


def test_the_type_of_the_points_decides_halves():
    """42 of 224 px is 18.75 percent, written 18.7 in float64 and 18.8 in float32, each by its own last bit."""
    assert 'x="18.7"' in format_points([(42, 0)], "dot", scale=(224, 224))
    assert 'x="18.8"' in format_points([(42, 0)], "dot", scale=(224, 224), dtype="float32")
    with pytest.raises(UnknownName, match="type of coordinates"):
        format_points([(1, 2)], "dot", dtype="int8")


def test_order_is_that_of_what_is_written():
    """By x, then y, after rounding."""
    told = format_points([(20.04, 9), (19.96, 5), (3, 70)], "dots")
    assert told.startswith('<points x1="3.0" y1="70.0" x2="20.0" y2="5.0" x3="20.0" y3="9.0" ')


def test_an_alternative_text():
    """The words inside the tag, and what it points at."""
    assert format_points([(1, 2)], "it", alt_text="a cup") == '<point x="1.0" y="2.0" alt="a cup">it</point>'
    assert format_points([(1, 2)], "it", alt_text="") == '<point x="1.0" y="2.0" alt="">it</point>'


def test_there_is_no_minus_zero():
    """A point a hair outside of the picture is at its edge; no parser reads -0.0."""
    assert parse_points(format_points([(-0.04, -0.0)], "dot")) == [(0.0, 0.0)]


def test_points_outside_are_written_as_they_are_and_not_read():
    """As the original does; `check` finds them in records."""
    told = format_points([(105, 50), (-3, 20), (7, 8)], "edge")
    assert 'x1="-3.0" y1="20.0"' in told
    assert 'x3="105.0" y3="50.0"' in told
    assert parse_points(told) == [(7.0, 8.0)]


def test_a_click_is_found_once_among_brackets():
    """Clicks come first, as the original sorts them; brackets that are no click are kept."""
    text = "(1.0, 2.0) Click(3.0, 4.0) Click(5.0 6.0)"
    assert close(parse_points(text), [(3, 4), (1, 2), (5, 6)], 1e-9)
    assert close(parse_points(text, legacy=True), [(3, 4), (1, 2), (3, 4), (5, 6)], 1e-9)


@given(percent_points, sizes, LABELS, st.sampled_from([None, "float32"]))
def test_what_is_written_is_read_again(points, size, label, dtype):
    """To a twentieth of a percent, in order, in whatever unit, by both readers; one answer is points and nothing else."""
    width, height = size
    told = format_points([(x / 100 * width, y / 100 * height) for x, y in points], label, scale=size, dtype=dtype)
    read = parse_points(told)
    assert read == parse_points(told, strict=True)
    assert read == sorted(read)
    for axis in (0, 1):
        before, after = sorted(p[axis] for p in points), sorted(p[axis] for p in read)
        assert all(abs(b - a) <= 0.05 + 1e-4 for b, a in zip(before, after, strict=True))
    assert is_point_answer(told) == bool(points)


@given(percent_points)
def test_what_was_read_is_written_again(points):
    """A text of ours says the same after reading and writing."""
    told = format_points(points, "cup", mode="point_count")
    assert format_points(parse_points(told), "cup", mode="point_count") == told


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
def test_no_text_fails(text):
    """Whatever it is, points come out, inside of the picture."""
    for legacy in (False, True):
        assert all(0 <= x <= 64 and 0 <= y <= 48 for x, y in parse_points(text, scale=(64, 48), legacy=legacy))
    assert is_point_answer(text) in (True, False)
