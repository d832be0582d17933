"""A filter of one column: the same with a server and without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pixmo.page.html import Child, Html, foreign, shortened, tag
from pixmo.page.numbers import compact
from pixmo.view.index_statistics import MOST_VALUES, Facet

_LONGEST = 200  # characters of a value that is offered
_BOUNDS = ((">=", "ge", "from"), ("<=", "le", "to"))


def varies(facet: Facet, rows: int) -> bool:
    """Whether a filter leaves anything out: not where all rows have the same value."""
    return facet.low != facet.high if facet.kind == "number" else [n for _, n in facet.values] != [rows]


def boxes(facet: Facet) -> tuple[str, ...]:
    """The operators that are written, not chosen: bounds of numbers, a part of texts of which not all are offered."""
    if facet.kind == "number":
        return (">=", "<=")
    return ("has",) if facet.kind == "text" and not 0 < len(facet.values) < MOST_VALUES else ()


def facet_field(facet: Facet, chosen: Sequence[str] = (), written: Mapping[str, str] | None = None) -> Html:
    """The field of a column, with the values that are chosen, and what is written by operator."""
    body = _range(facet, written or {}) if facet.kind == "number" else _choices(facet, chosen, written or {})
    return tag("fieldset", tag("legend", foreign(facet.column.replace("_", " "), 40)), *body)


def _range(facet: Facet, written: Mapping[str, str]) -> list[Child]:
    fields: list[Child] = []
    for (op, spelled, word), bound in zip(_BOUNDS, (facet.low, facet.high), strict=True):
        hint = "" if bound is None else compact(bound)
        name = f"f.{facet.column}.{spelled}"
        box = tag("input", type="number", step="any", name=name, value=written.get(op), placeholder=hint)
        fields.append(tag("label", word, " ", box))
    return fields


def _choices(facet: Facet, chosen: Sequence[str], written: Mapping[str, str]) -> list[Child]:
    options = [
        tag(
            "label",
            tag("input", type="checkbox", name=f"f.{facet.column}.is", value=value, checked=value in chosen),
            tag("span", foreign(shortened(value, 60) or "(empty)")), tag("small", compact(rows)),
        )
        for value, rows in facet.values
        if len(value) <= _LONGEST
    ]  # fmt: skip
    fields: list[Child] = []
    if options:
        fields.append(tag("div", *options, class_="choices", tabindex=0 if len(options) > 6 else None))
    if boxes(facet):
        box = tag("input", type="text", name=f"f.{facet.column}.has", value=written.get("has"))
        fields.append(tag("label", "has ", box))
    return fields
