"""The lists that are handed on: typed records, as JSON lines and as Parquet, with whose they are by pseudonym."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.annotate.agreement_list import Compared, agreement_of
from pixmo.annotate.answers import Answers, Submission
from pixmo.annotate.folder import POINTS, QA, publish_lines
from pixmo.annotate.manifest import Names
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import Tasks
from pixmo.records.arrow import batch_of
from pixmo.records.base import Record
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer
from pixmo.storage.publish import publishing

_REVIEW = {"given": "unseen", "accepted": "accepted", "corrected": "corrected"}
_SHARED = pa.schema([(name, pa.string()) for name in ("image_path", "annotator", "consent", "review")])
_OF_QA = pa.schema(
    [
        ("source", pa.string()),
        ("model", pa.string()),
        ("rejected", pa.list_(pa.struct([("draft", pa.string()), ("reason", pa.string())]))),
    ]
)


def publish_lists(kind: str, out: Path, images: Path, store: Store, compared: Compared | None = None) -> None:
    """Writes what a collection of points or questions hands on: `<kind>.jsonl` and `<kind>.parquet`, a row per submission.

    Of points also `agreement.json`; `compared` spares computing again what was.
    """
    answers = Answers(store, Tasks(store, 1), lambda: None)
    if kind == QA:
        _publish(out, images, answers.all(), QA, QuestionAnswer, question_of, _OF_QA)
        return
    _publish(out, images, answers.all(), POINTS, Points, points_of, pa.schema([]))
    _agreement(out, agreement_of(answers, {} if compared is None else compared))


def points_of(given: Submission) -> Points:
    """What somebody pointed at, in percent of the upright picture."""
    value = given.final
    return Points(
        image_sha256=value["sha256"],
        label=value["label"],
        points=tuple(Point(x, y) for x, y in value["points"]),
        count=len(value["points"]),
        collection_method="pointing",
        unit=Unit.PERCENT,
        orientation=Orientation.UPRIGHT,
        image_width_px=value["width_px"] or None,
        image_height_px=value["height_px"] or None,
    )


def question_of(given: Submission) -> QuestionAnswer:
    """What somebody asked, and the answer."""
    value = given.final
    return QuestionAnswer(image_sha256=value["sha256"], question=value["question"], answer=value["answer"])


def _publish(
    out: Path, images: Path, given: Iterable[Submission], name: str, kind: type[Record],
    record_of: Callable[[Submission], Record], own: pa.Schema,
) -> None:  # fmt: skip
    names = Names(out, images)
    all_ = list(given)
    records = [record_of(one) for one in all_]
    beside = [_beside(one, names) | {field: one.value.get(field) for field in own.names} for one in all_]
    publish_lines(out / f"{name}.jsonl", (r.to_dict() | b for r, b in zip(records, beside, strict=True)))
    table = pa.Table.from_batches([batch_of(records, kind)])
    for field in [*_SHARED, *own]:
        table = table.append_column(field, pa.array([b[field.name] for b in beside], field.type))
    with publishing(out / f"{name}.parquet") as path:
        pq.write_table(table, path, compression="zstd")


def _beside(one: Submission, names: Names) -> dict[str, Any]:  # Any: JSON
    return {
        "image_path": names.of(one.file),
        "annotator": one.person,
        "consent": one.consent,
        "review": _REVIEW[one.state],
    }


def _agreement(out: Path, told: dict[str, Any]) -> None:  # Any: JSON
    with publishing(out / "agreement.json") as path:
        path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
