"""What is asked about a row, in whose words, and under which key the answer is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pixmo.errors import BadSource
from pixmo.predict.asked import Asker, Question, require_askable
from pixmo.predict.rows import Given
from pixmo.predict.settings import Settings
from pixmo.records.base import Record
from pixmo.records.caption import Caption
from pixmo.records.count import Count
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer

POINTS = Points(label="Red Cups", points=(Point(1.0, 2.0),), unit=Unit.PERCENT, orientation=Orientation.UPRIGHT)
COUNT = Count(label="dogs", count=3, unit=Unit.PIXELS, orientation=Orientation.UPRIGHT)
TALK = QuestionAnswer(question="[USER] Who? [ASSISTANT] A man. [USER] Why? [ASSISTANT]", answer="He is late.")


def row(records: Sequence[Record] = (), pictures: Sequence[bytes | None] = (b"picture",), **columns: Any) -> Given:
    """A row as it is found."""
    return Given(7, "row 7", columns, lambda: pictures, lambda: records)


def asker(family: str = "molmo", model: str = "m", **settings: Any) -> Asker:
    """Who asks."""
    return Asker(Settings(**settings), model, family)


def one(given: Given, **settings: Any) -> Question:
    """The only question."""
    (question,) = asker(**settings).questions(given)
    assert question.why is None
    return question


@pytest.mark.parametrize(
    ("family", "settings", "turns"),
    [
        ("molmo", {}, (" User: Describe this image. Assistant:",)),
        ("molmo", {"prompts": "molmo1-captioner"}, (" long_caption 65:",)),
        ("molmo", {"prompts": "molmo1-captioner", "style": "transcript"}, (" transcript 65:",)),
        ("molmo", {"prompt": "What now?"}, (" User: What now? Assistant:",)),
        ("molmo2", {}, ("<|im_start|>user\nDescribe this image.<|im_end|>\n<|im_start|>assistant\n",)),
        ("molmo2", {"prompts": "molmo2-captioner"}, ("<|im_start|>user\nlong_caption 65:<|im_end|>\n<|im_start|>assistant\n",)),
    ],
)  # fmt: skip
def test_a_caption_is_asked_as_the_model_was_trained(family: str, settings: dict[str, Any], turns: tuple[str]) -> None:
    """One question a row, whatever the row says; captioners are asked by style and length alone."""
    captions = [Caption(caption=text, transcripts=("um",)) for text in ("A dog.", "A cat.")]
    (question,) = asker(family, task="caption", **settings).questions(row(captions))
    assert question.turns == turns


def test_points_and_counts_are_asked_by_label() -> None:
    """The question has the label in small letters, the prediction has it as the record does."""
    question = one(row([POINTS]), task="point")
    assert question.turns == (" User: Point to red cups. Assistant:",)
    assert question.told["label"] == "Red Cups"
    assert one(row([COUNT]), task="count").turns == (" User: How many dogs are there? Assistant:",)
    assert one(row([COUNT]), task="count", prompt="Count {label}!").turns == (" User: Count dogs! Assistant:",)
    assert one(row(label="Hats"), task="point").turns == (" User: Point to hats. Assistant:",)


def test_every_annotation_of_a_picture_is_a_question() -> None:
    """In their order, each with a key of its own."""
    made = list(asker(task="point").questions(row([POINTS, POINTS, COUNT])))
    assert [(q.number, q.place, q.told["label"]) for q in made] == [
        (7, 0, "Red Cups"),
        (7, 1, "Red Cups"),
        (7, 2, "dogs"),
    ]
    assert made[0].key == made[1].key != made[2].key


def test_questions_come_from_records_or_columns() -> None:
    """With the options of a choice, and the turns before the last answer of a conversation."""
    plain = QuestionAnswer(question="What is it?", answer="A cup.")
    assert one(row([plain]), task="answer").turns == (" User: What is it? Assistant:",)
    assert one(row(question="Who?"), task="answer").turns == (" User: Who? Assistant:",)
    assert one(row([TALK]), task="answer").turns == (" User: Who? Assistant:", " A man.", " User: Why? Assistant:")
    choice = one(row(question="Which?", options=["ice", "air"]), task="answer")
    assert choice.turns == (" User: Which?\nA: ice\nB: air\n Assistant:",)
    named = one(row(question="Who?"), task="answer", prompts="molmo1", style="vqa2")
    assert named.turns == (" User: vqa2: Who? Assistant:",)


def test_words_of_a_template_are_drawn_for_the_row() -> None:
    """The same for the same row whoever asks; rows differ, and so do seeds."""
    given = [row([POINTS], pictures=[b"%d" % n]) for n in range(30)]
    drawn = [one(each, task="point", prompts="molmo1").turns for each in given]
    assert drawn == [one(each, task="point", prompts="molmo1").turns for each in given]
    assert len(set(drawn)) > 3
    assert drawn != [one(each, task="point", prompts="molmo1", seed=1).turns for each in given]


def test_evaluators_find_the_columns_that_tell_a_row_apart() -> None:
    """Ids, addresses, names of pictures and labels go along; other columns stay behind."""
    told = one(row(image_url="https://a/b", question_id=17, id=3, caption="no"), task="caption").told
    assert {name: told.get(name) for name in ("id", "image_url", "question_id", "caption")} == {
        "id": "3", "image_url": "https://a/b", "question_id": 17, "caption": None,
    }  # fmt: skip
    assert one(row(), task="caption").told["id"] == "row 7"
    assert one(row(question_id=17), task="caption").told["id"] == "17"


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ({"model": "m"}, {"model": "n"}),
        ({"max_new_tokens": 5}, {"max_new_tokens": 6}),
        ({"dtype": "float32"}, {"dtype": "bfloat16"}),
        ({"temperature": 0.5}, {"temperature": 0.6}),
        ({"temperature": 0.5, "seed": 0}, {"temperature": 0.5, "seed": 1}),
        ({"prompt": "a"}, {"prompt": "b"}),
        ({"beams": 1}, {"beams": 2}),
    ],
)
def test_what_changes_an_answer_changes_its_key(first: dict[str, Any], other: dict[str, Any]) -> None:
    """Model, settings and words."""
    keys = {next(asker(**how).questions(row())).key for how in (first, other)}
    assert len(keys) == 2


def test_what_changes_no_answer_keeps_the_key() -> None:
    """A seed without chance, the row's place and name, and which rows are asked."""
    keys = {one(row(), **how).key for how in ({}, {"seed": 3}, {"limit": 5}, {"split": "test"})}
    keys.add(one(row(image_url="https://elsewhere")).key)
    assert len(keys) == 1
    assert one(row(pictures=[b"other"])).key not in keys


