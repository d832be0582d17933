"""Records as Label Studio's tasks, ready to import: one for each picture, one more for each question.

Labels are those of a `KeyPointLabels` named `label`, captions texts of a `TextArea` named `caption`, answers of one named `answer`;
`docs/convert.md` has such an interface.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pixmo.dataset.convert.carry import KEY, Marks, beside, marks_of, refused
from pixmo.dataset.convert.items import Item, Loss, Settings
from pixmo.dataset.convert.label_studio_results import ANSWER, CAPTION, QUESTION
from pixmo.dataset.convert.spool import by_picture
from pixmo.records.caption import Caption
from pixmo.records.count import Count
from pixmo.records.places import Unit
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer

_NATIVE = {
    Points.KIND: ("image_url", "points"), Count.KIND: ("image_url", "points"), Caption.KIND: ("image_url", "caption"),
    QuestionAnswer.KIND: ("image_url", "question", "answer"),
}  # fmt: skip
_POINT_WIDTH = 0.5  # how large a mark is drawn, in percent; it means nothing

Json = dict[str, Any]  # Any: JSON


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes an array of tasks; gives what could not be carried."""
    before = "["
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for picture in by_picture(items):
            fit = []
            for item in picture:
                loss = _unfit(item)
                if loss is None:
                    fit.append(item)
                else:
                    yield loss
            for task in _tasks(fit):
                file.write(f"{before}\n{json.dumps(task, ensure_ascii=False, allow_nan=False)}")
                before = ","
        file.write("[]\n" if before == "[" else "\n]\n")


def _unfit(item: Item) -> Loss | None:
    if item.record.KIND not in _NATIVE:
        return item.loss("other_kind", "", item.record.KIND)
    marks = marks_of(item, Unit.PERCENT) if isinstance(item.record, Points | Count) else None
    return refused(item) or (marks if isinstance(marks, Loss) else None)


def _tasks(picture: list[Item]) -> Iterator[Json]:
    together = [item for item in picture if not isinstance(item.record, QuestionAnswer)]
    if together:
        yield _task(together, {})
    for item in picture:
        if isinstance(item.record, QuestionAnswer):
            yield _task([item], {QUESTION: item.record.question})


def _task(items: list[Item], more: Json) -> Json:
    told = [beside(item.record, _NATIVE[item.record.KIND], Unit.PERCENT) for item in items]
    results = [result for i, item in enumerate(items) for result in _results(item, i)]
    return {"data": {"image": items[0].picture, **more, KEY: told}, "annotations": [{"result": results}]}


def _results(item: Item, number: int) -> list[Json]:
    record = item.record
    if isinstance(record, Caption):
        return [_text(CAPTION, record.caption, number)]
    if isinstance(record, QuestionAnswer):
        return [_text(ANSWER, record.answer, number)]
    marks = marks_of(item, Unit.PERCENT)
    assert isinstance(marks, Marks)
    size = {"original_width": marks.size_px[0], "original_height": marks.size_px[1]} if marks.size_px else {}
    return [
        {
            "id": f"r{number}p{i}", "type": "keypointlabels", "from_name": "label", "to_name": "image", **size,
            "image_rotation": 0, "value": {"x": x, "y": y, "width": _POINT_WIDTH, "keypointlabels": [marks.label]},
        }
        for i, (x, y) in enumerate(marks.points)
    ]  # fmt: skip


def _text(name: str, text: str, number: int) -> Json:
    return {"id": f"r{number}", "type": "textarea", "from_name": name, "to_name": "image", "value": {"text": [text]}}
