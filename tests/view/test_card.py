"""A row as what is shown of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.page.html import join
from pixmo.records.arrow import Label, annotation_type, grouped_schema, labelled
from pixmo.records.base import Record
from pixmo.records.caption import Caption
from pixmo.records.clock import Clock
from pixmo.records.count import Count
from pixmo.records.docs import AskedOnce, Document, DocumentPoints, Pointed
from pixmo.records.explanation import Explanation
from pixmo.records.image_set import ImageSetPoints, PointedAcross
from pixmo.records.judgement import Judgement, Statement, Verdict
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer
from pixmo.records.video import VideoCaption, VideoPoints
from pixmo.view.card import Card, card_of
from pixmo.view.card_pieces import (
    Chip,
    Chips,
    Code,
    Compared,
    Conversation,
    Face,
    Frame,
    Mark,
    Sound,
    Text,
    Verdicts,
    Word,
)
from pixmo.view.pieces import blocks_of, legend
from pixmo.view.source import Unread, open_data
from tests.view.serving import points, write_set

WHERE: dict[str, Any] = {"unit": Unit.PERCENT, "orientation": Orientation.UPRIGHT}


def card(tmp_path: Path, record: Record, frame: Frame | None = None, **columns: list[Any]) -> Card:
    """The card of one record, written and read again."""
    data = open_data(str(write_set(tmp_path / "set.parquet", [record], **columns)))
    (row,) = data.read([0])
    return card_of(0, row, 0, lambda picture: frame)


def test_points_are_percent_of_the_upright_picture(tmp_path: Path) -> None:
    """Numbered in their order, under their label."""
    shown = card(tmp_path, points("cat", (25, 75), (10, 20)))
    (told,) = shown.expressions
    assert told.label == shown.title == "cat"
    assert told.marks == (Mark(25, 75, 1), Mark(10, 20, 2))
    assert shown.badges == ("2 points",)


@pytest.mark.parametrize(
    ("unit", "point"),
    [
        (Unit.PERCENT, (25, 75)),
        (Unit.UNIT_SQUARE, (0.25, 0.75)),
        (Unit.PER_MILLE, (250, 750)),
        (Unit.PIXELS, (100, 225)),
    ],
)
def test_every_unit_means_the_same_place(tmp_path: Path, unit: Unit, point: tuple[float, float]) -> None:
    """Pixels are of the picture of the size beside them."""
    shown = card(tmp_path, points("cat", point, unit=unit, image_width_px=400, image_height_px=300))
    assert shown.expressions[0].marks == (Mark(25, 75, 1),)


@pytest.mark.parametrize(
    ("turn", "stored"), [(1, (25, 75)), (2, (75, 75)), (3, (75, 25)), (4, (25, 25)), (5, (75, 25)), (6, (75, 75)), (7, (25, 75)), (8, (25, 25))]
)  # fmt: skip
def test_points_of_the_stored_picture_turn_with_it(tmp_path: Path, turn: int, stored: tuple[float, float]) -> None:
    """Each of EXIF's eight turns brings them to 25, 75 of the upright picture."""
    shown = card(tmp_path, points("cat", stored, orientation=Orientation.STORED), Frame(300, 400, turn))
    assert shown.expressions[0].marks == (Mark(25, 75, 1),)


def test_pixels_without_a_size_are_of_the_picture_itself(tmp_path: Path) -> None:
    """Of an unknown picture they cannot be placed, and the card says so."""
    record = points("cat", (100, 225), unit=Unit.PIXELS)
    assert card(tmp_path, record, Frame(300, 400, 6)).expressions[0].marks == (Mark(25, 75, 1),)
    lost = card(tmp_path, record).expressions[0]
    assert lost.marks == ()
    assert lost.why == "the picture's size is not known"
    assert not lost.is_absent


def test_no_points_say_that_it_is_not_in_the_picture(tmp_path: Path) -> None:
    """Which a counted number contradicts."""
    assert card(tmp_path, points("unicorn")).badges == ("not in the picture",)
    counted = Count(image_url="https://e.org/a.jpg", label="car", count=3, points=None, **WHERE)
    assert card(tmp_path, counted).badges == ()
    assert not card(tmp_path, counted).expressions[0].is_absent