@pytest.mark.parametrize(
    ("given", "task", "why"),
    [
        (row(pictures=()), "caption", "has no picture"),
        (row(pictures=(None,)), "caption", "has no picture"),
        (row(pictures=(b"a", None)), "caption", "lacks picture 2 of 2"),
        (row(), "point", "has no label to point at"),
        (row([COUNT]), "answer", "a record of kind count holds no question to answer"),
        (row([TALK]), "point", "holds no label to point at"),
        (row(question=None), "answer", "has no question to answer: question is 'None'"),
        (row(label=" "), "point", "has no label to point at: label is ' '"),
        (row(question="half \ud800"), "answer", "half a character"),
        (row([QuestionAnswer(question="[USER] broken", answer="")]), "answer", "no conversation"),
    ],
)
def test_what_cannot_be_asked_says_why(given: Given, task: str, why: str) -> None:
    """It is a question all the same, so that it is counted and listed."""
    (question,) = asker(task=task).questions(given)
    assert question.why is not None
    assert why in question.why


def test_a_plain_table_without_what_the_task_needs_is_refused() -> None:
    """Unless our own question needs nothing of the row."""
    for how in ({"task": "point"}, {"task": "count", "prompt": "Count {label}"}):
        with pytest.raises(BadSource, match="no column label"):
            require_askable(Settings(**how), ["image"], False, "list")  # type: ignore[arg-type]
    require_askable(Settings(task="point", prompt="Point to cups"), ["image"], False, "list")
    require_askable(Settings(task="point"), ["label"], False, "list")
