"""Molmo2's tracks: golden texts of the original code, and what holds for all."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadRecord
from pixmo.text.molmo2_tags import read_tags
from pixmo.text.molmo2_tracks import NO_TRACKS, Moment, Seen, format_tracks, parse_tracks
from tests.text.point_texts import FRAGMENTS

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "prompts.json").read_text(encoding="utf-8"))
FORMATTED = {case["id"]: case for case in GOLDEN["molmo2_format"] if case["kind"] == "tracks"}
PARSED = GOLDEN["molmo2_parse_tracks"]


def moments_of(told):
    """Golden moments as ours."""
    return [
        Moment(one["time"], [Seen(p["object"], tuple(p["point"]), p.get("occluded", False)) for p in one["points"]])
        for one in told
    ]


@pytest.mark.parametrize("name", FORMATTED)
def test_golden_tracks_are_written(name):
    """Letter by letter: numbers by first appearance, occluded ones left out, both versions."""
    told = dict(FORMATTED[name]["input"])
    moments, label, scale = moments_of(told.pop("tracks")), told.pop("label"), told.pop("scale")
    scale = tuple(scale) if isinstance(scale, list) else scale
    for version in ("html_v2", "html_v1"):
        assert format_tracks(moments, label, scale=scale, version=version, **told) == FORMATTED[name][version]


@pytest.mark.parametrize("case", PARSED, ids=range(len(PARSED)))
def test_golden_tracks_are_read(case):
    """Moments in order, the first place of each id."""
    frames = parse_tracks(case["text"], fps=case["fps"], scale=(case["width"], case["height"]))
    assert [(frame.time_s, frame.frame) for frame in frames] == [(f["time"], f["frame"]) for f in case["frames"]]
    for frame, told in zip(frames, case["frames"], strict=True):
        assert {str(id_): pytest.approx(point, abs=GOLDEN["tolerance"]) for id_, point in frame.points.items()} == {
            id_: tuple(point) for id_, point in told["points"].items()
        }


def test_the_golden_cases_are_not_few():
    """The cases above exist."""
    assert (len(FORMATTED), len(PARSED)) == (4, 5)


def test_where_all_is_occluded_there_are_no_tracks():
    """As where there are no moments."""
    assert format_tracks([Moment(0.0, [Seen(1, (5, 5), True)])], "balls") == NO_TRACKS == format_tracks([], "balls")
    assert parse_tracks(NO_TRACKS, fps=2) == []


def test_only_start_and_end_are_of_what_is_visible():
    """A thing that is occluded at its last moment ends at the one before; one seen once is told once."""
    moments = [
        Moment(2.0, [Seen(7, (30, 30)), Seen(8, (40, 40))]),
        Moment(0.0, [Seen(7, (10, 10))]),
        Moment(1.0, [Seen(7, (20, 20))]),
        Moment(3.0, [Seen(7, (50, 50), True)]),
    ]
    told = format_tracks(moments, "cars", start_end_only=True, alt_text="a car")
    assert told == '<tracks alt="a car" coords="0.0 1 100 100;2.0 1 300 300 2 400 400">cars</tracks>'


def test_what_is_nowhere_cannot_be_written():
    """Neither a place nor a time."""
    with pytest.raises(BadRecord, match=r"points\[0\] of 'cars'"):
        format_tracks([Moment(0.0, [Seen(1, (math.nan, 5))])], "cars")
    with pytest.raises(BadRecord, match="'cars' has points at inf s"):
        format_tracks([Moment(math.inf, [Seen(1, (5, 5))])], "cars")


PLACES = st.tuples(st.integers(0, 99), st.integers(0, 99), st.floats(0, 0.4), st.floats(0, 0.4))
things = st.lists(
    st.tuples(st.integers(-5, 99), PLACES.map(lambda p: (p[0] + p[2], p[1] + p[3]))),
    max_size=6,
    unique_by=(
        lambda one: one[0],
        lambda one: (int(one[1][0]), int(one[1][1])),
    ),  # places that cannot be taken for each other
).map(dict)


@given(st.dictionaries(st.integers(0, 999), things, max_size=6))
def test_what_is_written_is_read_again(told):
    """Each thing keeps one id through all moments, and is where it was to half a thousandth of the picture."""
    moments = [Moment(tenth / 10, [Seen(*one) for one in seen.items()]) for tenth, seen in told.items()]
    text = format_tracks(moments, "balls")
    frames = parse_tracks(text, fps=10)
    assert [frame.frame for frame in frames] == sorted(tenth for tenth, seen in told.items() if seen)
    ids = {}
    for frame in frames:
        seen = told[frame.frame]
        assert sorted(ids.setdefault(thing, id_) for thing, id_ in matched(seen, frame.points)) == sorted(frame.points)
    assert sorted(set(ids.values())) == list(range(1, len(ids) + 1))
    places = [place for tag in read_tags(text) for place in tag.places]
    assert len(places) == sum(len(frame.points) for frame in frames)


def matched(seen, points):
    """Things and the ids at their places; things at one place are told apart by nothing."""
    left = dict(points)
    for thing, (x, y) in sorted(seen.items(), key=lambda one: (round(one[1][0], 9), round(one[1][1], 9))):
        id_ = min(left, key=lambda id_: max(abs(left[id_][0] - x), abs(left[id_][1] - y)))
        assert max(abs(left[id_][0] - x), abs(left[id_][1] - y)) <= 0.05 + 1e-6
        del left[id_]
        yield thing, id_


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
def test_no_text_fails(text):
    """Whatever it is, moments come out, in order."""
    times_s = [frame.time_s for frame in parse_tracks(text, fps=29.97)]
    assert times_s == sorted(set(times_s))
