"""What one annotation of a Label Studio task says: its results, as records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pixmo.dataset.convert.carry import KEY, Native, number_of, restored, size_told
from pixmo.dataset.convert.gathered import Beside, Gathered, owner, those_beside
from pixmo.dataset.convert.items import Item, Loss, Settings, short
from pixmo.errors import BadRecord
from pixmo.records.base import Record
from pixmo.records.caption import Caption
from pixmo.records.places import Orientation, Unit
from pixmo.records.qa import QuestionAnswer

CAPTION, QUESTION, ANSWER = "caption", "question", "answer"
_REGION = re.compile(r"r(\d{1,9})(?:p\d{1,9})?")
"""Ids of what we write: of the n-th record beside, and of its m-th point. Regions made in Label Studio get ten characters of its own."""

_NOT_KEPT = ("meta", "score", "parentID")


class Task(NamedTuple):
    """What annotations are read against."""

    where: str
    picture: str
    data: Mapping[str, Any]  # Any: JSON
    told: Settings


def annotation_of(results: list[Any], where: str, task: Task) -> Iterator[Item | Loss]:  # Any: JSON
    """The records of one person's annotation: those that travelled beside first, then new ones, label by label."""
    beside = those_beside(task.data.get(KEY))
    new = Gathered()
    for i, result in enumerate(results):
        yield from _result(result, f"{where}.result[{i}]", task, beside, new)
    for i, one in enumerate(beside):
        if not one.spoilt:
            yield _restored(one, f"{where}.{KEY}[{i}]", task)
    for record in new.records(task.picture, Unit.PERCENT, task.told.orientation or Orientation.UNKNOWN):
        yield Item(where, record)
    if not results and not beside:
        yield Loss("nothing_said", where, "result", "", task.picture)


def _restored(one: Beside, where: str, task: Task) -> Item | Loss:
    values: dict[str, Any] = {"image_url": task.picture}  # Any: JSON
    if one.kind == Caption.KIND:
        values["caption"] = one.text
    elif one.kind == QuestionAnswer.KIND:
        values |= {"question": task.data.get(task.told.question or QUESTION), "answer": one.text}
    try:
        return Item(where, restored(one.told, Native(values, one.points, Unit.PERCENT, one.size)))
    except BadRecord as error:
        return Loss("unreadable", where, "", str(error), task.picture)


def _result(
    result: Any, where: str, task: Task, beside: list[Beside], new: Gathered
) -> Iterator[Item | Loss]:  # Any: JSON
    kind = result.get("type") if isinstance(result, dict) else None
    value = result.get("value") if isinstance(result, dict) else None
    if kind == "relation":
        yield Loss("unsupported", where, "type", "a relation", task.picture)
    elif not isinstance(value, dict):
        yield Loss("unreadable", where, "value", f"{short(value)}, should be an object", task.picture)
    elif kind == "keypointlabels":
        yield from _mark(result, value, where, task, beside, new)
    elif kind == "textarea" and "x" not in value:
        yield from _text(result, value.get("text"), where, task, beside)
    else:
        yield Loss("unsupported", where, "type", short(kind), task.picture)


def _mark(
    result: dict[str, Any], value: dict[str, Any], where: str, task: Task, beside: list[Beside], new: Gathered
) -> Iterator[Loss]:  # Any: JSON
    if value.get("positive", True) is False or result.get("is_positive", 1) == 0:  # for models that cut things out
        yield Loss("unsupported", where, "value.positive", "a click on what is not meant", task.picture)
        return
    for name in _NOT_KEPT:
        if result.get(name) is not None:
            yield Loss("no_place", where, name, short(result[name]), task.picture)
    labels = value.get("keypointlabels")
    labels = labels if isinstance(labels, list) and all(isinstance(v, str) for v in labels) else []
    if len(labels) > 1:
        yield Loss("several_labels", where, "value.keypointlabels", short(labels), task.picture)
    problem = _problem(result, labels)
    try:
        point = number_of(value.get("x")), number_of(value.get("y"))
    except BadRecord as error:
        problem = problem or ("unreadable", str(error))
    if problem is not None:
        yield Loss(problem[0], where, "value", problem[1], task.picture)
    size = size_told(result.get("original_width"), result.get("original_height"))
    for label in labels:
        its = owner(_number(result), label, beside)
        if problem is not None:
            new.spoil(label)
            if its is not None:
                its.spoilt = True
        elif its is not None:
            its.points.append(point)
            its.size = its.size or size
        else:
            new.add(label, point, size)


def _problem(result: dict[str, Any], labels: list[str]) -> tuple[str, str] | None:  # Any: JSON
    """Why a mark's place in the picture is not known: reason and detail."""
    if not labels:
        return "unreadable", "the mark has no label"
    if result.get("image_rotation") not in (None, 0, 0.0):
        return "turned", f"image_rotation is {short(result['image_rotation'])}"
    if result.get("item_index") not in (None, 0):
        return "unsupported", "a mark in another picture of a list"
    return None


def _number(result: dict[str, Any]) -> int | None:  # Any: JSON
    """Which of the records beside a region was written for; None for regions made in Label Studio."""
    match = _REGION.fullmatch(result["id"]) if isinstance(result.get("id"), str) else None
    return int(match[1]) if match else None


def _text(
    result: dict[str, Any], told: Any, where: str, task: Task, beside: list[Beside]
) -> Iterator[Item | Loss]:  # Any: JSON
    texts = told if isinstance(told, list) else [told]
    name, caption, answer = result.get("from_name"), task.told.caption or CAPTION, task.told.answer or ANSWER
    number = _number(result)
    its = beside[number] if number is not None and number < len(beside) else None
    question = task.data.get(task.told.question or QUESTION)
    for text in texts:
        if not isinstance(text, str):
            yield Loss("unreadable", where, "value.text", f"{short(text)}, should be text", task.picture)
        elif name in (caption, answer) and its is not None and its.text is None:
            its.text = text
        elif name not in (caption, answer) or (name == answer and not isinstance(question, str)):
            remedy = f"text of the control {short(name)}: --set caption=NAME or --set answer=NAME says what it is"
            yield Loss("unsupported", where, "from_name", remedy, task.picture)
        else:
            yield Item(where, _text_record(text, question if name == answer else None, task.picture))


def _text_record(text: str, question: str | None, picture: str) -> Record:
    if question is None:
        return Caption(image_url=picture, caption=text, transcripts=())
    return QuestionAnswer(image_url=picture, question=question, answer=text)
