"""Examples in Molmo2's words, as far as its reference tells them: chat, per-mille points, options with their text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixmo.errors import BadSetting
from pixmo.text.prompts import format_example, settings_named
from pixmo.text.prompts_draws import RandomDraws
from pixmo.text.prompts_examples import (
    Annotated,
    Asked,
    Conversation,
    MultipleChoice,
    Places,
    Pointed,
    PointedInSet,
    PointedInVideo,
    Tagged,
)
from tests.text.told import Told

RELEASED = settings_named("molmo2-released")


def chat(text):
    """A single prompt."""
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def test_points():
    """Per-mille, with the picture's number; the label in lower case."""
    pointed = Pointed(style="pointing", label="Red Cups", places=Places(((61.5, 40.4), (10, 5))))
    told = '<points coords="1 1 100 050 2 615 404">red cups</points>'
    assert format_example(pointed, RELEASED, Told()) == [chat("red cups"), told]
    counted = replace(pointed, style="point_count")
    assert format_example(counted, RELEASED, Told())[1] == f"Counting the {told} shows a total of 2."
    nothing = replace(pointed, places=Places(()))
    assert format_example(nothing, RELEASED, Told())[1] == "There are none."


def test_an_answer_that_points():
    """Inline words inside the tag, what it points at beside it."""
    example = Annotated(
        style="point_qa", question="Why?", text="The <|POINT|>.",
        tags=(Tagged("trophy", "golden trophy", Places(((45, 60),))),),
    )  # fmt: skip
    told = ['The <points alt="golden trophy" coords="1 1 450 600">trophy</points>.']
    assert format_example(example, RELEASED, Told()) == [chat("point_qa: Why?"), *told]


def test_points_across_pictures():
    """Numbered through; pictures without points are left out but keep their number."""
    example = PointedInSet(
        style="multi_image_point_then_count", label="Dogs",
        places=(Places(((10, 20), (5, 6))), Places(()), Places(((320, 240),), (640, 480))),
    )  # fmt: skip
    told = 'Counting the <points coords="1 1 050 060 2 100 200;3 3 500 500">dogs</points> shows a total of 3.'
    assert format_example(example, RELEASED, Told()) == [chat("dogs"), told]
    assert format_example(replace(example, style="multi_image_counting"), RELEASED, Told())[1] == "3"
    nowhere = replace(example, places=(Places(()), Places(())))
    assert format_example(nowhere, RELEASED, Told())[1] == "There are none."


def test_points_in_a_video():
    """By the second, with one decimal."""
    example = PointedInVideo(
        style="video_point",
        label="Dogs",
        times_s=(0.5, 12.0),
        places=(Places(((10, 20),)), Places(((50, 50), (40, 1)))),
    )
    told = '<points coords="0.5 1 100 200;12.0 2 400 010 3 500 500">dogs</points>'
    assert format_example(example, RELEASED, Told()) == [chat("dogs"), told]


def test_molmo1_knows_one_picture_only():
    """Several pictures and videos are refused, with what to use instead."""
    settings = settings_named("molmo1")
    across = PointedInSet(style="multi_image_pointing", label="dogs", places=(Places(((1, 2),)),))
    with pytest.raises(BadSetting, match="several pictures; use settings of Molmo2"):
        format_example(across, settings, RandomDraws(0))
    video = PointedInVideo(style="video_point", label="dogs", times_s=(), places=())
    with pytest.raises(BadSetting, match="a video; use settings of Molmo2"):
        format_example(video, settings, RandomDraws(0))


def test_multiple_choice():
    """Letters with a full stop, and the answer with its text; without letters just the options."""
    example = MultipleChoice(style="science_qa", question="Which is solid?", options=("air", "ice"), answer=1)
    assert format_example(example, RELEASED, Told()) == [chat("Which is solid?\nA. air\nB. ice\n"), "B. ice"]
    bare = replace(example, lettered=False)
    assert format_example(bare, RELEASED, Told()) == [chat("Which is solid?\nair\nice\n"), "ice"]
    templated = replace(RELEASED, templates={"multiple_choice": ["{options}\n{question}"]})
    assert format_example(example, templated, Told(("randint", 1, 0)))[0] == chat("A. air\nB. ice\nWhich is solid?")


def test_a_captioner_is_told_style_and_length():
    """In a chat, where the prompt is nothing else."""
    caption = Asked(style="long_caption", answer="x" * 1000)
    settings = settings_named("molmo2-captioner")
    drawn = Told(("uniform", 0.5), ("normal", 0, 25, 0.0))
    assert format_example(caption, settings, drawn) == [chat("long_caption 66:"), "x" * 1000]
    assert format_example(caption, settings, Told(), for_inference=True) == [chat("long_caption 65:")]


def test_later_questions_end_the_answer_before_them():
    """The mark of the answer's end belongs to the next prompt."""
    talk = Conversation(style="user_qa", messages=("Q1", "A1", "Q2", "A2"))
    assert format_example(talk, RELEASED, Told()) == [chat("Q1"), "A1", "<|im_end|>\n" + chat("Q2"), "A2"]
