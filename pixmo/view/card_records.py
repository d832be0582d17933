"""What the records of a row show, by kind: expressions with their points, and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pixmo.records.base import Record, shapes
from pixmo.records.caption import Caption
from pixmo.records.clock import Clock
from pixmo.records.conversation import turns
from pixmo.records.count import Count
from pixmo.records.docs import Document, DocumentPoints
from pixmo.records.explanation import PLACEHOLDER, Explanation
from pixmo.records.image_set import ImageSetPoints, ImageSetQA
from pixmo.records.judgement import Judgement
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer
from pixmo.records.video import VideoCaption, VideoPoints
from pixmo.view.card_pieces import (
    NONE,
    Block,
    Chip,
    Chips,
    Compared,
    Conversation,
    Expression,
    Face,
    Frame,
    Judged,
    Mark,
    Text,
    Verdicts,
)  # fmt: skip
from pixmo.view.card_places import marks_of, needs_frame, size_and_turn

MOST_CHECKED = 500_000  # characters: longer rows are not checked here, which would take longer than a page may
FINDINGS = 6  # told of a row; `pixmo check` tells all

Located: TypeAlias = "Points | Count | Explanation | DocumentPoints"


class Gathered:
    """What the records of one row show."""

    def __init__(self, frame_of: Callable[[int], Frame | None]) -> None:
        self.frame_of = frame_of
        self.title = ""
        self.pictures = 0
        self.expressions: list[Expression] = []
        self.blocks: list[Block] = []
        self.faults: list[str] = []
        self.frames: list[Frame | None] = []
        self.columns: set[str] = set()
        self._absent = 0

    @property
    def badges(self) -> tuple[str, ...]:
        """Short words about the row."""
        total = sum(e.total for e in self.expressions)
        absent = sum(e.is_absent for e in self.expressions)
        told = [f"{total:,} point{'' if total == 1 else 's'}"] if total else []
        return (*told, *(["not in the picture"] if absent else []))

    def points(
        self, label: str, record: Located, number: int, points: Sequence[Any], **more: Any
    ) -> None:  # Any: Points
        """An expression of a record that says its unit and orientation itself."""
        told = record.image_width_px, record.image_height_px
        size = (told[0], told[1]) if told[0] and told[1] else None
        frame = self.frame_of(0) if points and needs_frame(record.unit, record.orientation, size) else None
        size, turn = size_and_turn(record.unit, record.orientation, size, frame)
        marks = marks_of(points, record.unit, size, turn)
        self.expression(label, marks, len(points), number, **more)

    def expression(
        self, label: str, marks: tuple[Mark, ...], total: int, number: int, **more: Any
    ) -> None:  # Any: fields
        """An expression whose points are placed."""
        why = "the picture's size is not known" if total and not marks else ""
        self.expressions.append(Expression(label, marks, total, number, why=why, **more))


def gather(
    records: Sequence[Record], columns: Mapping[str, Any], frame_of: Callable[[int], Frame | None]
) -> Gathered:  # Any: column values
    """What is shown of the records; the columns they were made of are shown by that, and no more as facts."""
    told = Gathered(frame_of)
    for number, record in enumerate(records):
        _SHOWN.get(type(record), _nothing)(record, number, told)
    if records:
        told.columns = {s.name for s in shapes(type(records[0]))} & set(columns) | {"annotations"} & set(columns)
        is_long = _chars(columns) > MOST_CHECKED
        found = [] if is_long else [f for record in records for f in record.findings()]
        told.faults = [f"{f.level}: {f.rule} at {f.path or 'the row'}: {f.detail}"[:300] for f in found[:FINDINGS]]
        if len(found) > FINDINGS:
            told.faults.append(f"and {len(found) - FINDINGS:,} more")
        told.title = _titled(told)
    return told


def _chars(columns: Mapping[str, Any]) -> int:  # Any: column values
    """How much text the row's columns hold."""
    lists = [v for v in columns.values() if isinstance(v, list) and v and isinstance(v[0], str)]
    return sum(len(v) for v in columns.values() if isinstance(v, str)) + sum(
        len(t) for v in lists for t in v if t is not None
    )


def _titled(told: Gathered) -> str:
    labels = [e.label for e in told.expressions if e.label.strip()]
    for block in told.blocks:
        if isinstance(block, Text | Compared) and block.body.strip():
            return block.body
        if isinstance(block, Conversation) and block.turns:
            return block.turns[0]
        if isinstance(block, Chips):
            return block.question
        if isinstance(block, Face):
            return block.text
    return ", ".join(labels[:20])


def _nothing(record: Record, number: int, told: Gathered) -> None:
    """Of a kind that has no drawing of its own."""


