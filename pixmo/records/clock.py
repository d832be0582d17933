"""A watch face and the time it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from pixmo.records.base import Finding, Record, about
from pixmo.records.checks import short
from pixmo.records.rules import found

_FIELDS = ("hour_visible", "minute_visible", "second_visible")
_TIME = re.compile(r"\s*(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([AaPp])\.?[Mm]\.?)?\s*")


class Time(NamedTuple):
    """A time as text tells it; `half` is AM, PM or None."""

    hour: int
    minute: int
    second: int | None
    half: str | None


def read_time(text: str) -> Time | None:
    """The time a text is; None for one that is none, such as that it is not shown."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    half = f"{match[4].upper()}M" if match[4] else None
    return Time(int(match[1]), int(match[2]), int(match[3]) if match[3] else None, half)


def _spelled(*fields: int) -> str:
    return ":".join(map(short, fields))


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

    def findings(self) -> Iterator[Finding]:
        """Whether the fields are a time, and the text says the same."""
        for name, value, most in zip(_FIELDS, self._shown(), (23, 59, 59), strict=True):
            if not -1 <= value <= most:
                yield found("time_out_of_range", name, short(value))
        hour, minute, second = self._shown()
        if (hour == -1) != (minute == -1) or (second != -1) != (hour != -1 and self.shows_seconds):
            yield found("time_half_shown", "hour_visible", _spelled(hour, minute, second))
            return
        told = read_time(self.text)
        if (told is None) != (hour == -1) or (told is not None and not self._is(told)):
            yield found("time_text_differs", "text", f"{short(self.text)}, but {_spelled(hour, minute, second)}")

    def _shown(self) -> tuple[int, int, int]:
        return self.hour_visible, self.minute_visible, self.second_visible

    def _is(self, told: Time) -> bool:
        """Whether a text's time is that of the fields: hours of twelve are the same in the morning and the afternoon."""
        hours = {self.hour_visible}
        if told.half is not None:  # 12:05 AM is hour 0; released data also write it as 12
            hours = {self.hour_visible % 12 or 12}
            is_afternoon = self.hour_visible >= 12
            if self.hour_visible not in (0, 12) and is_afternoon != (told.half == "PM"):
                return False
        elif self.hour_visible in (0, 12):
            hours = {0, 12}
        second = self.second_visible if told.second is not None else -1
        return told.hour in hours and (told.minute, told.second if told.second is not None else -1) == (
            self.minute_visible,
            second,
        )
