"""The tasks: what each is called, what its ground truth holds, how an answer is scored. A new task is an entry of TASKS."""

from __future__ import annotations

from dataclasses import dataclass

from pixmo.errors import UnknownName
from pixmo.evaluate.tasks.registry_metrics import Metric, direct_answer, read_off, vqa
from pixmo.evaluate.tasks.registry_read import text, texts
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

_TASKS = (
    Task("vqa2", "VQA v2", VQA_SCORES, vqa, VQA, (_by("answer_type"),)),
    Task("okvqa", "OK-VQA", VQA_SCORES, vqa, VQA, (_by("question_type"),)),
    Task("textvqa", "TextVQA", VQA_SCORES, vqa, VQA),
    Task("aokvqa-direct", "A-OKVQA, direct answers", ("direct_answer",), direct_answer, VQA),
    Task("docvqa", "DocVQA", ANLS_SCORES, read_off, VQA, (_by("question_types"),)),
    Task("infovqa", "InfographicVQA", ANLS_SCORES, read_off, VQA, (_by("answer_type"),)),
    Task("stvqa", "ST-VQA", ANLS_SCORES, read_off, VQA),
)

TASKS = {task.name: task for task in _TASKS}
"""Every task by its name, in the order they are listed."""


def task_named(name: str) -> Task:
    """The task of that name. Raises UnknownName."""
    if name not in TASKS:
        raise UnknownName("task", name, TASKS)
    return TASKS[name]
