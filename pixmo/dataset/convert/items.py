"""What goes through a conversion: records with the place they come from, and what could not be carried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pixmo.records.base import Record
from pixmo.records.places import Orientation, Unit

Size = tuple[int, int]
"""Width and height in pixels."""

Pair = tuple[float, float]


class Reason(NamedTuple):
    """Why something was not carried; with `left_out` the whole record or mark is missing in the result."""

    meaning: str
    left_out: bool


REASONS: dict[str, Reason] = {
    "other_kind": Reason("the format has no place for records of this kind", True),
    "not_a_record": Reason("the row is no record", True),
    "unreadable": Reason("the item is not what the format says it should be", True),
    "unsupported": Reason("records have no place for this kind of annotation", True),
    "cannot_hold": Reason("a value the format cannot hold: NaN, infinity, a number too large, text that is no text", True),
    "size_unknown": Reason("pixels need the size of the picture, and nobody tells it", True),
    "sizes_differ": Reason("another record of the picture gives another size, and the format has one", True),
    "no_picture": Reason("nothing says which picture it is", True),
    "no_points": Reason("no points, and the format cannot say that a thing is not in the picture", True),
    "no_answer": Reason("there is no answer to train on", True),
    "turned": Reason("the picture was turned by hand when the mark was made", True),
    "cancelled": Reason("the annotator skipped or took back the task", True),
    "prediction": Reason("a model's guess, no annotation", True),
    "nothing_said": Reason("the picture has no annotation, and no record can say so", True),
    "keypoints_not_asked": Reason("keypoints of COCO are read only with --keypoints-lossy", True),
    "kind_changed": Reason("comes back as a record of another kind", False),
    "unit_changed": Reason("the points came over in another unit", False),
    "orientation": Reason("the points were made in the picture as stored; the tool shows it upright", False),
    "merged": Reason("records of one label in one picture become one", False),
    "several_labels": Reason("a mark with several labels became one mark for each", False),
    "annotators": Reason("several people's annotations stand side by side, their names are not kept", False),
    "no_place": Reason("a value the other side has no place for", False),
    "column_left": Reason("a column that is no field of the record", False),
    "bookkeeping": Reason("who, when, how long, internal numbers", False),
}  # fmt: skip


class Loss(NamedTuple):
    """Something that could not be carried. `where` is the place in the source, `path` the value there."""

    reason: str
    where: str
    path: str
    detail: str
    picture: str | None = None

    @property
    def left_out(self) -> bool:
        """Whether the whole item is missing in the result."""
        return REASONS[self.reason].left_out


class Item(NamedTuple):
    """A record, where it comes from, and its picture's size where that was looked up and the record does not say it."""

    where: str
    record: Record
    size_px: Size | None = None

    @property
    def picture(self) -> str | None:
        """The URL, path or name that says which picture it is."""
        return getattr(self.record, "image_url", None)

    def loss(self, reason: str, path: str = "", detail: str = "") -> Loss:
        """What of this record was not carried."""
        return Loss(reason, self.where, path, detail, self.picture)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user says where files do not: `--set key=value`."""

    record: str | None = None  # the kind rows are, or the kind that is written
    unit: Unit | None = None  # of rows that do not say it
    orientation: Orientation | None = None  # of what is read
    image: str | None = None  # Label Studio: the key in `data` that names the picture
    caption: str | None = None  # Label Studio: the control of captions; FiftyOne: the field
    question: str | None = None  # Label Studio: the key in `data` that holds a question
    answer: str | None = None  # Label Studio: the control of its answer
    keypoints: str | None = None  # FiftyOne: the field
    prompts: str | None = None  # Molmo: in whose words
    seed: int = 0  # Molmo: of the draws
    keypoints_lossy: bool = False  # COCO


def short(value: object) -> str:
    """A value as a loss shows it."""
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
