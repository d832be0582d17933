"""Molmo2's point texts: golden ones of the original code, and what holds for all."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadRecord, BadSetting, UnknownName
from pixmo.text.molmo2 import (
    format_multi_image,
    format_points,
    format_video,
    parse_grouped,
    parse_multi_image,
    parse_points,
)
from tests.text.point_texts import FRAGMENTS, LABELS, close, percent_points, sizes

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "prompts.json").read_text(encoding="utf-8"))
PARSED = GOLDEN["molmo2_parse_points"]
SEVERAL = GOLDEN["molmo2_parse_per_image_size"]
FORMATTED = {case["id"]: case for case in GOLDEN["molmo2_format"] if case["kind"] != "tracks"}


def written(case, version):
    """A golden case in our words."""
    told = dict(case["input"])
    points, label, scale = told.pop("points"), told.pop("label"), told.pop("scale")
    if case["kind"] == "image":
        return format_points(points, label, scale=as_scale(scale), **told)
    if case["kind"] == "multi_image":
        scales = [as_scale(one) for one in scale]
        return format_multi_image(told.pop("indices"), points, label, scale=scales, version=version, **told)
    return format_video(told.pop("timestamps"), points, label, scale=as_scale(scale), version=version, **told)


def as_scale(told):
    """JSON has no tuples."""
    return tuple(told) if isinstance(told, list) else told


@pytest.mark.parametrize("name", FORMATTED)
def test_golden_answers_are_written(name):
    """Letter by letter: rounding, order, numbers, modes, alternative texts, both versions."""
    case = FORMATTED[name]
    for version in ("html_v2", "html_v1"):
        assert written(case, version) == case.get(version, case["html_v2"])


@pytest.mark.parametrize("case", PARSED, ids=range(len(PARSED)))
def test_golden_texts_are_read(case):
    """By any of the forms, the current one first; with pictures and ids by the current one alone."""
    size = case["width"], case["height"]
    assert close(parse_points(case["text"], scale=size), case["points"], GOLDEN["tolerance"])
    assert close(parse_grouped(case["text"], scale=size), case["grouped"], GOLDEN["tolerance"])


@pytest.mark.parametrize("case", SEVERAL, ids=range(len(SEVERAL)))
def test_golden_texts_of_several_pictures_are_read(case):
    """Each in pixels of its own picture."""
    scales = list(zip(case["widths"], case["heights"], strict=True))
    assert close(parse_multi_image(case["text"], scales), case["grouped"], GOLDEN["tolerance"])


def test_the_golden_cases_are_not_few():
    """The cases above exist."""
    assert (len(FORMATTED), len(PARSED), len(SEVERAL)) == (19, 24, 2)


def test_points_in_a_picture_that_is_not_there_are_left_out():
    """Neither 0, nor 3 of two, nor 1.5 is one of two pictures."""
    text = '<points coords="0 1 100 100;1 2 200 200;1.5 3 300 300;3 4 400 400">x</points>'
    assert parse_multi_image(text, [1000, 1000]) == [(1, 2, 200.0, 200.0)]


def test_groups_are_written_in_order_without_empty_ones():
    """By picture or time; ids run on."""
    told = format_multi_image([3, 1, 2], [[(30, 30)], [(10, 10)], []], "dogs", scale=[100, 100, 100])
    assert told == '<points coords="1 1 100 100;3 2 300 300">dogs</points>'
    told = format_video([2.0, 0.5], [[(30, 30)], [(10, 10)]], "dogs", alt_text="a dog")
    assert told == '<points alt="a dog" coords="0.5 1 100 100;2.0 2 300 300">dogs</points>'


def test_points_outside_are_written_as_the_original_does():
    """To the edge where only x is outside; not where y is, and such a point is not read."""
    told = format_points([(105, 50), (-3, 20), (50, 105), (105, 105)], "edge")
    assert told == '<points coords="1 1 000 200 2 500 1050 3 1000 500 4 1050 1050">edge</points>'
    assert parse_points(told) == [(0.0, 20.0), (100.0, 50.0)]


def test_wrong_requests_are_refused():
    """Lists that do not belong together, a picture 0, a time that is none, a version that there is not."""
    with pytest.raises(BadSetting, match="2 pictures or moments, 1 lists of points, 1 scales"):
        format_multi_image([1, 2], [[]], "dogs", scale=[100])
    with pytest.raises(BadSetting, match="numbered from 1, not 0"):
        format_multi_image([0], [[(1, 2)]], "dogs", scale=[100])
    for time_s in (math.nan, math.inf, -0.5):
        with pytest.raises(BadRecord, match="'dogs' has points at"):
            format_video([time_s], [[(1, 2)]], "dogs")
    with pytest.raises(UnknownName, match="did you mean 'html_v2'"):
        format_multi_image([1], [[(1, 2)]], "dogs", scale=[100], version="html2")


def test_older_forms_are_tried_in_turn():
    """The first that has any points is taken, alone; among v1's last forms all are."""
    assert parse_points("Click(1.0, 2.0) 1 300 400") == [(1.0, 2.0)]
    assert parse_points("Click(1.0, 200.0) 1 300 400 2 5.0 6.0") == [(30.0, 40.0)]
    assert parse_points("7 5.0 6.0 (8.0, 9.0)") == [(5.0, 6.0)]
    assert parse_points('(8.0, 9.0) x="1" y="2" 7=100,200') == [(8.0, 9.0), (1.0, 2.0), (10.0, 20.0)]


