"""What records let us ask, and what they leave without an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixmo.records.caption import Caption
from pixmo.records.clock import Clock
from pixmo.records.count import Count
from pixmo.records.docs import AskedOnce, Document, DocumentPoints
from pixmo.records.docs import Pointed as PointedRecord
from pixmo.records.explanation import Explanation
from pixmo.records.image_set import ImageSetPoints, ImageSetQA, PointedAcross
from pixmo.records.judgement import Judgement
from pixmo.records.kinds import KINDS
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer
from pixmo.records.video import VideoCaption, VideoPoints
from pixmo.text.prompts import format_example, message_list, settings_named
from pixmo.text.prompts_draws import RandomDraws
from pixmo.text.prompts_examples import Asked
from pixmo.text.prompts_records import examples_of

V1 = settings_named("molmo1-released")
WHERE = {"unit": Unit.PERCENT, "orientation": Orientation.UNKNOWN}
PIXELS = {"unit": Unit.PIXELS, "orientation": Orientation.UNKNOWN}
CLOCK = Clock(
    example_id="a/003_2020-06-28T08:15:30.833859_b", watchface_id="a", watchface_name="b",
    watch_time="003_2020-06-28T08:15:30", time_format="Without AM/PM", shows_seconds=False, hour_visible=8,
    minute_visible=15, second_visible=-1, text="8:15",
)  # fmt: skip


def told(record, settings=V1, **how):
    """The texts of all examples of a record."""
    return message_list(examples_of(record, **how), settings, RandomDraws(0))


def test_captions_and_transcripts():
    """The caption first, then each transcript in its own style."""
    record = Caption(caption="A street.", transcripts=("um a street", "so there's"))
    assert examples_of(record) == [
        Asked(style="long_caption", answer="A street."),
        Asked(style="transcript", answer="um a street"),
        Asked(style="transcript", answer="so there's"),
    ]


def test_questions():
    """As published, white space and all."""
    assert examples_of(QuestionAnswer(question="Why? ", answer="So.")) == [
        Asked(style="user_qa", question="Why? ", answer="So.")
    ]


def test_points_are_asked_for_in_each_style():
    """By pointing and by counting unless told otherwise; no points are an answer too."""
    record = Points(label="Cups", points=(Point(50, 25), Point(10, 5)), **WHERE)
    tag = '<points x1="10.0" y1="5.0" x2="50.0" y2="25.0" alt="cups">cups</points>'
    asked = " User: cups Assistant:"
    assert told(record) == [[asked, f" {tag}"], [asked, f" Counting the {tag} shows a total of 2."]]
    none = Points(label="Owls", points=(), **WHERE)
    assert told(none, pointing=("pointing",)) == [[" User: owls Assistant:", " There are none."]]


@pytest.mark.parametrize(
    ("unit", "x", "y"), [(Unit.PERCENT, 50, 25), (Unit.UNIT_SQUARE, 0.5, 0.25), (Unit.PER_MILLE, 500, 250)]
)
def test_every_unit_comes_to_the_same_text(unit, x, y):
    """The place is the same, whatever it was counted in."""
    record = Points(label="cup", points=(Point(x, y),), unit=unit, orientation=Orientation.UPRIGHT)
    (turns,) = told(record, pointing=("pointing",))
    assert turns[1] == ' <point x="50.0" y="25.0" alt="cup">cup</point>'


def test_pixels_need_the_pictures_size():
    """From the record, or from who knows the picture; without it there is a prompt and no answer."""
    here = {"label": "cup", "points": (Point(320, 120),), **PIXELS}
    sized = Points(**here, image_width_px=640, image_height_px=480)
    (turns,) = told(sized, pointing=("pointing",), size_px=(1, 1))
    assert turns[1] == ' <point x="50.0" y="25.0" alt="cup">cup</point>'
    (example,) = examples_of(Points(**here), pointing=("pointing",))
    assert example.lacks == "its points are in pixels and the size of the picture is not known"
    assert format_example(example, V1, RandomDraws(0), for_inference=True) == [" User: cup Assistant:"]
    assert told(Points(**here), size_px=(640, 480), pointing=("pointing",)) == [turns]


def test_a_size_that_cannot_be_is_none():
    """A record that says its picture is -1 px wide has no answer, as one that says nothing."""
    record = Points(label="cup", points=(Point(1, 1),), image_width_px=-1, image_height_px=0, **PIXELS)
    assert "size of the picture is not known" in examples_of(record)[0].lacks


def test_counts_without_points_cannot_be_pointed_at():
    """As those of pixmo-count's validation and test; zero needs no points."""
    held = Count(label="dogs", count=3, points=None, **PIXELS)
    assert [e.lacks for e in examples_of(held)] == ["it counts 3, and no points are known"] * 2
    zero = Count(label="dogs", count=0, points=None, **PIXELS)
    assert [turns[1] for turns in told(zero)] == [" There are none."] * 2
    one = Count(label="dogs", count=1, points=(Point(64, 48),), **PIXELS)
    (turns,) = told(one, size_px=(640, 480), pointing=("point_count",))
    assert turns[1] == ' Counting the <point x="10.0" y="10.0" alt="dogs">dogs</point> shows a total of 1.'


PLACE = (Point(10, 20),)


def explanation(parsed="The <|POINT|> rolls.", points=(PLACE,)):
    """An answer with one place."""
    return Explanation(
        question="Why?", response="…", parsed_response=parsed, alt_text=("red ball",), inline_text=("ball",),
        points=points, **WHERE,
    )  # fmt: skip


def test_explanations_point_at_what_they_speak_of():
    """The words inside the tag are those of the answer; beside it stands what it points at."""
    (turns,) = told(explanation())
    assert turns[1] == ' The <point x="10.0" y="20.0" alt="red ball">ball</point> rolls.'