def test_a_caption_stands_beside_its_transcripts(tmp_path: Path) -> None:
    """And beside what a model predicted."""
    record = Caption(image_url="https://e.org/a.jpg", caption="A cat.", transcripts=("one cat", "a cat"))
    shown = card(tmp_path, record, prediction=["A dog."])
    assert Compared("Caption", "A cat.", (("Transcript 1", "one cat"), ("Transcript 2", "a cat"))) in shown.blocks
    assert Compared("Prediction", "A dog.", (("Truth", "A cat."),), frozenset({"prediction"})) in shown.blocks
    assert shown.urls == ("https://e.org/a.jpg",)
    assert any("caption_short" in fault for fault in shown.faults)


def test_a_conversation_is_turns(tmp_path: Path) -> None:
    """Also one that is folded into the question."""
    record = QuestionAnswer(
        question="[USER] What? [ASSISTANT] A bus. [USER] Red? [ASSISTANT]",
        answer="Yes.",
        image_url="https://e.org/a.jpg",
    )
    assert card(tmp_path, record).blocks == (Conversation(("What?", "A bus.", "Red?", "Yes.")),)


def test_an_explanation_has_its_places_inside(tmp_path: Path) -> None:
    """Each placeholder is a chip tied to the expression of its points; broken tags leave plain turns."""
    record = Explanation(
        question="Where?", response="r", parsed_response="Here <|POINT|>, there <|POINT|>.", alt_text=("a", "b"), inline_text=("one", "two"),
        points=((Point(1, 2),), (Point(3, 4), Point(5, 6))), **WHERE,
    )  # fmt: skip
    shown = card(tmp_path, record)
    assert shown.blocks == (Chips("Where?", ("Here ", Chip("one", 0), ", there ", Chip("two", 1), ".")),)
    assert [(e.label, e.total) for e in shown.expressions] == [("a", 1), ("b", 2)]
    unread = Explanation(
        question="Where?", response="<point", parsed_response=None, alt_text=(), inline_text=(), points=(), **WHERE
    )
    assert card(tmp_path, unread).blocks == (Conversation(("Where?", "<point")),)


def test_documents_have_their_questions_and_code(tmp_path: Path) -> None:
    """The code they were drawn from is shown when it is asked for."""
    record = Document(questions=(AskedOnce(question="Which?", answer="This.", explanation="Because."),))
    shown = card(tmp_path, record, code=["plot()"])
    assert shown.blocks == (Conversation(("Which?", "This."), "Because."), Code("code", "plot()", frozenset({"code"})))
    pointed = card(
        tmp_path,
        DocumentPoints(questions=(Pointed(question="Where is it?", name="it", points=(Point(1, 2),)),), **WHERE),
    )
    assert pointed.expressions[0].label == "it"


def test_clocks_sets_of_pictures_videos_and_judgements_are_shown(tmp_path: Path) -> None:
    """Every kind of record has its drawing."""
    clock = Clock(
        example_id="e", watchface_id="w", watchface_name="n", watch_time="t", time_format="f", shows_seconds=True, hour_visible=8, minute_visible=15,
        second_visible=30, text="08:15:30",
    )  # fmt: skip
    assert card(tmp_path, clock).blocks == (Face(8, 15, 30, "08:15:30"),)
    across = ImageSetPoints(labels=(PointedAcross(label="cat", points=((Point(1, 2),), (), (Point(3, 4),))),), **WHERE)
    shown = card(tmp_path, across)
    assert shown.pictures == 3
    assert shown.expressions[0].marks == (Mark(1, 2, 1, 0), Mark(3, 4, 2, 2))
    video = VideoPoints(
        video_id="v", label="ball", two_fps_timestamps=(0.5,), points=((Point(1, 2),),), unit=Unit.PERCENT
    )
    assert card(tmp_path, video).blocks == (Text("ball: 1 points at 1 moments, in percent", "0.5 s: (1, 2)"),)
    assert card(tmp_path, VideoCaption(video_id="v", merged_caption="A dog runs.")).title == "A dog runs."
    said = Statement(statement_id="s1", text="There is a cat.", verdict=Verdict.NO, reason="none seen")
    judged = card(
        tmp_path,
        Judgement(
            image_url="https://e.org/a.jpg",
            model="m",
            caption="c",
            judge="j",
            protocol="p",
            metric="recall",
            statements=(said,),
        ),
    )
    (verdicts,) = [b for b in judged.blocks if isinstance(b, Verdicts)]
    assert verdicts.statements[0].verdicts == ("no",)