def test_numbers_beyond_all_measure_are_no_points():
    """Neither a time nor an id of thousands of digits stops the reading of what is beside it."""
    long = "9" * 5000
    text = f'<points coords="{long} 1 100 100;1 {long} 200 200 2 300 300;1.2.3 1 400 400">x</points>'
    assert parse_grouped(text, scale=1000) == [(1.0, 2, 300.0, 300.0)]


@given(percent_points, sizes, LABELS, st.none() | LABELS)
def test_what_is_written_is_read_again(points, size, label, alt_text):
    """To half a thousandth of the picture, in order, in whatever unit, by both readers."""
    width, height = size
    pixels = [(min(x / 100 * width, width), min(y / 100 * height, height)) for x, y in points]
    told = format_points(pixels, label, scale=size, alt_text=alt_text, mode="count_then_point")
    read = parse_points(told)
    assert read == parse_points(told, strict=True)
    assert read == sorted(read)
    for axis in (0, 1):
        before, after = sorted(p[axis] for p in points), sorted(p[axis] for p in read)
        assert all(abs(b - a) <= 0.05 + 1e-6 for b, a in zip(before, after, strict=True))


@given(st.lists(percent_points, max_size=5), st.sampled_from(["html_v2", "html_v1"]))
def test_points_of_several_pictures_are_read_again(points, version):
    """With the picture of each, numbered through."""
    numbers = range(1, len(points) + 1)
    told = format_multi_image(numbers, points, "cups", scale=[100] * len(points), version=version)
    read = parse_multi_image(told, [100] * len(points))
    assert [place.id for place in read] == list(range(1, 1 + sum(map(len, points))))
    assert [[place.group for place in read].count(number) for number in numbers] == [len(here) for here in points]
    assert read == parse_grouped(told)
    assert [(place.x, place.y) for place in read] == parse_points(told, strict=True)


@given(st.lists(st.tuples(st.floats(0, 1e5), percent_points.filter(bool)), max_size=5))
def test_points_of_a_video_are_read_again(moments):
    """With their times, to a twentieth of a second."""
    times_s, points = [time_s for time_s, _ in moments], [here for _, here in moments]
    told = format_video(times_s, points, "cups", mode="point_count")
    read = parse_grouped(told)
    assert [(place.x, place.y) for place in read] == parse_points(told, strict=True)
    due = [time_s for time_s, here in sorted(moments, key=lambda moment: moment[0]) for _ in here]
    assert all(abs(place.group - time_s) <= 0.05 + 1e-6 for place, time_s in zip(read, due, strict=True))


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
def test_no_text_fails(text):
    """Whatever it is, points come out, inside of the picture."""
    assert all(0 <= x <= 64 and 0 <= y <= 48 for x, y in parse_points(text, scale=(64, 48)))
    assert all(place.group in (1, 2) for place in parse_multi_image(text, [(64, 48), 5]))
