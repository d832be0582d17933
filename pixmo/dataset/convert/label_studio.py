"""Label Studio's JSON: tasks as it imports and exports them, and its JSON-MIN export.

Coordinates are percent of the picture's width and height, 0 to 100, from the upper left corner
(labelstud.io/tags/keypointlabels). Which way up the picture was shown is up to the browser: files do not tell it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixmo.dataset.convert.carry import KEY
from pixmo.dataset.convert.items import Item, Loss, Settings, short
from pixmo.dataset.convert.json_text import JsonText
from pixmo.dataset.convert.label_studio_results import ANSWER, CAPTION, QUESTION, Task, annotation_of
from pixmo.errors import BadSource

IMAGE = "image"

_ANNOTATIONS = ("annotations", "completions")  # the older name
_OF_TASK = {"id", "data", "predictions", *_ANNOTATIONS}
_OF_ANNOTATION = {"result", "was_cancelled", "skipped", "id"}
_OF_MIN = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"}
_NOT_MARKS = {"x", "y", "width", "original_width", "original_height", "positive", "id", "parentID"}


def read(path: Path, told: Settings) -> Iterator[Item | Loss]:
    """The records of each task's annotations. Raises BadSource for what is no JSON, or no task."""
    text = JsonText(path)
    if text.is_object:
        task = text.value()
        if not _is_full(task):
            raise BadSource(f"{path}: is an object without data and annotations, not Label Studio's tasks")
        yield from _task(task, "task", told)
        return
    for element in text.elements():
        yield from _task(element.value, element.where, told)


def _is_full(task: dict[str, Any]) -> bool:  # Any: JSON
    lists = (*_ANNOTATIONS, "predictions")
    return isinstance(task.get("data"), dict) or any(isinstance(task.get(name), list) for name in lists)


def _task(task: Any, where: str, told: Settings) -> Iterator[Item | Loss]:  # Any: JSON
    if not isinstance(task, dict):
        yield Loss("unreadable", where, "", f"{short(task)}, should be a task")
        return
    task = task if _is_full(task) else _from_min(task, told)
    data = task.get("data")
    if not isinstance(data, dict):
        yield Loss("unreadable", where, "data", f"{short(data)}, should be an object")
        return
    key = told.image or IMAGE
    picture = data.get(key)
    if not isinstance(picture, str):
        remedy = f"data has {', '.join(map(repr, sorted(data)))[:80]}: say which, --set image=KEY"
        yield Loss("no_picture", where, f"data.{key}", remedy)
        return
    yield from _around(task, data, where, told, picture)
    yield from _annotations(task, Task(where, picture, data, told))


def _around(
    task: dict[str, Any], data: dict[str, Any], where: str, told: Settings, picture: str
) -> Iterator[Loss]:  # Any: JSON
    """What stands in a task besides its annotations."""
    rest = sorted(set(data) - {told.image or IMAGE, told.question or QUESTION, KEY})
    if rest:
        yield Loss("no_place", where, "data", ", ".join(rest)[:200], picture)
    for i, one in enumerate(task.get("predictions") or []):
        version = one.get("model_version") if isinstance(one, dict) else None
        yield Loss("prediction", f"{where}.predictions[{i}]", "", short(version), picture)
    annotations = [a for name in _ANNOTATIONS for a in task.get(name) or [] if isinstance(a, dict)]
    kept = (set(task) - _OF_TASK) | {key for a in annotations for key in set(a) - _OF_ANNOTATION}
    if kept:
        yield Loss("bookkeeping", where, "", ", ".join(sorted(kept))[:200], picture)


def _annotations(task: dict[str, Any], around: Task) -> Iterator[Item | Loss]:  # Any: JSON
    name = next((n for n in _ANNOTATIONS if n in task), _ANNOTATIONS[0])
    found = task.get(name) or []
    if not isinstance(found, list):
        yield Loss("unreadable", around.where, name, f"{short(found)}, should be a list", around.picture)
        return
    count = 0
    for i, annotation in enumerate(found):
        where = f"{around.where}.{name}[{i}]"
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            yield Loss("unreadable", where, "result", "should be a list", around.picture)
        elif annotation.get("was_cancelled") or annotation.get("skipped"):
            yield Loss("cancelled", where, "", "", around.picture)
        else:
            count += 1
            yield from annotation_of(annotation["result"], where, around)
    if count > 1:
        yield Loss("annotators", around.where, name, f"{count} annotations", around.picture)
    if not found:
        yield Loss("nothing_said", around.where, name, "", around.picture)


def _from_min(row: dict[str, Any], told: Settings) -> dict[str, Any]:  # Any: JSON
    """A row of JSON-MIN as a task: results stand there under their control's name, among the data."""
    texts = {told.caption or CAPTION, told.answer or ANSWER}
    results: list[Any] = []
    data: dict[str, Any] = {}
    for key, value in row.items():
        if key in _OF_MIN:
            continue
        if key in texts:
            results += [_text_result(key, v) for v in (value if isinstance(value, list) else [value])]
        elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value) and key != KEY:
            results += [_mark_result(key, v) for v in value]
        else:
            data[key] = value
    annotation = {"result": results} | {k: row[k] for k in _OF_MIN - {"id"} if row.get(k) is not None}
    return {"data": data, "annotations": [annotation]}


def _text_result(name: str, value: Any) -> dict[str, Any]:  # Any: JSON
    found = value.get("text") if isinstance(value, dict) else value
    return {"type": "textarea", "from_name": name, "value": {"text": found if isinstance(found, list) else [found]}}


def _mark_result(name: str, value: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    kind = next((k for k in value if k.endswith("labels")), None) or next((k for k in value if k not in _NOT_MARKS), "")
    size = {k: value[k] for k in ("original_width", "original_height") if k in value}
    return {"type": kind, "from_name": name, "value": value} | size
