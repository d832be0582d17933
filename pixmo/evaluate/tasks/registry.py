"""The tasks: what each is called, what its ground truth holds, how an answer is scored. A new task is an entry of TASKS."""

from __future__ import annotations

from dataclasses import dataclass

from pixmo.errors import UnknownName
from pixmo.evaluate.tasks.registry_metrics import (
    CLOCK_SCORES,
    Metric,
    chart,
    choice,
    clock,
    counting,
    diagram,
    direct_answer,
    each,
    math_vista,
    mmmu,
    pointing,
    read_off,
    real_world,
    same,
    vqa,
)
from pixmo.evaluate.tasks.registry_read import (
    flag,
    masks,
    number,
    option,
    options,
    points,
    subject,
    text,
    texts,
    unit,
    whole,
)
from pixmo.evaluate.tasks.truth import ID, LABEL, PICTURE, QUESTION, Field, Names

BY_ID = ((ID,), (PICTURE, QUESTION), (PICTURE,))
BY_LABEL = ((ID,), (PICTURE, LABEL), (PICTURE,))


@dataclass(frozen=True)
class Task:
    """One kind of question with its metric."""

    name: str
    title: str
    scores: tuple[str, ...]  # names of what the metric gives, the one that is quoted first
    metric: Metric
    fields: tuple[Field, ...]
    groups: tuple[Field, ...] = ()  # scores are given for each value of these as well
    averaged: tuple[str, ...] = ()  # those of `groups` whose plain mean over values is a score of its own
    keys: tuple[tuple[Names, ...], ...] = BY_ID  # what may tell examples apart, in this order
    truth: tuple[str, str] | None = None  # set and split that are read when no file is given


def _by(name: str, *columns: str) -> Field:
    return Field(name, columns or (name,), f"the {name.replace('_', ' ')}", text, optional=True)


ANSWERS = Field("answers", ("answers", "direct_answers", "answer", "label"), "the answers people gave", texts)
QUESTION_SHOWN = Field("question", QUESTION, "the question, for reports", text, optional=True)
VQA = (ANSWERS, QUESTION_SHOWN)
VQA_SCORES = ("vqa_score", "challenge_score")
ANLS_SCORES = ("anls", "exact_match")

OPTIONS = Field("options", ("options", "choices", "option_names"), "the options", options)
RIGHT = Field(
    "answer", ("answer_index", "answer_idx", "correct_choice_idx", "answer"), "the right option: number from 0, letter or text", option,
)  # fmt: skip
CHOICE = (OPTIONS, RIGHT, QUESTION_SHOWN)
COUNT = Field("count", ("count", "number", "answer"), "how many there are", whole)
COUNT_SCORES = ("correct", "close", "valid")
LABEL_SHOWN = Field("label", LABEL, "what is counted or pointed at, for reports", text, optional=True)
POINTING = (
    Field("points", ("points",), "a point on each", points),
    Field("masks", ("masks",), "the pixels of each, as run lengths or rows of booleans", masks),
    Field("unit", ("unit",), "what coordinates count, percent unless told", unit, optional=True),
    LABEL_SHOWN,
)
CLOCK = (
    Field("hour", ("hour", "hour_visible"), "the hour, -1 where none is shown", whole),
    Field("minute", ("minute", "minute_visible"), "the minute, -1 where none is shown", whole),
    Field("second", ("second", "second_visible"), "the second, -1 where none is shown or asked", whole, optional=True),
    Field(
        "real_image", ("real_image", "real_image_test"), "whether it is a photograph (ClockBench)", flag, optional=True
    ),
)
BOXES = (
    Field("abc_label", ("abc_label",), "whether the question is about letters in boxes", flag, optional=True),
    Field("has_transparent_box", ("has_transparent_box",), "whether those boxes are transparent", flag, optional=True),
)

