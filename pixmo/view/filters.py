"""The form of search, filters and order: works without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pixmo.page.html import Html, foreign, tag
from pixmo.view.document import View, link, without
from pixmo.view.facet_parts import boxes, facet_field, varies
from pixmo.view.facts import FLAGGED
from pixmo.view.index_statistics import Facet
from pixmo.view.query import OPS, Query

SPELLED = {op: word for word, op in OPS.items()}


def search_form(view: View, query: Query) -> Html:
    """The search box, with filters and order behind it once the set has been read."""
    is_ready = view.index.state.name == "ready"
    box = tag(
        "input",
        type="search",
        name="q",
        id="search",
        value=query.search,
        placeholder="Search all texts",
        aria_label="Search all texts",
    )
    go = tag("button", "Search", type="submit", class_="main")
    more = _filters(view, query) if is_ready else [_kept(query)]
    ask = None if is_ready else tag("a", "Filter and sort…", href=link("./filters", query), class_="button")
    return tag(
        "form",
        tag("div", box, go, ask, class_="search"),
        *more,
        action="./",
        method="get",
        role="search",
        class_="filters",
    )


def active(query: Query) -> Html | None:
    """What holds now, each with a link that takes it away."""
    items = (
        [
            tag(
                "li",
                tag("a", "search: ", foreign(query.search, 60), _away(), href=link("./", _changed(query, search=""))),
            )
        ]
        if query.search
        else []
    )
    items += [
        tag(
            "li",
            tag(
                "a",
                foreign(f.column, 40),
                f" {f.op} ",
                foreign(f.value, 60),
                _away(),
                href=link("./", without(query, n)),
            ),
        )
        for n, f in enumerate(query.filters)
    ]
    if query.sql:
        items.append(
            tag("li", tag("a", "SQL: ", foreign(query.sql, 80), _away(), href=link("./", _changed(query, sql=""))))
        )
    if query.sort:
        way = " ↓" if query.descending else " ↑"
        items.append(
            tag("li", tag("a", "by ", foreign(query.sort, 40), way, _away(), href=link("./", _changed(query, sort=""))))
        )
    if query.seed is not None:
        items.append(
            tag("li", tag("a", f"shuffled, seed {query.seed}", _away(), href=link("./", _changed(query, seed=None))))
        )
    return tag("ul", *items, class_="active", aria_label="What holds now") if items else None


def _away() -> Html:
    return tag("span", " ✕", aria_label="remove")


def _changed(query: Query, **values: str | int | None) -> Query:
    return replace(query, **values)  # type: ignore[arg-type]


def _kept(query: Query) -> Html:
    """What the form does not show, so that it is not lost."""
    told = [(f"f.{f.column}.{SPELLED[f.op]}", f.value) for f in query.filters]
    told += [("sort", query.sort), ("descending", "1" if query.descending else ""), ("sql", query.sql)]
    return tag(
        "span", *[tag("input", type="hidden", name=name, value=value) for name, value in told if value], hidden=True
    )


def _filters(view: View, query: Query) -> list[Html]:
    asked = {f.column for f in query.filters}
    facets = [
        *_flagged(view),
        *(f for f in view.index.facets() if f.column in asked or varies(f, len(view.data.rows))),
    ]
    shown = [_facet(facet, query) for facet in facets]
    offered = {(f.column, "=", value) for f in facets for value, _ in f.values}
    written = {(f.column, op) for f in facets for op in boxes(f)}
    others = [f for f in query.filters if (f.column, f.op, f.value) not in offered and (f.column, f.op) not in written]
    kept = [tag("input", type="hidden", name=f"f.{f.column}.{SPELLED[f.op]}", value=f.value) for f in others]
    buttons = tag(
        "p", tag("button", "Apply", type="submit", class_="main"), " ", tag("a", "Clear", href="./", class_="button")
    )
    inside = (tag("div", *shown, class_="facets"), _order(view, query), _sql(query, facets), *kept, buttons)
    is_open = bool(query.filters or query.sql)
    return [tag("details", tag("summary", "Filters and order"), *inside, open=is_open, class_="block")]


def _flagged(view: View) -> list[Facet]:
    """What is marked in the viewer, where something is."""
    marked = len(view.flags.all())
    return [Facet(FLAGGED, "yes_no", [("yes", marked), ("no", len(view.data.rows) - marked)])] if marked else []


def _facet(facet: Facet, query: Query) -> Html:
    mine = [f for f in query.filters if f.column == facet.column]
    return facet_field(facet, [f.value for f in mine if f.op == "="], {f.op: f.value for f in mine})


def _order(view: View, query: Query) -> Html:
    names = [c.name for c in view.index.columns()]
    options = [
        tag("option", "as they lie", value="", selected=not query.sort),
        *(tag("option", n, value=n, selected=n == query.sort) for n in names),
    ]
    way = tag(
        "label", tag("input", type="checkbox", name="descending", value="1", checked=query.descending), " largest first"
    )
    return tag("p", tag("label", "Sort by ", tag("select", *options, name="sort")), " ", way, class_="order")


def _sql(query: Query, facets: Sequence[Facet]) -> Html:
    numbers = [f.column for f in facets if f.kind == "number" and f.column.isidentifier()]
    box = tag(
        "input",
        type="text",
        name="sql",
        value=query.sql,
        placeholder=" AND ".join(f"{name} > {n}" for name, n in zip(numbers, (5, 100), strict=False)) or "number < 100",
        spellcheck="false",
    )
    return tag("p", tag("label", "Where (SQL) ", box), class_="sql")
