"""Each rule is broken by some record and told with its place; sound records have nothing to tell."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pixmo.records.base import Finding, Record
from pixmo.records.caption import Caption
from pixmo.records.clock import Clock
from pixmo.records.count import Count
from pixmo.records.docs import AskedOnce, Document, DocumentPoints, Pointed
from pixmo.records.explanation import Explanation
from pixmo.records.image_set import ImageSetPoints, ImageSetQA, PointedAcross
from pixmo.records.judgement import Judgement, Statement, Verdict
from pixmo.records.kinds import KINDS
from pixmo.records.places import Mask, Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer
from pixmo.records.rules import RULES
from pixmo.records.video import VideoCaption, VideoPoints

URL = "https://pictures.example/a.jpg"
SHA = "ab" * 32
PLACES: dict[str, Any] = {"unit": Unit.PERCENT, "orientation": Orientation.UPRIGHT}
PIXELS: dict[str, Any] = PLACES | {"unit": Unit.PIXELS, "image_width_px": 4, "image_height_px": 2}
WORDS = " ".join(f"word{n}" for n in range(40))
MASK = Mask(2, 4, (1, 2, 5))


def caption(text: str = WORDS, *said: str, **told: Any) -> Caption:
    return Caption(image_url=URL, **({"caption": text, "transcripts": said or (WORDS + " well",)} | told))


def qa(question: str = "what?", answer: str = "this", **told: Any) -> QuestionAnswer:
    return QuestionAnswer(image_url=URL, question=question, answer=answer, **told)


def points(*places: tuple[float, float], **told: Any) -> Points:
    given = {"label": "cup", "points": tuple(Point(*p) for p in places)} | PLACES | told
    return Points(image_url=URL, **given)


def explanation(**told: Any) -> Explanation:
    given = {
        "question": "q",
        "response": "r",
        "parsed_response": "see <|POINT|>",
        "alt_text": ("a",),
        "inline_text": ("a",),
    }
    return Explanation(**(given | {"points": ((Point(1, 2),),)} | PLACES | told))


def clock(hour: int, minute: int, second: int, text: str, shows_seconds: bool = True) -> Clock:
    return Clock(
        example_id="a/b_c", watchface_id="a", watchface_name="c", watch_time="003_2020-06-28T08:15:30", time_format="With AM/PM",
        shows_seconds=shows_seconds, hour_visible=hour, minute_visible=minute, second_visible=second, text=text,
    )  # fmt: skip


def video(*times: float, **told: Any) -> VideoPoints:
    given = {"video_id": "v", "label": "cat", "unit": Unit.PERCENT, "two_fps_timestamps": times}
    return VideoPoints(**(given | {"points": tuple((Point(1, 2),) for _ in times)} | told))


SOUND = [
    caption(), qa(), qa("[USER] a [ASSISTANT] b [USER] c [ASSISTANT]", "d", messages=("a", "b", "c", "d")),
    points((0, 0), (100, 100), count=2), points(count=0), points((3, 1), masks=(Mask(2, 4, (7, 1)),), **PIXELS), explanation(),
    Count(label="cup", count=3, **PIXELS), Count(label="cup", count=1, points=(Point(3.5, 1.5),), **PIXELS),
    Document(questions=(AskedOnce(question="q", answer="a"),)),
    DocumentPoints(questions=(Pointed(question="q", points=(Point(1, 2),)),), **PLACES),
    clock(8, 15, 30, "8:15:30 AM"), clock(0, 5, -1, "12:05 AM", False), clock(12, 5, -1, "12:05 PM", False),
    clock(13, 5, -1, "1:05 PM", False), clock(0, 7, -1, "12:07", False), clock(-1, -1, -1, "The time is not shown", False),
    clock(12, 5, -1, "12:05 AM", False),  # as released data write it
    ImageSetQA(image_urls=(URL, URL), image_sha256s=(SHA, None), questions=(AskedOnce(question="q", answer="a"),)),
    ImageSetPoints(image_urls=(URL,), labels=(PointedAcross(label="cup", points=((Point(1, 2),),), count=1),), **PLACES),
    video(0.0, 0.5, 7.0, count=3), VideoCaption(video_id="v", merged_caption="a cat"),
    Judgement(model="m", caption="c", judge="j", protocol="p", metric="recall",
              statements=(Statement(statement_id="1", text="a", verdict=Verdict.YES),)),
]  # fmt: skip

BROKEN: list[tuple[str, str, Record]] = [
    ("bad_url", "image_url", Caption(image_url="file:///etc/passwd", caption=WORDS, transcripts=(WORDS + " x",))),
    ("bad_url", "image_url", Caption(image_url="http://me:secret@a.org/x", caption=WORDS, transcripts=(WORDS + " x",))),
    ("bad_url", "image_url", Caption(image_url="http://a.org/" + "x" * 9000, caption=WORDS, transcripts=(WORDS + " x",))),
    ("bad_url", "image_urls[1]", ImageSetQA(image_urls=(URL, "a.jpg"), questions=(AskedOnce(question="q", answer="a"),))),
    ("bad_sha256", "image_sha256", caption(image_sha256="AB" * 32)),
    ("bad_sha256", "image_sha256s[0]", ImageSetQA(image_sha256s=("x",), questions=(AskedOnce(question="q", answer="a"),))),
    ("count_differs", "count", points((1, 2), count=3)),
    ("count_differs", "labels[0].count", ImageSetPoints(labels=(PointedAcross(label="a", points=((),), count=1),), **PLACES)),
    ("count_negative", "count", Count(label="cup", count=-1, **PIXELS)),
    ("not_finite", "points[1]", points((1, 2), (math.nan, 3))),
    ("not_finite", "points[0]", points((math.inf, 3))),
    ("point_outside", "points[0]", points((-0.25, 50))),
    ("point_outside", "points[0]", points((4.03, 1), **PIXELS)),
    ("point_far_outside", "points[0]", points((50, 102))),
    ("point_far_outside", "points[0]", points((0.5, 1.2), unit=Unit.UNIT_SQUARE)),
    ("point_far_outside", "points[0]", points((999, 1020), unit=Unit.PER_MILLE)),
    ("point_far_outside", "points[0]", points((5, 1), **PIXELS)),
    ("size_unknown", "image_width_px", points((5, 1), unit=Unit.PIXELS)),
    ("size_not_positive", "image_height_px", points(**(PIXELS | {"image_height_px": 0}))),
    ("point_doubled", "points[1]", points((1, 2), (1, 2))),
    ("many_points", "points", points(*((n, 1) for n in range(61)))),
    ("label_empty", "label", points(label=" \t")),
    ("label_control_characters", "label", points(label="a\x00cup")),
    ("placeholders_differ", "parsed_response", explanation(alt_text=("a", "b"))),
    ("placeholders_differ", "parsed_response", explanation(parsed_response="none here")),
    ("unparsed", "parsed_response", explanation(parsed_response=None)),
    ("conversation_unreadable", "question", qa("[USER] a [USER] b [ASSISTANT]")),
    ("conversation_unreadable", "question", qa("[USER] how is [ASSISTANT] written? [ASSISTANT]")),
    ("messages_differ", "messages", qa("[USER] a [ASSISTANT]", "b", messages=("a", "c"))),
    ("messages_differ", "messages", qa("a", "b", messages=("a",))),
    ("text_empty", "answer", qa(answer="")),
    ("text_empty", "questions[0].question", Document(questions=(AskedOnce(question=" ", answer="a"),))),
    ("text_padded", "question", qa(" what?")),
    ("caption_empty", "caption", caption("  ")),
    ("caption_empty", "merged_caption", VideoCaption(video_id="v", merged_caption=" ")),
    ("caption_short", "caption", caption("a cup", "a cup on a table")),
    ("caption_long", "caption", caption("w " * 1001, "w " * 900)),
    ("caption_is_transcript", "transcripts[1]", caption(WORDS, "well", WORDS.replace(" ", "  "))),
    ("refusal", "caption", caption("I'm sorry, " + WORDS)),
    ("refusal", "answer", qa(answer="As an AI model, I cannot see it.")),
    ("no_transcripts", "transcripts", caption(transcripts=())),
    ("transcript_empty", "transcripts[0]", caption(WORDS, "", WORDS + " x")),
    ("transcript_ratio", "caption", caption(WORDS, "a few words only")),
    ("transcript_ratio", "caption", caption("ten words are " * 5, WORDS * 20)),
    ("mask_broken", "masks[0]", points((1, 1), masks=(Mask(2, 4, (1, 2)),), **PIXELS)),
    ("mask_broken", "masks[0]", points((1, 1), masks=(Mask(0, 0, ()),), **(PIXELS | {"image_width_px": None}))),
    ("mask_size_differs", "masks", points((2, 0), masks=(Mask(1, 4, (1, 2, 1)),), **PIXELS)),
    ("mask_empty", "masks[0]", points((1, 1), masks=(Mask(2, 4, (8,)),), **PIXELS)),
    ("masks_differ", "masks", points((1, 0), (2, 0), masks=(MASK,), **PIXELS)),
    ("point_not_in_mask", "points[0]", points((0.5, 1.5), masks=(MASK,), **PIXELS)),
    ("point_not_in_mask", "points[0]", points((90, 90), masks=(MASK,))),
    ("time_out_of_range", "minute_visible", clock(8, 60, -1, "8:60", False)),
    ("time_half_shown", "hour_visible", clock(8, -1, -1, "8", False)),
    ("time_half_shown", "hour_visible", clock(8, 15, 3, "8:15", False)),
    ("time_text_differs", "text", clock(8, 15, 30, "8:15:31 AM")),
    ("time_text_differs", "text", clock(8, 15, 30, "8:15:30 PM")),
    ("time_text_differs", "text", clock(-1, -1, -1, "8:15", False)),
    ("time_text_differs", "text", clock(8, 15, -1, "not shown", False)),
    ("questions_empty", "questions", Document(questions=())),
    ("questions_empty", "questions", DocumentPoints(questions=(), **PLACES)),
    ("timestamp_not_half", "two_fps_timestamps[1]", video(0.0, 0.3)),
    ("not_finite", "two_fps_timestamps[0]", video(math.nan)),
    ("timestamps_unsorted", "two_fps_timestamps", video(1.0, 0.5)),
    ("lists_differ", "raw_frames", video(0.0, raw_frames=(1, 2))),
    ("lists_differ", "labels[0].points", ImageSetPoints(image_urls=(URL, URL), labels=(PointedAcross(label="a", points=((),)),), **PLACES)),
    ("lists_differ", "image_sha256s", ImageSetQA(image_urls=(URL,), image_sha256s=(SHA, SHA), questions=(AskedOnce(question="q", answer="a"),))),
    ("span_backwards", "clip_start", video(0.0, clip_start=3.0, clip_end=1.0)),
    ("statement_doubled", "statements[1].statement_id",
     Judgement(model="m", caption="c", judge="j", protocol="p", metric="recall",
               statements=tuple(Statement(statement_id="1", text="a", verdict=Verdict.NO) for _ in range(2)))),
]  # fmt: skip
ELSEWHERE = {  # what one record cannot know of itself: tests of check and of across
    "not_a_record", "url_of_two_digests", "digest_of_two_urls", "leftover_column", "row_doubled", "label_doubled",
}  # fmt: skip


@pytest.mark.parametrize("record", SOUND, ids=lambda r: r.KIND)
def test_sound_records_have_no_findings(record):
    """Of every kind, at the edges of what is allowed."""
    assert list(record.findings()) == []


@pytest.mark.parametrize(
    ("rule", "path", "record"), BROKEN, ids=[f"{n}-{rule}" for n, (rule, _, _) in enumerate(BROKEN)]
)
def test_a_broken_rule_is_told_with_its_place(rule, path, record):
    """The rule, where it is broken, and its level."""
    found = list(record.findings())
    assert (rule, path, RULES[rule].level) in [(f.rule, f.path, f.level) for f in found]
    assert all(isinstance(f, Finding) and f.rule in RULES and len(f.detail) < 200 for f in found)


def test_every_rule_and_every_kind_is_here():
    """No rule without a record that breaks it, no kind without a sound one."""
    assert {rule for rule, _, _ in BROKEN} | ELSEWHERE == set(RULES)
    assert {record.KIND for record in SOUND} == set(KINDS)
