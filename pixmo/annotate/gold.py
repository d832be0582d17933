"""Gold tasks: pictures whose answers are known, as a CSV or JSONL file tells them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixmo.annotate.listed import rows_of
from pixmo.annotate.points import MAX_LABEL, points_in
from pixmo.annotate.tasks import Task
from pixmo.errors import BadSource
from pixmo.sources.pictures import read_picture
from pixmo.web.refused import Refused


def gold_points(path: Path, folder: Path) -> list[Task]:
    """Columns `image` (a path from `folder`, that of the other pictures), `label`, and `points`: pairs of percentages, maybe none."""
    tasks = []
    for where, row in rows_of(path):
        label = _text(row, "label", where)[:MAX_LABEL]
        told = row.get("points")
        try:
            points = points_in(json.loads(told) if isinstance(told, str) else told)
        except (Refused, ValueError) as error:
            why = error.why if isinstance(error, Refused) else "they are no JSON"
            raise BadSource(f"{where}: `points` should be such as [[25, 75]], in percent: {why}") from error
        tasks.append(Task(_inside(folder, row["image"], where), label, known=json.dumps(points)))
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
        known = {"draft": _text(row, "answer", where), "right": right}
        image, question = _inside(folder, row["image"], where), _text(row, "question", where)
        tasks.append(Task(image, question, known=json.dumps(known, ensure_ascii=False)))
    return tasks


def _inside(folder: Path, image: str, where: str) -> str:
    try:
        read_picture(folder, image)
    except (BadSource, ValueError) as error:
        raise BadSource(f"{where}: {error}") from error
    return (folder / image).resolve().relative_to(folder.resolve()).as_posix()


def _text(row: dict[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadSource(f"{where}: says no `{name}`")
    return value.strip().encode(errors="replace").decode()