@pytest.mark.parametrize(
    ("record", "lacks"),
    [
        (explanation(parsed=None), "no text with places"),
        (explanation(parsed="No tag."), "0 placeholders for 1 tags"),
        (explanation(points=((),)), "one of its tags has no points"),
    ],
    ids=["unread", "uneven", "pointless"],
)
def test_explanations_that_cannot_be_written(record, lacks):
    """There is a question and no answer; the reason is told."""
    (example,) = examples_of(record)
    assert lacks in example.lacks


def test_documents():
    """One example for each question; explanations first if asked for, where there are any."""
    asked = (AskedOnce(question="a?", answer="1", explanation="Since b."), AskedOnce(question="c?", answer="2"))
    assert examples_of(Document(questions=asked), style="pixmo_docs_charts") == [
        Asked(style="pixmo_docs_charts", question="a?", answer="1"),
        Asked(style="pixmo_docs_charts", question="c?", answer="2"),
    ]
    assert examples_of(ImageSetQA(questions=asked), explained=True) == [
        Asked(style="user_qa_exp", question="a?", answer="Since b. Answer: 1"),
        Asked(style="user_qa", question="c?", answer="2"),
    ]


def test_places_in_documents_have_their_own_question():
    """Tags are named by the place's name where it has one."""
    record = DocumentPoints(
        questions=(
            PointedRecord(question="Where is the peak?", name="Peak", points=(Point(1, 2),)),
            PointedRecord(question="And the low?", name=None, points=(Point(3, 4),)),
        ),
        **WHERE,
    )
    assert told(record) == [
        [" User: Where is the peak? Assistant:", ' <point x="1.0" y="2.0" alt="peak">peak</point>'],
        [" User: And the low? Assistant:", ' <point x="3.0" y="4.0" alt="And the low?">And the low?</point>'],
    ]


def test_clocks_tell_the_time_in_a_sentence():
    """That no time is shown is a sentence already."""
    assert examples_of(CLOCK) == [Asked(style="clocks", answer="The time shown is 8:15")]
    hidden = replace(CLOCK, text="The time is not shown in the image.")
    assert examples_of(hidden) == [Asked(style="clocks", answer="The time is not shown in the image.")]


def test_sets_of_pictures_and_videos_are_for_molmo2():
    """Points across pictures and over time, each in the style for it."""
    across = ImageSetPoints(labels=(PointedAcross(label="Dogs", points=((), (Point(50, 50),))),), **WHERE)
    settings = settings_named("molmo2-released")
    tag = '<points coords="2 1 500 500">dogs</points>'
    assert [t[1] for t in told(across, settings)] == [tag, f"Counting the {tag} shows a total of 1."]
    video = VideoPoints(
        video_id="v", question="How many dogs?", label="Dogs", two_fps_timestamps=(1.5,), points=((Point(50, 50),),),
        unit=Unit.PERCENT,
    )  # fmt: skip
    tag = '<points coords="1.5 1 500 500">dogs</points>'
    assert [t[1] for t in told(video, settings)] == [tag, f"Counting the {tag} shows a total of 1."]
    assert [e.question for e in examples_of(video)] == [None, "How many dogs?"]


def test_a_video_whose_moments_are_uneven_has_no_answer():
    """The reason says how many of each there are."""
    video = VideoPoints(video_id="v", label="dogs", two_fps_timestamps=(), points=((),), unit=Unit.PERCENT)
    assert examples_of(video)[0].lacks == "it has points at 1 moments and names 0"


def test_captions_of_videos():
    """The fullest one as a long caption, that of the whole as a short one."""
    record = VideoCaption(video_id="v", video_caption="A dog.", merged_caption="A dog runs.")
    assert examples_of(record) == [
        Asked(style="video_long_caption", answer="A dog runs."),
        Asked(style="video_short_caption", answer="A dog."),
    ]


KNOWN = {
    "caption": (Caption(caption="c", transcripts=()), ["long_caption"]),
    "qa": (QuestionAnswer(question="q", answer="a"), ["user_qa"]),
    "points": (Points(label="x", points=(), **WHERE), ["pointing", "point_count"]),
    "explanation": (explanation(), ["point_qa"]),
    "count": (Count(label="x", count=0, **WHERE), ["pointing", "point_count"]),
    "document": (Document(questions=(AskedOnce(question="q", answer="a"),)), ["pixmo_docs"]),
    "document_points": (
        DocumentPoints(questions=(PointedRecord(question="q", points=()),), **WHERE), ["cosyn_point"],
    ),
    "clock": (CLOCK, ["clocks"]),
    "image_set_qa": (ImageSetQA(questions=(AskedOnce(question="q", answer="a"),)), ["user_qa"]),
    "image_set_points": (
        ImageSetPoints(labels=(PointedAcross(label="x", points=((),)),), **WHERE),
        ["multi_image_pointing", "multi_image_point_then_count"],
    ),
    "video_points": (
        VideoPoints(video_id="v", label="x", two_fps_timestamps=(), points=(), unit=Unit.PERCENT),
        ["video_point", "video_point_count"],
    ),
    "video_caption": (VideoCaption(video_id="v", video_caption="c"), ["video_short_caption"]),
    "judgement": (Judgement(model="m", caption="c", judge="j", protocol="p", metric="recall", statements=()), []),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_record_gives_examples_in_its_styles(kind):
    """Molmo2 can be trained on each of them, in our words."""
    record, styles = KNOWN[kind]
    examples = examples_of(record)
    assert [example.style for example in examples] == styles
    assert all(len(turns) == 2 for turns in message_list(examples, settings_named("molmo2"), RandomDraws(0)))