def test_verdicts_and_recordings_come_from_their_columns(tmp_path: Path) -> None:
    """As `pixmo eval` and `pixmo caption` leave them; what is shown so is no fact any more."""
    record = Caption(image_url="https://e.org/a.jpg", caption="A cat.", transcripts=("one cat",))
    words = [{"text": " one", "start_s": 0.5, "end_s": 0.9, "probability": None}]
    shown = card(
        tmp_path, record, statements=[["A cat."]], consistency_verdicts=[[["yes"], ["no"]]], recording_sha256=[["ab"]], heard_words=[[words]],
        duration_s=[[12.3]], cap_f1=[0.5],
    )  # fmt: skip
    (verdicts,) = [b for b in shown.blocks if isinstance(b, Verdicts)]
    assert verdicts.statements[0] == ("A cat.", ("yes", "no"), "")
    (sound,) = [b for b in shown.blocks if isinstance(b, Sound)]
    assert sound.words == (Word(" one", 0.5, 0.9),)
    assert sound.told == "12 s"
    assert dict(shown.facts) == {"cap_f1": 0.5, "duration_s": [12.3]}


def test_predicted_points_lie_beside_the_true_ones(tmp_path: Path) -> None:
    """Read as Molmo writes them."""
    shown = card(tmp_path, points("cat", (25, 75)), prediction=['<point x="26.0" y="70.5" alt="cat">cat</point>'])
    (_, mine) = shown.expressions
    assert mine.is_predicted
    assert mine.marks == (Mark(26, 70.5, 1),)


def test_rows_that_are_no_records_are_cards_all_the_same(tmp_path: Path) -> None:
    """A row that cannot be read, and one that is not what its file says."""
    assert card_of(5, Unread(5, "cut off")).faults == ("cut off",)
    shown = card(tmp_path, points("cat", (float("nan"), 1), (5, 5)))
    assert shown.expressions[0].marks == (Mark(5, 5, 2),)
    assert any("not_finite" in fault for fault in shown.faults)


def test_a_grouped_row_has_every_annotation_of_its_picture(tmp_path: Path) -> None:
    """Each label is an expression, those without points are told."""
    annotations = [{s.name: None for s in annotation_type(Points)} | told for told in (
        {"label": "cat", "points": [{"x": 25.0, "y": 75.0}], "unit": "percent", "orientation": "upright"},
        {"label": "dog", "points": [], "unit": "percent", "orientation": "upright"},
    )]  # fmt: skip
    schema = labelled(grouped_schema(Points), Label("points", True))
    row = {"image_url": "https://e.org/a.jpg", "image_sha256": None, "annotations": annotations}
    pq.write_table(pa.Table.from_pylist([row], schema), tmp_path / "grouped.parquet")
    shown = card_of(0, open_data(str(tmp_path / "grouped.parquet")).read([0])[0])
    assert [(e.label, e.total, e.record, e.is_absent) for e in shown.expressions] == [
        ("cat", 1, 0, False),
        ("dog", 0, 1, True),
    ]
    assert shown.badges == ("1 point", "not in the picture")
    assert shown.title == "cat, dog"
    assert shown.facts == ()


def test_a_page_stays_small_whatever_a_row_holds(tmp_path: Path) -> None:
    """A hundred thousand turns, places in an answer, or statements: the first are shown, and how many there are."""
    turns = QuestionAnswer(
        question="[USER] a [ASSISTANT] b " * 100_000 + "[USER] c [ASSISTANT]",
        answer="d",
        image_url="https://e.org/a.jpg",
    )
    many = 20_000
    places = Explanation(
        question="Where?", response="r", parsed_response="x <|POINT|> " * many, alt_text=("a",) * many, inline_text=("b",) * many,
        points=((Point(1, 2),),) * many, **WHERE,
    )  # fmt: skip
    said = Caption(
        image_url="https://e.org/a.jpg", caption="A cat. " * 100_000, transcripts=("so a cat " * 100_000,) * 50
    )
    for record, told in ((turns, "200,002 turns"), (places, "labels; the first"), (said, "The first 1,000 words")):
        shown = card(tmp_path, record, statements=[["x"] * 4000], consistency_verdicts=[[["yes"] * 4000]])
        html = join([legend(shown), blocks_of(shown, lambda sound: None)])
        assert told in html
        assert "4,000 statements; the first 300 are shown." in html
        assert len(html) < 3_000_000
