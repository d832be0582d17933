"""Clocks: the time an answer tells, compared part by part.

Differences from the original that `legacy=True` undoes:
12 PM is noon, not hour 24;
an answer without a time is wrong, where the original's test on real pictures takes the time of the answer before, or fails on the first.
Kept as published: 12 AM is noon as well as midnight, since the texts of PixMo-Clocks call noon AM; a minute is read up to the next space,
so that `7:45.` tells no minute.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from pixmo.text.counting import whole

CLOSE, CLOSE_REAL = 3, 1
HALF_DAY = 12
HOUR_MINUTES = 60
WRAPPED_MINUTES = 59  # 0 and 59 are neighbours on a real clock
WRAPPED_DAY = 719  # 11:59 and 12:00 on a face of twelve hours


class ClockScore(NamedTuple):
    """1.0 or 0.0 for each part that was asked; None for those that were not. The overall ones are always there."""

    overall_close: float
    overall_exact: float
    correctly_declines_to_answer: float | None = None
    all_correct: float | None = None
    all_close: float | None = None
    hour_correct: float | None = None
    minute_correct: float | None = None
    minute_close: float | None = None
    second_correct: float | None = None
    second_close: float | None = None


def clock_score(
    prediction: str | None, hour: int, minute: int, second: int = -1, *, real_image: bool = False, legacy: bool = False
) -> ClockScore:
    """How an answer tells `hour`:`minute`:`second`; -1 is not visible or not asked, and where all are an answer must not tell a time.

    Minutes and seconds are close within 3. `real_image`: within 1, on a face of twelve hours. `legacy`: nan throughout where the
    original fails.
    """
    text = (prediction or "").strip()
    if max(hour, minute, second) < 0:
        declines = float(":" not in text)
        return ClockScore(declines, declines, correctly_declines_to_answer=declines)
    if real_image:
        hour, minute = _wrapped(hour, HALF_DAY), _wrapped(minute, HOUR_MINUTES)
    told_hour, told_minute, told_second = _told(text, real_image, legacy)
    is_hour = told_hour == hour or (hour == 0 and told_hour == HALF_DAY and (real_image or "PM" not in text))
    minutes = _near(told_minute, minute, real_image, WRAPPED_MINUTES if real_image else None)
    seconds = _near(told_second, second, real_image, None) if second != -1 else None
    score = _joined(is_hour, minutes, seconds)
    if not real_image or seconds or score.all_close:
        return score
    if told_hour is None or told_minute is None:
        return ClockScore._make(None if part is None else math.nan for part in score) if legacy else score
    apart = abs(hour * HOUR_MINUTES + minute - (told_hour * HOUR_MINUTES + told_minute))
    return score._replace(overall_close=1.0, all_close=1.0) if apart == WRAPPED_DAY else score


class _Part(NamedTuple):
    correct: bool
    close: bool


def _joined(is_hour: bool, minutes: _Part, seconds: _Part | None) -> ClockScore:
    correct = is_hour and minutes.correct and (seconds is None or seconds.correct)
    close = is_hour and minutes.close and (seconds is None or seconds.close)
    return ClockScore(
        overall_close=float(close),
        overall_exact=float(correct),
        all_correct=float(correct),
        all_close=float(close),
        hour_correct=float(is_hour),
        minute_correct=float(minutes.correct),
        minute_close=float(minutes.close),
        second_correct=None if seconds is None else float(seconds.correct),
        second_close=None if seconds is None else float(seconds.close),
    )


def _wrapped(told: int, full: int) -> int:
    return 0 if told == full else told


def _told(text: str, real_image: bool, legacy: bool) -> tuple[int | None, int | None, int | None]:
    """Hour, minute, second: the word before the first colon, the words after the first and the second."""
    parts = text.split(":", 3)
    hour = _word(parts[0], -1)
    minute = _word(parts[1], 0) if len(parts) > 1 else None
    second = _word(parts[2], 0) if len(parts) > 2 else None
    if hour is not None and real_image and hour >= HALF_DAY:
        hour -= HALF_DAY
    elif hour is not None and not real_image and "PM" in text and (legacy or hour < HALF_DAY):
        hour += HALF_DAY
    if minute is not None and real_image:
        minute = _wrapped(minute, HOUR_MINUTES)
    return hour, minute, second


def _word(part: str, number: int) -> int | None:
    words = part.split()
    return whole(words[number]) if words else None


def _near(told: int | None, true: int, real_image: bool, wrapped: int | None) -> _Part:
    if told is None:
        return _Part(False, False)
    apart = abs(told - true)
    return _Part(apart == 0, apart <= (CLOSE_REAL if real_image else CLOSE) or apart == wrapped)
