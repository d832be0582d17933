"""Gold tasks: pictures whose answers are known, as a CSV or JSONL file tells them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixmo.annotate.listed import MAX_LABEL, MAX_TEXT, picture_in, rows_of, text_in
from pixmo.annotate.points import points_in
from pixmo.annotate.tasks import Task
from pixmo.errors import BadSource
from pixmo.web.refused import Refused


def gold_points(path: Path, folder: Path) -> list[Task]:
    """Columns `image` (a path from `folder`, that of the other pictures), `label`, and `points`: pairs of percentages, maybe none."""
    tasks = []
    for where, row in rows_of(path):
        label = _needed(row, "label", where)
        told = row.get("points")
        try:
            points = points_in(json.loads(told) if isinstance(told, str) else told)
        except (Refused, ValueError) as error:
            why = error.why if isinstance(error, Refused) else "they are no JSON"
            raise BadSource(f"{where}: `points` should be such as [[25, 75]], in percent: {why}") from error
        tasks.append(Task(_picture(folder, row, where), label, known=json.dumps(points)))
    return tasks


def gold_questions(path: Path, folder: Path) -> list[Task]:
    """Columns `image`, `question`, `answer`, a draft to be judged, and `right`: whether it is to be accepted, true or false."""
    tasks = []
    for where, row in rows_of(path):
        right = row.get("right")
        if isinstance(right, str):
            right = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
                right.strip().lower()
            )
        if not isinstance(right, bool):
            raise BadSource(f"{where}: `right` should be true or false")
        known = {"draft": _needed(row, "answer", where), "right": right}
        image, question = _picture(folder, row, where), _needed(row, "question", where)
        tasks.append(Task(image, question, known=json.dumps(known, ensure_ascii=False)))
    return tasks


def _picture(folder: Path, row: dict[str, Any], where: str) -> str:
    try:
        return picture_in(folder, row)
    except BadSource as error:
        raise BadSource(f"{where}: {error}") from error


def _needed(row: dict[str, Any], name: str, where: str) -> str:
    text = text_in(row, name, where, MAX_TEXT if name == "answer" else MAX_LABEL)
    if not text:
        raise BadSource(f"{where}: says no `{name}`")
    return text
