"""A watch face and the time it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pixmo.records.base import Record, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock(Record):
    """One rendered watch. Names are as published: `watchface_name` is the watch's body."""

    KIND: ClassVar[str] = "clock"

    example_id: str = about("{watchface_id}/{watch_time with microseconds}_{body}")
    watchface_id: str = about("the face, ten characters")
    watchface_name: str = about("the body the face is shown on, such as galaxywatch6classicblack")
    watch_time: str = about("the time that was set, after a variant's number: 003_2020-06-28T08:15:30")
    time_format: str = about("with or without AM/PM, or that the time is not shown")
    shows_seconds: bool = about("whether seconds are shown")
    hour_visible: int = about("the hour shown; -1 where none is", "h", -1, 23)
    minute_visible: int = about("the minute shown; -1 where none is", "min", -1, 59)
    second_visible: int = about("the second shown; -1 where none is", "s", -1, 59)
    text: str = about("the time as text, or that it is not shown")
