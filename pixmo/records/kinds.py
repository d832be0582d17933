"""All kinds of records, by name."""

from __future__ import annotations

from pixmo.errors import UnknownName
from pixmo.records.base import Record
from pixmo.records.caption import Caption
from pixmo.records.clock import Clock
from pixmo.records.count import Count
from pixmo.records.docs import Document, DocumentPoints
from pixmo.records.explanation import Explanation
from pixmo.records.image_set import ImageSetPoints, ImageSetQA
from pixmo.records.judgement import Judgement
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer
from pixmo.records.video import VideoCaption, VideoPoints

KINDS: dict[str, type[Record]] = {
    kind.KIND: kind
    for kind in (
        Caption, QuestionAnswer, Points, Explanation, Count, Document, DocumentPoints, Clock, ImageSetQA, ImageSetPoints,
        VideoPoints, VideoCaption, Judgement,
    )
}  # fmt: skip

PICTURE_FIELDS = ("image_url", "image_sha256")
"""The fields that say which picture a record is of: rows of one picture have them in common."""


def kind_named(name: str) -> type[Record]:
    """The class of a kind. Raises UnknownName."""
    if name not in KINDS:
        raise UnknownName("kind of record", name, KINDS)
    return KINDS[name]


def is_groupable(kind: type[Record]) -> bool:
    """Whether records of this kind can be gathered per picture."""
    return set(PICTURE_FIELDS) <= set(kind.__dataclass_fields__)
