"""Annotations of videos. pixmo does not fetch videos; their rows are read, checked and converted all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from pixmo.records.base import Finding, Record, about
from pixmo.records.checks import Frame, is_finite, of_count, of_label, of_points, of_refusal, of_span, short
from pixmo.records.places import Point, Unit
from pixmo.records.rules import found


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPoints(Record):
    """Points on what a label names, at some moments of a video."""

    KIND: ClassVar[str] = "video_points"

    video_id: str = about("the set's name of the video")
    question: str | None = about("a counting question", default=None)
    label: str = about("what is pointed at")
    count: int | None = about("points over all moments, as published", minimum=0, default=None)
    two_fps_timestamps: tuple[float, ...] = about("the moments, multiples of half a second", "s", 0)
    points: tuple[tuple[Point, ...], ...] = about("the places at each moment")
    raw_frames: tuple[int, ...] | None = about(
        "the frame of each moment in the original video", minimum=0, default=None
    )
    raw_timestamps: tuple[float, ...] | None = about("each moment's time in the original video", "s", 0, default=None)
    annotator_unsure: bool | None = about("whether the annotator was not sure", default=None)
    category: str | None = about("kind of thing, as published", default=None)
    video_duration: float | None = about("length of the video", "s", 0, default=None)
    video_source: str | None = about("where the video is from", default=None)
    clip_start: float | None = about("where the clip shown begins", "s", 0, default=None)
    clip_end: float | None = about("where the clip shown ends", "s", 0, default=None)
    unit: Unit = about("what the coordinates count")

    def findings(self) -> Iterator[Finding]:
        """The label, the moments, the places at each, and their number."""
        yield from of_label(self.label)
        yield from of_count(self.count, sum(map(len, self.points)))
        yield from self._moments()
        yield from of_span(self.clip_start, self.clip_end, "clip")
        for i, places in enumerate(self.points):
            yield from of_points(places, Frame(self.unit, None, None), f"points[{i}]")

    def _moments(self) -> Iterator[Finding]:
        times = self.two_fps_timestamps
        for i, time in enumerate(times):
            if not is_finite(time):
                yield found("not_finite", f"two_fps_timestamps[{i}]", short(time))
            elif time < 0 or (time * 2) % 1:
                yield found("timestamp_not_half", f"two_fps_timestamps[{i}]", f"{time} s")
        if any(not earlier < later for earlier, later in pairwise(times)):
            yield found("timestamps_unsorted", "two_fps_timestamps", short(times))
        for name in ("points", "raw_frames", "raw_timestamps"):
            values = getattr(self, name)
            if values is not None and len(values) != len(times):
                yield found("lists_differ", name, f"{len(values)} for {len(times)} moments")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCaption(Record):
    """Captions of a stretch of a video."""

    KIND: ClassVar[str] = "video_caption"

    video_id: str = about("the set's name of the video")
    video_start: float | None = about("where the stretch begins", "s", 0, default=None)
    video_end: float | None = about("where it ends", "s", 0, default=None)
    video_caption: str | None = about("the caption of the whole", default=None)
    video_transcript: str | None = about("what was said of the whole", default=None)
    merged_caption: str | None = about("the captions of whole and clips made one", default=None)
    video_frame_merged_caption: str | None = about("that, with the captions of single frames", default=None)
    annotation_score: float | None = about("the set's own score of the annotation", default=None)
    clip_captions: tuple[str, ...] | None = about("captions of the clips", default=None)
    frame_captions: tuple[str, ...] | None = about("captions of single frames", default=None)

    def findings(self) -> Iterator[Finding]:
        """The stretch, and that there is a caption."""
        yield from of_span(self.video_start, self.video_end, "video")
        told = (self.video_caption, self.merged_caption, self.video_frame_merged_caption)
        if not any(text and text.strip() for text in told):
            yield found("caption_empty", "merged_caption", "no caption of the whole")
        for name in ("merged_caption", "video_caption", "video_frame_merged_caption"):
            yield from of_refusal(getattr(self, name) or "", name)
