"""From records to what can be asked of a model about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pixmo.errors import BadRecord
from pixmo.records.base import Record
from pixmo.records.caption import Caption
from pixmo.records.clock import Clock
from pixmo.records.count import Count
from pixmo.records.docs import AskedOnce, Document, DocumentPoints
from pixmo.records.explanation import Explanation
from pixmo.records.image_set import ImageSetPoints, ImageSetQA
from pixmo.records.judgement import Judgement
from pixmo.records.places import Unit
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer
from pixmo.records.video import VideoCaption, VideoPoints
from pixmo.text.messages import conversation_of
from pixmo.text.points import Scale, pairs, scale_of
from pixmo.text.prompts_examples import (
    Annotated,
    Asked,
    Conversation,
    Example,
    Places,
    Pointed,
    PointedInSet,
    PointedInVideo,
    Tagged,
)

Size = tuple[int, int]
Located = Points | Count | Explanation | DocumentPoints

NO_SIZE = "its points are in pixels and the size of the picture is not known"
IN_SETS = {"pointing": "multi_image_pointing", "point_count": "multi_image_point_then_count"}
IN_VIDEOS = {"pointing": "video_point", "point_count": "video_point_count"}


def examples_of(
    record: Record,
    *,
    size_px: Size | None = None,
    pointing: Sequence[str] = ("pointing", "point_count"),
    style: str | None = None,
    explained: bool = False,
) -> list[Example]:
    """What can be asked about one record, in its order; nothing about a judgement.

    `size_px` (width, height) is the picture's, used where points are in pixels and the record does not tell it. `pointing` are the styles
    in which one asks for points: each gives an example. `style` takes the place of a question's usual one, as each set of documents has
    its own; `explained` puts explanations before answers, and `_exp` behind the style, where there are any.
    An example whose answer the record does not have is there all the same: its `lacks` says why. Raises BadRecord for a conversation
    that cannot be read.
    """
    match record:
        case Caption():
            told = [("long_caption", record.caption), *(("transcript", text) for text in record.transcripts)]
            return [Asked(style=name, answer=text) for name, text in told]
        case QuestionAnswer():
            return [_question(record, style)]
        case Points() | Count():
            return [_pointed(record, name, size_px) for name in pointing]
        case Explanation():
            return [_annotated(record, style or "point_qa", size_px)]
        case Document():
            return _asked(record.questions, style or "pixmo_docs", explained)
        case ImageSetQA():
            return _asked(record.questions, style or "user_qa", explained)
        case DocumentPoints():
            return _document_points(record, style or "cosyn_point", size_px)
        case Clock():
            return [Asked(style=style or "clocks", answer=_time_told(record.text))]
        case ImageSetPoints():
            return [example for name in pointing for example in _in_set(record, IN_SETS.get(name, name))]
        case VideoPoints():
            return [_in_video(record, IN_VIDEOS.get(name, name)) for name in pointing]
        case VideoCaption():
            return _video_captions(record)
        case Judgement():
            return []
    raise BadRecord(f"nothing is known to ask about a record of kind {record.KIND!r}")


def _question(record: QuestionAnswer, style: str | None) -> Example:
    turns = conversation_of(record)
    if turns[0] == record.question:
        return Asked(style=style or "user_qa", question=record.question, answer=record.answer)
    return Conversation(style=style or "synthetic_qa", messages=turns)


def _asked(questions: Iterable[AskedOnce], style: str, explained: bool) -> list[Example]:
    return [
        Asked(style=f"{style}_exp", question=q.question, answer=f"{q.explanation} Answer: {q.answer}")
        if explained and q.explanation
        else Asked(style=style, question=q.question, answer=q.answer)
        for q in questions
    ]


def _time_told(text: str) -> str:
    """`12:09` becomes a sentence; that no time is shown is one already."""
    return f"The time shown is {text}" if text[:1].isdigit() else text


def _pointed(record: Points | Count, style: str, size_px: Size | None) -> Pointed:
    scale, known = _scale(record, size_px), record.points or ()
    if isinstance(record, Count) and not known and record.count:
        return Pointed(style=style, label=record.label, missing=f"it counts {record.count}, and no points are known")
    # pixmo-count keeps its pixels as float32, which decides how halves are rounded
    dtype = "float32" if isinstance(record, Count) and record.unit is Unit.PIXELS else None
    places = Places(pairs(known), scale or 100, dtype)
    return Pointed(style=style, label=record.label, places=places, missing=_missing(scale, known))


def _annotated(record: Explanation, style: str, size_px: Size | None) -> Annotated:
    scale = _scale(record, size_px)
    told = zip(record.inline_text, record.alt_text, record.points, strict=False)
    tags = [Tagged(inline, alt, Places(pairs(points), scale or 100)) for inline, alt, points in told]
    missing = _missing(scale, record.points)
    return Annotated(
        style=style, question=record.question, text=record.parsed_response, tags=tuple(tags), missing=missing
    )


def _document_points(record: DocumentPoints, style: str, size_px: Size | None) -> list[Example]:
    scale = _scale(record, size_px)
    return [
        Pointed(
            style=style, label=q.name, question=q.question, places=Places(pairs(q.points), scale or 100),
            missing=_missing(scale, q.points),
        )
        for q in record.questions
    ]  # fmt: skip


def _in_set(record: ImageSetPoints, style: str) -> list[Example]:
    scale = _scale(record)
    return [
        PointedInSet(
            style=style, label=one.label, places=tuple(Places(pairs(points), scale or 100) for points in one.points),
            missing=_missing(scale, one.points),
        )
        for one in record.labels
    ]  # fmt: skip


def _in_video(record: VideoPoints, style: str) -> PointedInVideo:
    scale = _scale(record)
    missing = _missing(scale, record.points)
    if len(record.two_fps_timestamps) != len(record.points):
        missing = f"it has points at {len(record.points)} moments and names {len(record.two_fps_timestamps)}"
    return PointedInVideo(
        style=style, label=record.label, question=None if style == "video_point" else record.question,
        times_s=record.two_fps_timestamps, places=tuple(Places(pairs(points), scale or 100) for points in record.points),
        missing=missing,
    )  # fmt: skip


def _video_captions(record: VideoCaption) -> list[Example]:
    whole = record.video_frame_merged_caption or record.merged_caption
    told = [("video_long_caption", whole), ("video_short_caption", record.video_caption)]
    return [Asked(style=style, answer=text) for style, text in told if text]


def _scale(record: Located | ImageSetPoints | VideoPoints, size_px: Size | None = None) -> Scale | None:
    """None where points are in pixels of a picture whose size nobody tells."""
    width, height = getattr(record, "image_width_px", None) or 0, getattr(record, "image_height_px", None) or 0
    size = (width, height) if width > 0 and height > 0 else size_px
    return None if record.unit is Unit.PIXELS and size is None else scale_of(record.unit, size)


def _missing(scale: Scale | None, points: Iterable[object]) -> str | None:
    return NO_SIZE if scale is None and any(points) else None
