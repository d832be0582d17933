"""Points drawn over a picture. Places are percent of what the drawing lies on, so they hold at every size and zoom."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pixmo.page.html import Html, shortened, tag
from pixmo.view.card_pieces import COLOURS, Expression, Mark

PALETTE = ("#0b5cad", "#b3261e", "#1b7a3d", "#7b3fb0", "#9a4a00", "#006d77", "#b0246f", "#56606b")
"""One colour per expression; white on each has a contrast of 4.5 at least. Letters say the same for those who see no colour."""

MOST_MARKS = 5000
MOST_NUMBERED = 400
"""Points of an expression in a picture that have their number beside them; more would hide the picture, and are dots."""

_SPELLED = 12  # points spelled for those who hear the page


def letter(expression: int) -> str:
    """A, B, …, Z, AA, …"""
    found, rest = "", expression + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        found = chr(65 + digit) + found
    return found


def has_letters(expressions: Sequence[Expression]) -> bool:
    """Whether there are several to tell apart."""
    return len(list(islice((e for e in expressions if not e.is_predicted), 2))) > 1


def colour_class(expression: int) -> str:
    """The class of an expression's colour."""
    return f"c{expression % COLOURS}"


def overlay(
    expressions: Sequence[Expression], picture: int = 0, most: int = MOST_MARKS, is_small: bool = False
) -> Html | None:
    """The points in one picture of a row, over it; None where there are none."""
    several = has_letters(expressions)
    groups, left = [], most
    for number, expression in enumerate(expressions):
        marks = [m for m in expression.marks if m.picture == picture][:left]
        left -= len(marks)
        if marks:
            name = letter(number) if several and not expression.is_predicted else ""
            is_plain = is_small or len(marks) > MOST_NUMBERED
            drawn = [_dot(m) if is_plain else _mark(m, name, expression.is_predicted) for m in marks]
            kind = f"expression {colour_class(number)}" + (" predicted" if expression.is_predicted else "")
            groups.append(tag("g", *drawn, class_=kind, data_expression=number))
    if not groups:
        return None
    lines = [] if is_small else _matches(expressions, picture)
    return tag("svg", *lines, *groups, class_="over", role="img", aria_label=told(expressions, picture))


def _dot(mark: Mark) -> Html:
    return tag("circle", cx=_percent(mark.x), cy=_percent(mark.y), r=4)


def _mark(mark: Mark, name: str, is_predicted: bool) -> Html:
    """A spot of one size at every zoom: what stands in the inner SVG begins at its place, whatever the outer's size."""
    label = f"{name}{mark.number}"
    wide = 9.0 if len(label) < 3 else 3 + 3.4 * len(label)
    shape = tag("rect", x=-wide, y=-9, width=2 * wide, height=18, rx=2 if is_predicted else 9)
    text = tag("text", label, y="4", text_anchor="middle")
    place = {"x": _percent(mark.x), "y": _percent(mark.y)}
    return tag("svg", shape, text, class_="point", data_point=mark.number, overflow="visible", **place)


def _matches(expressions: Sequence[Expression], picture: int) -> list[Html]:
    """Lines from each predicted point to the true one nearest to it that no other took."""
    truth = [m for e in expressions if not e.is_predicted for m in e.marks if m.picture == picture][:200]
    mine = [m for e in expressions if e.is_predicted for m in e.marks if m.picture == picture][:200]
    pairs = sorted(((p.x - t.x) ** 2 + (p.y - t.y) ** 2, i, j) for i, p in enumerate(mine) for j, t in enumerate(truth))
    used_mine: set[int] = set()
    used_true: set[int] = set()
    lines = []
    for _, i, j in pairs:
        if i not in used_mine and j not in used_true:
            used_mine.add(i)
            used_true.add(j)
            ends = {"x1": mine[i].x, "y1": mine[i].y, "x2": truth[j].x, "y2": truth[j].y}
            lines.append(tag("line", class_="match", **{k: _percent(v) for k, v in ends.items()}))
    return lines


def told(expressions: Sequence[Expression], picture: int) -> str:
    """The points in words."""
    parts = []
    for expression in expressions:
        marks = [m for m in expression.marks if m.picture == picture]
        if marks:
            spelled = "; ".join(f"{m.number} at {m.x:.1f} %, {m.y:.1f} %" for m in marks[:_SPELLED])
            more = f"; and {len(marks) - _SPELLED:,} more" if len(marks) > _SPELLED else ""
            parts.append(f"{shortened(expression.label, 60)}: {spelled}{more}")
    return shortened(". ".join(parts), 1200)


def _percent(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") + "%"
