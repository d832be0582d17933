"""How an answer is scored: the metric functions of this room, each behind one signature."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol

from pixmo.errors import BadRecord, UnknownName
from pixmo.evaluate.tasks.anls import anls
from pixmo.evaluate.tasks.answers import final_answer
from pixmo.evaluate.tasks.chart import exact_match, relaxed_accuracy
from pixmo.evaluate.tasks.choice import LETTERS, real_world_qa_score, select_option
from pixmo.evaluate.tasks.clock import ClockScore, clock_score
from pixmo.evaluate.tasks.counting import count_score
from pixmo.evaluate.tasks.mathvista import Problem, mathvista_score
from pixmo.evaluate.tasks.mmmu import SEED, mmmu_choice_score, mmmu_open_score
from pixmo.evaluate.tasks.pointing import pointing_score
from pixmo.evaluate.tasks.truth_files import Row
from pixmo.evaluate.tasks.vqa import direct_answer_score, vqa_scores
from pixmo.evaluate.tasks.vqa_words import normalise

CLOCK_SCORES = ClockScore._fields


class Scored(NamedTuple):
    """The scores of one answer in the order of its task; None (or nan, of a metric) for one that does not count this example."""

    scores: tuple[float | None, ...]
    read_as: str | None = None  # what the metric read in the answer; None where it read nothing


class Metric(Protocol):
    """Scores the answers of one model, in order."""

    def __call__(self, predictions: Sequence[str], truths: Sequence[Row], /, *, legacy: bool) -> list[Scored]:
        """Each answer against the task's fields by name; `legacy` as the official evaluator does. Raises Refused."""


