"""The time a record tells, drawn, to be held against the picture."""

from __future__ import annotations

from math import cos, pi, sin

from pixmo.page.html import Html, tag
from pixmo.view.card_pieces import Face


def clock_face(face: Face) -> Html:
    """A clock as SVG; hands that the record says are not shown are left out."""
    ticks = [_line(hour / 12, 40 if hour % 3 else 36, 44, "tick") for hour in range(12)]
    hands = []
    if face.hour >= 0:
        minutes = max(face.minute, 0)
        hands.append(_line((face.hour % 12 + minutes / 60) / 12, 0, 22, "hour"))
    if face.minute >= 0:
        hands.append(_line(face.minute / 60, 0, 34, "minute"))
    if face.second >= 0:
        hands.append(_line(face.second / 60, -6, 38, "second"))
    rim = tag("circle", cx=50, cy=50, r=46, class_="rim")
    return tag(
        "svg",
        rim,
        *ticks,
        *hands,
        class_="clock",
        viewBox="0 0 100 100",
        role="img",
        aria_label=f"a clock that shows {spelled(face)}",
    )


def spelled(face: Face) -> str:
    """As 08:15:30; parts that are not shown are left out."""
    shown = [f"{part:02}" for part in (face.hour, face.minute, face.second) if part >= 0]
    return ":".join(shown) or "no time"


def _line(turn: float, inner: float, outer: float, kind: str) -> Html:
    across, down = sin(2 * pi * turn), -cos(2 * pi * turn)
    ends = {"x1": 50 + inner * across, "y1": 50 + inner * down, "x2": 50 + outer * across, "y2": 50 + outer * down}
    return tag("line", class_=kind, **{name: f"{value:.2f}" for name, value in ends.items()})