_TASKS = (
    Task("vqa2", "VQA v2", VQA_SCORES, vqa, VQA, (_by("answer_type"),)),
    Task("okvqa", "OK-VQA", VQA_SCORES, vqa, VQA, (_by("question_type"),)),
    Task("textvqa", "TextVQA", VQA_SCORES, vqa, VQA),
    Task("docvqa", "DocVQA", ANLS_SCORES, each(read_off), VQA, (_by("question_types"),)),
    Task("infovqa", "InfographicVQA", ANLS_SCORES, each(read_off), VQA, (_by("answer_type"),)),
    Task("stvqa", "ST-VQA", ANLS_SCORES, each(read_off), VQA),
    Task(
        "chartqa",
        "ChartQA",
        ("relaxed_accuracy", "exact_match"),
        each(chart),
        VQA,
        (_by("source", "human_or_machine", "type"),),
    ),
    Task("ai2d", "AI2D", ("transparent", "opaque"), each(diagram), (*CHOICE, *BOXES)),
    Task("scienceqa", "ScienceQA", ("accuracy",), each(choice), CHOICE, (_by("subject"),)),
    Task("aokvqa", "A-OKVQA, multiple choice", ("accuracy",), each(choice), CHOICE),
    Task("aokvqa-direct", "A-OKVQA, direct answers", ("direct_answer",), each(direct_answer), VQA),
    Task(
        "realworldqa",
        "RealWorldQA",
        ("accuracy",),
        each(real_world),
        (Field("answer", ("answer",), "the answer", text), QUESTION_SHOWN),
    ),
    Task("tallyqa", "TallyQA", ("exact_match",), each(same), VQA, (_by("issimple", "issimple", "is_simple"),)),
    Task(
        "countbenchqa",
        "CountBenchQA",
        COUNT_SCORES,
        each(counting),
        (COUNT, QUESTION_SHOWN),
        (COUNT,),
        ("count",),
        BY_LABEL,
    ),
    Task(
        "pixmo-count",
        "PixMo-Count",
        COUNT_SCORES,
        each(counting),
        (COUNT, LABEL_SHOWN),
        (COUNT,),
        ("count",),
        BY_LABEL,
        ("count", "test"),
    ),
    Task(
        "points-eval",
        "PixMo-Points-eval",
        ("f1", "precision", "recall", "f1_any_format"),
        each(pointing),
        POINTING,
        (),
        (),
        BY_LABEL,
        ("points-eval", "test"),
    ),
    Task("clocks", "Clocks", CLOCK_SCORES, each(clock), CLOCK, truth=("clocks", "validation")),
    Task(
        "mmmu",
        "MMMU",
        ("accuracy", "parsed"),
        mmmu,
        (
            Field("options", ("options",), "the options, of multiple choice", options, optional=True),
            Field("answers", ("answer", "answers"), "the letter, or the answers of an open question", texts),
            Field("question_type", ("question_type",), "multiple-choice or open", text, optional=True),
            QUESTION_SHOWN,
        ),
        (
            Field(
                "subject", ("subject", "id"), "the subject, also out of ids as MMMU has them", subject, optional=True
            ),
            _by("topic_difficulty"),
        ),
        ("subject",),
    ),
    Task(
        "mathvista",
        "MathVista, answers read by rules",
        ("accuracy",),
        each(math_vista),
        (
            Field("answer", ("answer",), "the right answer", text),
            Field("question_type", ("question_type",), "multi_choice or free_form", text),
            Field("answer_type", ("answer_type",), "text, integer, float or list", text),
            Field("choices", ("choices",), "the options, of multi_choice", options, optional=True),
            Field("precision", ("precision",), "decimals, of float", number, optional=True),
            QUESTION_SHOWN,
        ),
        (_by("question_type"), _by("answer_type")),
    ),
)

TASKS = {task.name: task for task in _TASKS}
"""Every task by its name, in the order they are listed."""


def task_named(name: str) -> Task:
    """The task of that name. Raises UnknownName."""
    if name not in TASKS:
        raise UnknownName("task", name, TASKS)
    return TASKS[name]