def _caption(record: Caption, number: int, told: Gathered) -> None:
    others = tuple((f"Transcript {n}", text) for n, text in enumerate(record.transcripts, 1))
    told.blocks.append(Compared("Caption", record.caption, others) if others else Text("Caption", record.caption))


def _qa(record: QuestionAnswer, number: int, told: Gathered) -> None:
    earlier = turns(record.question)
    messages = record.messages or ((*earlier, record.answer) if earlier else (record.question, record.answer))
    told.blocks.append(Conversation(tuple(messages)))


def _points(record: Points, number: int, told: Gathered) -> None:
    told.points(record.label, record, number, record.points, count=record.count, masks=len(record.masks or ()))


def _count(record: Count, number: int, told: Gathered) -> None:
    told.points(record.label, record, number, record.points or (), count=record.count)


def _explanation(record: Explanation, number: int, told: Gathered) -> None:
    first = len(told.expressions)
    names = record.alt_text or record.inline_text
    for at, places in enumerate(record.points):
        told.points(names[at] if at < len(names) else f"place {at + 1}", record, number, places)
    if record.parsed_response is None:
        told.blocks.append(Conversation((record.question, record.response)))
        return
    parts: list[str | Chip] = []
    for at, text in enumerate(record.parsed_response.split(PLACEHOLDER)):
        if at:
            inline = record.inline_text[at - 1] if at <= len(record.inline_text) else "place"
            has_place = at <= len(record.points)
            parts.append(Chip(inline, first + at - 1) if has_place else inline)
        parts.append(text)
    told.blocks.append(Chips(record.question, tuple(parts)))


def _document(record: Document | ImageSetQA, number: int, told: Gathered) -> None:
    told.blocks += [Conversation((q.question, q.answer), q.explanation or "") for q in record.questions]
    if isinstance(record, ImageSetQA):
        told.pictures = max(told.pictures, len(record.image_urls or ()))


def _document_points(record: DocumentPoints, number: int, told: Gathered) -> None:
    for asked in record.questions:
        told.points(asked.name or asked.question, record, number, asked.points)
        if asked.name:
            told.blocks.append(Chips(asked.question, (Chip(asked.name, len(told.expressions) - 1),)))


def _clock(record: Clock, number: int, told: Gathered) -> None:
    told.blocks.append(Face(record.hour_visible, record.minute_visible, record.second_visible, record.text))


def _across(record: ImageSetPoints, number: int, told: Gathered) -> None:
    told.pictures = max(told.pictures, len(record.image_urls or ()), *(len(p.points) for p in record.labels), 0)
    for pointed in record.labels:
        marks: list[Mark] = []
        for picture, places in enumerate(pointed.points):
            frame = told.frame_of(picture) if places and needs_frame(record.unit, record.orientation, None) else None
            size, turn = size_and_turn(record.unit, record.orientation, None, frame)
            marks += marks_of(places, record.unit, size, turn, picture, len(marks) + 1)
        total = sum(map(len, pointed.points))
        told.expression(pointed.label, tuple(marks), total, number, count=pointed.count)


def _video_points(record: VideoPoints, number: int, told: Gathered) -> None:
    if record.question:
        told.blocks.append(Text("Question", record.question))
    moments = zip(record.two_fps_timestamps, record.points, strict=False)
    lines = [f"{time:g} s: " + " ".join(f"({p.x:g}, {p.y:g})" for p in places) for time, places in moments]
    head = (
        f"{record.label}: {sum(map(len, record.points)):,} points at {len(record.points):,} moments, in {record.unit}"
    )
    told.blocks.append(Text(head, "\n".join(lines)))


def _video_caption(record: VideoCaption, number: int, told: Gathered) -> None:
    for name in ("merged_caption", "video_caption", "video_transcript", "video_frame_merged_caption"):
        if text := getattr(record, name):
            told.blocks.append(Text(name.replace("_", " ").capitalize(), text))
    for what, texts in (("Clip", record.clip_captions), ("Frame", record.frame_captions)):
        told.blocks += [Text(f"{what} {n}", text) for n, text in enumerate(texts or (), 1)]


def _judgement(record: Judgement, number: int, told: Gathered) -> None:
    told.blocks.append(Text(f"Caption of {record.model}", record.caption))
    said = tuple(Judged(s.text, (str(s.verdict),), s.reason or "") for s in record.statements)
    told.blocks.append(Verdicts(f"{record.metric}, judged by {record.judge}", said, NONE))


_SHOWN: dict[type[Record], Callable[[Any, int, Gathered], None]] = {  # Any: the record of that class
    Caption: _caption, QuestionAnswer: _qa, Points: _points, Count: _count, Explanation: _explanation, Document: _document,
    ImageSetQA: _document, DocumentPoints: _document_points, Clock: _clock, ImageSetPoints: _across,
    VideoPoints: _video_points, VideoCaption: _video_caption, Judgement: _judgement,
}  # fmt: skip
