"""How an answer is scored: the metric functions of this room, each behind one signature."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from pixmo.evaluate.tasks.anls import anls
from pixmo.evaluate.tasks.answers import final_answer
from pixmo.evaluate.tasks.truth_files import Row
from pixmo.evaluate.tasks.vqa import direct_answer_score, vqa_score
from pixmo.evaluate.tasks.vqa_words import normalise


class Scored(NamedTuple):
    """The scores of one answer in the order of its task; None or nan for one that does not count this example."""

    scores: tuple[float | None, ...]
    read_as: str | None = None  # what the metric read in the answer; None where it read nothing


class Metric(Protocol):
    """Scores one answer."""

    def __call__(self, prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
        """`prediction` against the task's fields by name; `legacy` as the official evaluator does."""


def vqa(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """VQA score, and the formula of the challenge."""
    told, answers = final_answer(prediction, legacy=legacy), truth["answers"]
    score = vqa_score(prediction, answers, legacy=legacy)
    challenge = vqa_score(prediction, answers, leave_one_out=True, legacy=legacy)
    return Scored((score, challenge), normalise(told, legacy=legacy))


def direct_answer(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """A-OKVQA's direct answers."""
    return Scored((direct_answer_score(prediction, truth["answers"], legacy=legacy),), final_answer(prediction))


def read_off(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """ANLS, and whether the answer is the same but for case."""
    told = final_answer(prediction, legacy=legacy)
    same = any(told.lower() == answer.lower().strip() for answer in truth["answers"])
    return Scored((anls(prediction, truth["answers"], legacy=legacy), float(same)), told)
