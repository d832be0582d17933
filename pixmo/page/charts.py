"""Charts as inline SVG: no script, colours from the style sheet, so they follow light and dark.

Charts with axes are drawn 340 units wide with 11-unit type, to be shown between 300 and 560 px: there the type reads. Bars that
stand in tables stretch to their cell and hold no type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pixmo.page.html import Html, tag
from pixmo.page.numbers import compact, ticks

WIDTH, HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 10, 34


class Part(NamedTuple):
    """A piece of a bar: how much, in which tone (a class of the style sheet), called what."""

    value: float
    tone: str
    label: str


def share_bar(parts: Sequence[Part], whole: float, title: str | None = None) -> Html:
    """A bar of stacked parts of a whole. With a title it is a picture; without it decorates numbers beside it."""
    at, pieces = 0.0, []
    for part in parts:
        width = 100 * part.value / whole if whole else 0.0
        if width > 0:
            hint = tag("title", part.label) if title else None
            pieces.append(tag("rect", hint, x=_n(at), y=0, width=_n(width), height=10, class_=part.tone))
        at += width
    body = (tag("rect", x=0, y=0, width=100, height=10, class_="track"), *pieces)
    if title is None:
        return tag("svg", *body, class_="bar", viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true")
    told = "; ".join(p.label for p in parts if p.value)
    label = {"role": "img", "aria_label": f"{title}: {told}"}
    return tag(
        "svg", tag("title", title), *body, class_="bar", viewBox="0 0 100 10", preserveAspectRatio="none", **label
    )


def histogram(bins: Sequence[tuple[str, int]], title: str, unit: str) -> Html:
    """Upright bars, one per bin: (label of its lower edge, count). Every label that fits is written."""
    top = ticks(max((count for _, count in bins), default=0), whole=True)
    slot = (WIDTH - _LEFT - _RIGHT) / max(len(bins), 1)
    every = max(1, -(-len(bins) * 30 // (WIDTH - _LEFT - _RIGHT)))  # a label needs some 30 units
    bars = []
    for place, (label, value) in enumerate(bins):
        x, height = _LEFT + place * slot, _span() * value / top[-1]
        if value:
            height = max(height, 1.0)  # one among a million is still seen
        hint = tag("title", f"from {label} {unit}: {value:,}")
        bars.append(
            tag("rect", hint, x=_n(x + 1), y=_n(_base() - height), width=_n(max(slot - 2, 1)), height=_n(height))
        )
        if place % every == 0:
            bars.append(_text(label, x + 1, _base() + 14, "start"))
    told = ", ".join(f"{label} {unit}: {value:,}" for label, value in bins)
    return _chart(title, told, [*_grid(top), *bars, _text(unit, WIDTH - _RIGHT, HEIGHT - 4, "end")])


def line(points: Sequence[tuple[float, float]], title: str, x_unit: str, y_unit: str) -> Html:
    """A line through (x, y) with the area below it; axes begin at 0."""
    right = ticks(max((x for x, _ in points), default=0), 5)
    top = ticks(max((y for _, y in points), default=0))
    across = WIDTH - _LEFT - _RIGHT
    # the last tick may lie beyond the data: the axis ends where the data do
    end = max((x for x, _ in points), default=0) or right[-1]
    spots = [(_LEFT + across * x / end, _base() - _span() * y / top[-1]) for x, y in points]
    path = " ".join(f"{'L' if i else 'M'}{_n(x)} {_n(y)}" for i, (x, y) in enumerate(spots))
    area = f"{path} L{_n(spots[-1][0])} {_base()} L{_n(spots[0][0])} {_base()} Z" if spots else ""
    labels = [_text(compact(x), _LEFT + across * x / end, _base() + 14, "middle") for x in right if x <= end * 0.97]
    told = (
        f"from {y_unit} {compact(min(y for _, y in points))} to {compact(max(y for _, y in points))}"
        if points
        else "empty"
    )
    marks = [tag("path", d=area, class_="area"), tag("path", d=path, class_="line")] if spots else []
    units = [_text(x_unit, WIDTH - _RIGHT, HEIGHT - 4, "end")]
    return _chart(title, told, [*_grid(top), *marks, *labels, *units])


def _chart(title: str, told: str, body: Sequence[Html]) -> Html:
    told = told if len(told) < 600 else told[:600] + " …"
    head = (tag("title", title), tag("desc", told))
    view = f"0 0 {WIDTH} {HEIGHT}"
    return tag("svg", *head, *body, class_="chart", viewBox=view, role="img", aria_label=f"{title}. {told}")


def _grid(values: Sequence[float]) -> list[Html]:
    drawn = []
    for value in values:
        y = _base() - _span() * value / values[-1]
        drawn.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=_n(y), y2=_n(y), class_="grid" if value else "axis"))
        drawn.append(_text(compact(value), _LEFT - 6, y + 4, "end"))
    return drawn


def _text(text: str, x: float, y: float, anchor: str) -> Html:
    return tag("text", text, x=_n(x), y=_n(y), text_anchor=anchor)


def _base() -> int:
    return HEIGHT - _BOTTOM


def _span() -> int:
    return HEIGHT - _BOTTOM - _TOP


def _n(number: float) -> str:
    """Two decimals at most: a thousandth of a unit is not seen."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