class One(Protocol):
    """Scores one answer."""

    def __call__(self, prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
        """As Metric; raises BadRecord or UnknownName for a ground truth that is none."""


class Refused(BadRecord):
    """`place` is that of the ground truth which cannot be scored against; no prediction is ever refused."""

    def __init__(self, place: int, told: str) -> None:
        super().__init__(told)
        self.place = place


def each(one: One) -> Metric:
    """The metric that scores one answer after the other."""

    def metric(predictions: Sequence[str], truths: Sequence[Row], /, *, legacy: bool) -> list[Scored]:
        found = []
        for place, (prediction, truth) in enumerate(zip(predictions, truths, strict=True)):
            try:
                found.append(one(prediction, truth, legacy=legacy))
            except (BadRecord, UnknownName) as error:
                raise Refused(place, str(error)) from error
        return found

    return metric


def vqa(predictions: Sequence[str], truths: Sequence[Row], /, *, legacy: bool) -> list[Scored]:
    """VQA score, and the formula of the challenge; all at once, as references repeat."""
    answers = [truth["answers"] for truth in truths]
    scores = vqa_scores(predictions, answers, legacy=legacy).tolist()
    challenge = vqa_scores(predictions, answers, leave_one_out=True, legacy=legacy).tolist()
    told = (normalise(final_answer(prediction, legacy=legacy), legacy=legacy) for prediction in predictions)
    return [Scored((s, c), read_as) for s, c, read_as in zip(scores, challenge, told, strict=True)]


def direct_answer(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """A-OKVQA's direct answers."""
    return Scored((direct_answer_score(prediction, truth["answers"], legacy=legacy),), final_answer(prediction))


def read_off(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """ANLS, and whether the answer is the same but for case."""
    answers = truth["answers"]
    scores = anls(prediction, answers, legacy=legacy), exact_match(prediction, answers, legacy=legacy)
    return Scored(scores, final_answer(prediction, legacy=legacy))


def chart(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """Relaxed accuracy, and whether the answer is the same but for case."""
    answers = truth["answers"]
    scores = relaxed_accuracy(prediction, answers, legacy=legacy), exact_match(prediction, answers, legacy=legacy)
    return Scored(scores, final_answer(prediction, legacy=legacy))


def same(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """Whether the answer is the same but for case."""
    return Scored((exact_match(prediction, truth["answers"], legacy=legacy),), final_answer(prediction, legacy=legacy))


def choice(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """Whether the option meant is the right one."""
    found = select_option(prediction, truth["options"], legacy=legacy)
    right = float(found.option == right_option(truth))
    return Scored((right,), f"{truth['options'][found.option]} ({found.rule})")


def diagram(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """AI2D with transparent boxes, and with opaque ones: a question about letters in boxes counts only where its picture has such boxes."""
    (right,), told = choice(prediction, truth, legacy=legacy)
    boxes = truth["has_transparent_box"] if truth["abc_label"] else None
    return Scored((right if boxes in (None, True) else None, right if boxes in (None, False) else None), told)


def real_world(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """RealWorldQA; a question is multiple choice where its answer is one of A to D."""
    answer = truth["answer"].strip()
    score = real_world_qa_score(prediction, answer, multiple_choice=answer in LETTERS, legacy=legacy)
    return Scored((score,), final_answer(prediction, legacy=legacy))


def counting(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """The number an answer tells: right, off by one at most, there at all."""
    found = count_score(prediction, truth["count"], legacy=legacy)
    return Scored((found.correct, found.close, found.valid), None if found.parsed is None else str(found.parsed))


def pointing(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """Points against masks, with the published condition on the form of the whole answer and without it."""
    masks = truth["masks"]
    size = (masks[0]["size"][1], masks[0]["size"][0]) if masks else (1, 1)
    scale = {"percent": 100, "unit_square": 1, "per_mille": 1000, "pixels": size}[truth["unit"] or "percent"]
    points = truth["points"]
    strict = pointing_score(prediction, points, masks, size, scale=scale, legacy=legacy)
    free = pointing_score(prediction, points, masks, size, scale=scale, check_format=False, legacy=legacy)
    return Scored((strict.f1, strict.precision, strict.recall, free.f1))


def clock(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """The time told, part by part."""
    second = -1 if truth["second"] is None else truth["second"]
    found = clock_score(
        prediction, truth["hour"], truth["minute"], second, real_image=bool(truth["real_image"]), legacy=legacy
    )
    return Scored(tuple(found))


def math_vista(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
    """MathVista by rules alone."""
    problem = Problem(
        truth["answer"], truth["question_type"], truth["answer_type"], truth["choices"] or (), truth["precision"]
    )
    found = mathvista_score(prediction, problem, legacy=legacy)
    return Scored((found.correct,), found.told and f"{found.told} ({found.rule})")


def mmmu(predictions: Sequence[str], truths: Sequence[Row], /, *, legacy: bool) -> list[Scored]:
    """MMMU. Where the official parser finds no letter it draws one, so that answers are scored in their order, from its seed."""
    chance = Random(SEED)

    def one(prediction: str, truth: Row, /, *, legacy: bool) -> Scored:
        choices, answers = truth["options"] or [], truth["answers"]
        if not choices or truth["question_type"] == "open":
            found = mmmu_open_score(prediction, answers, legacy=legacy)
            return Scored((found.correct, None), found.parsed)
        found = mmmu_choice_score(prediction, choices, answers[0], legacy=legacy, rng=chance)
        unread = found.rule in ("unparsed", "chance")
        return Scored((found.correct, float(not unread)), found.parsed and f"{found.parsed} ({found.rule})")

    return each(one)(predictions, truths, legacy=legacy)


def right_option(truth: Row) -> int:
    """The number of the right option, from 0, told as a number, a letter or the option itself. Raises BadRecord for none or two of these."""
    options, answer = truth["options"], truth["answer"]
    if isinstance(answer, int):
        found = {answer}
    else:
        letter = ord(answer.upper()) - ord("A") if len(answer) == 1 and answer.isascii() and answer.isalpha() else None
        number = int(answer) if answer.isascii() and answer.isdecimal() else letter
        found = {number} if number is not None and number < len(options) else set()
        found |= {options.index(answer)} if answer in options else set()
    if len(found) != 1 or not 0 <= min(found) < len(options):
        many = "could be several of" if len(found) > 1 else "is none of"
        raise BadRecord(
            f"the answer {answer!r} {many} the {len(options)} options; give its number from 0 as answer_index"
        )
    return int(min(found))
