"""Values no honest row has: told as findings, or refused at the border by the place they stand in; never a crash."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings

from pixmo.errors import BadRecord
from pixmo.records.arrow import batch_of, records_of, schema_of
from pixmo.records.base import Finding
from pixmo.records.caption import Caption
from pixmo.records.clock import Clock
from pixmo.records.judgement import Judgement, Statement, Verdict
from pixmo.records.places import Mask, Orientation, Point, Unit
from pixmo.records.points import Points
from tests.records.strategies import HELD, lists_of_one_kind, records

HUGE = 10**400
TOO_LONG = 10**5000  # more digits than Python spells


def points(**told: object) -> Points:
    given = {"label": "cup", "points": (), "unit": Unit.PIXELS, "orientation": Orientation.UNKNOWN}
    return Points(**(given | told))


def rules(record: Points) -> list[str]:
    return [found.rule for found in record.findings()]


@settings(deadline=None, max_examples=200)
@given(records(HELD))
def test_findings_never_raise_whatever_a_record_holds(record):
    """Numbers larger than any float or than Python spells, half characters, sides below nothing: findings that can be shown."""
    found = list(record.findings())
    assert all(isinstance(f, Finding) and len(f.detail.encode()) < 1000 for f in found)


@settings(deadline=None, max_examples=150)
@given(lists_of_one_kind(HELD))
def test_records_become_arrow_or_are_refused(told):
    """Either the batch gives the same records back, or BadRecord says which record cannot be held."""
    kind, some = told
    try:
        batch = batch_of(some, kind)
    except BadRecord as error:
        refused = str(error)
    else:
        assert batch.schema.equals(schema_of(kind))
        assert [repr(r) for r in records_of(batch, kind)] == [repr(kind.from_dict(r.to_dict())) for r in some]
        return
    assert refused.startswith("record ")


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (points(count=TOO_LONG), "count_differs"),
        (points(count=-HUGE), "count_negative"),
        (points(image_width_px=-TOO_LONG, image_height_px=1), "size_not_positive"),
        (points(unit=Unit.PERCENT, points=(Point(HUGE, 1.0),)), "not_finite"),
        (points(points=(Point(1.0, 1.0),), masks=(Mask(1, HUGE, (0, HUGE)),)), "mask_broken"),
        (points(points=(Point(-1.0, -1.0),), unit=Unit.PERCENT, masks=(Mask(-2, -2, (0, 4)),)), "mask_broken"),
    ],
    ids=["count", "below none", "size", "place", "mask", "mask below nothing"],
)
def test_a_number_out_of_all_proportion_is_a_finding(record, told):
    """Told like any other broken value."""
    assert told in rules(record)


def test_a_picture_wider_than_any_float_holds_every_place():
    """Nothing is outside of it; that it is absurd is another matter."""
    assert rules(points(image_width_px=HUGE, image_height_px=2, points=(Point(5.0, 1.0),))) == []


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (points(count=2**63), r"record 1: Points\.count is 9223372036854775808, more than 64 bits"),
        (points(masks=(Mask(1, 1, (2**64,)),)), r"record 1: Points\.masks\[0\]\.runs\[0\] is \d+, more than 64 bits"),
        (points(label="a\ud800"), r"record 1: Points\.label is 'a\\ud800', which holds half a character"),
        (Caption(caption="a", transcripts=()), r"record 1 is a Caption, should be Points"),
    ],
    ids=["number", "number inside", "text", "another kind"],
)
def test_what_arrow_cannot_hold_is_refused_by_its_place(record, told):
    """The record by its number, the value by its path; a batch without its values would be a loss nobody sees."""
    with pytest.raises(BadRecord, match=told):
        batch_of([points(), record], Points)


def test_a_whole_number_is_written_as_the_coordinate_it_is():
    """Larger than any int64, and still exactly a float."""
    (again,) = records_of(batch_of([points(points=(Point(2**80, 1),))], Points), Points)
    assert again.points == (Point(2.0**80, 1.0),)


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (HUGE, "which 64 bits do not hold exactly"),
        (TOO_LONG, "a number too long to spell"),
        (2**53 + 1, "9007199254740993, which 64 bits do not hold exactly"),
    ],
    ids=["no float", "not even spelled", "between two floats"],
)
def test_a_whole_number_that_no_coordinate_holds_is_refused(x, told):
    """Taking the nearest would be mending it."""
    with pytest.raises(BadRecord, match=rf"Point\.x is .*{told}"):
        Point.from_dict({"x": x, "y": 0})


def test_a_whole_number_is_a_coordinate():
    """JSON does not tell 1.0 from 1."""
    told = Point.from_dict({"x": 3, "y": 2**53})
    assert (told, type(told.x)) == (Point(3.0, 2.0**53), float)


def test_half_a_character_is_refused():
    """JSON can spell one, no Arrow or Parquet file can hold it."""
    with pytest.raises(BadRecord, match=r"Caption\.transcripts\[1\] is '\\udfff'"):
        Caption.from_dict({"caption": "a", "transcripts": ["fine 🦜", "\udfff"]})


def test_text_of_no_encoding_is_refused_and_the_rows_before_it_are_read():
    """Bytes that are no UTF-8 under the name of text: BadRecord at that row and not before."""
    texts = pa.array([b"one", b"two", b"\xff"]).view(pa.string())
    batch = pa.RecordBatch.from_arrays([texts, pa.array([[]] * 3, pa.list_(pa.string()))], ["caption", "transcripts"])
    read = records_of(batch, Caption)
    assert [next(read), next(read)] == [Caption(caption=c, transcripts=()) for c in ("one", "two")]
    with pytest.raises(BadRecord, match=r"Caption cannot be read: .*utf-8"):
        next(read)


def test_a_label_ends_in_no_control_character():
    """Neither at its end, where white space would be forgiven."""
    assert rules(points(label="cup\n")) == ["label_control_characters"]
    assert rules(points(label="cup ")) == []


def clock(hour: int, second: int, shows_seconds: bool, text: str) -> Clock:
    return Clock(
        example_id="a/b_c", watchface_id="a", watchface_name="c", watch_time="003_2020-06-28T08:15:30", time_format="Without AM/PM",
        shows_seconds=shows_seconds, hour_visible=hour, minute_visible=-1 if hour == -1 else 15, second_visible=second, text=text,
    )  # fmt: skip


def test_seconds_are_hidden_exactly_when_they_are_not_shown():
    """Seconds that are said to be shown and are -1, too; a clock that shows no time shows no seconds."""
    assert [f.rule for f in clock(8, -1, True, "8:15").findings()] == ["time_half_shown"]
    assert [f.rule for f in clock(8, 30, False, "8:15").findings()] == ["time_half_shown"]
    assert list(clock(8, 30, True, "8:15:30").findings()) == []
    assert list(clock(-1, -1, True, "The time is not shown").findings()) == []


def test_each_statement_after_the_first_of_an_id_is_told():
    """By its own place."""
    some = tuple(Statement(statement_id=one, text="a", verdict=Verdict.NO) for one in "abaa")
    told = Judgement(model="m", caption="c", judge="j", protocol="p", metric="recall", statements=some).findings()
    assert [f.path for f in told] == ["statements[2].statement_id", "statements[3].statement_id"]
