"""What point texts share: units to scales, and what can be written."""

from __future__ import annotations

import math

import pytest

from pixmo.errors import BadRecord, BadSetting, UnknownName
from pixmo.records.places import Point, Unit
from pixmo.text import molmo1, molmo2
from pixmo.text.points import edges, pairs, scale_of


@pytest.mark.parametrize("model", [molmo1, molmo2])
@pytest.mark.parametrize(
    ("unit", "point"),
    [
        (Unit.PERCENT, Point(50, 25)),
        (Unit.UNIT_SQUARE, Point(0.5, 0.25)),
        (Unit.PER_MILLE, Point(500, 250)),
        (Unit.PIXELS, Point(320, 120)),
    ],
)
def test_a_place_reads_the_same_in_every_unit(model, unit, point):
    """The unit of a record and the size of its picture are all that is needed, to write a place and to read it."""
    scale = scale_of(unit, (640, 480))
    told = model.format_points(pairs([point]), "cup", scale=scale)
    assert told == model.format_points([(50, 25)], "cup")
    assert model.parse_points(told, scale=scale) == [(point.x, point.y)]


def test_pixels_need_the_size_of_the_picture():
    """Only pixels do; the error says how to tell it."""
    assert scale_of(Unit.PERCENT) == 100
    with pytest.raises(BadSetting, match=r"pass size_px=\(width, height\)"):
        scale_of(Unit.PIXELS)


@pytest.mark.parametrize("scale", [0, -1, math.nan, math.inf, (640, 0), (640, 480, 3), ()])
def test_a_scale_is_above_zero(scale):
    """Anything else is a wrong request, of whoever writes or reads."""
    with pytest.raises(BadSetting, match="a scale is one number above 0"):
        edges(scale)
    for model in (molmo1, molmo2):
        with pytest.raises(BadSetting):
            model.format_points([(1, 2)], "cup", scale=scale)
        with pytest.raises(BadSetting):
            model.parse_points("nothing", scale=scale)


@pytest.mark.parametrize("model", [molmo1, molmo2])
@pytest.mark.parametrize("nowhere", [math.nan, math.inf, -math.inf])
def test_a_point_that_is_nowhere_cannot_be_written(model, nowhere):
    """It is named; no text says nan."""
    with pytest.raises(BadRecord, match=r"points\[1\] of 'red cups'"):
        model.format_points([(1, 2), (3, nowhere)], "red cups")


@pytest.mark.parametrize("model", [molmo1, molmo2])
def test_a_point_too_far_away_cannot_be_written(model):
    """Finite, but no longer so when it is scaled."""
    with pytest.raises(BadRecord, match="too far outside of its picture"):
        model.format_points([(50, 1.7e308)], "red cups", scale=1e-3)


@pytest.mark.parametrize("model", [molmo1, molmo2])
def test_an_unknown_mode_is_refused(model):
    """With the nearest known one, also where there are no points."""
    with pytest.raises(UnknownName, match="no mode of pointing named 'pointcount'; did you mean 'point_count'"):
        model.format_points([], "cup", mode="pointcount")
