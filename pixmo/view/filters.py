"""The form of search, filters and order: works without a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pixmo.page.html import Child, Html, foreign, shortened, tag
from pixmo.page.numbers import compact
from pixmo.view.document import View, link, without
from pixmo.view.index_statistics import Facet
from pixmo.view.query import OPS, Query

SPELLED = {op: word for word, op in OPS.items()}
_LONGEST = 200  # characters of a value that is offered


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
    facets = view.index.facets()
    shown = [_facet(facet, query) for facet in facets]
    known = {(f.column, "=") for f in facets if f.kind != "number"} | {
        (f.column, op) for f in facets if f.kind == "number" for op in (">=", "<=")
    }
    offered = {(f.column, value) for f in facets for value, _ in f.values}
    others = [
        f
        for f in query.filters
        if (f.column, f.op) not in known or (f.op == "=" and (f.column, f.value) not in offered)
    ]
    kept = [tag("input", type="hidden", name=f"f.{f.column}.{SPELLED[f.op]}", value=f.value) for f in others]
    buttons = tag(
        "p", tag("button", "Apply", type="submit", class_="main"), " ", tag("a", "Clear", href="./", class_="button")
    )
    inside = (tag("div", *shown, class_="facets"), _order(view, query), _sql(query), *kept, buttons)
    is_open = bool(query.filters or query.sql)
    return [tag("details", tag("summary", "Filters and order"), *inside, open=is_open, class_="block")]


def _facet(facet: Facet, query: Query) -> Html:
    chosen = [f for f in query.filters if f.column == facet.column]
    body = (
        _range(facet, {f.op: f.value for f in chosen})
        if facet.kind == "number"
        else _choices(facet, {f.value for f in chosen if f.op == "="})
    )
    return tag("fieldset", tag("legend", foreign(facet.column.replace("_", " "), 40)), *body)


def _range(facet: Facet, chosen: dict[str, str]) -> Iterable[Child]:
    for op, word, bound in ((">=", "from", facet.low), ("<=", "to", facet.high)):
        hint = "" if bound is None else compact(bound)
        box = tag(
            "input",
            type="number",
            step="any",
            name=f"f.{facet.column}.{SPELLED[op]}",
            value=chosen.get(op),
            placeholder=hint,
        )
        yield tag("label", word, " ", box)


def _choices(facet: Facet, chosen: set[str]) -> Iterable[Child]:
    options = [
        tag(
            "label",
            tag("input", type="checkbox", name=f"f.{facet.column}.is", value=value, checked=value in chosen),
            tag("span", foreign(shortened(value, 60) or "(empty)")), tag("small", compact(rows)),
        )
        for value, rows in facet.values
        if len(value) <= _LONGEST
    ]  # fmt: skip
    yield tag("div", *options, class_="choices", tabindex=0 if len(options) > 6 else None)


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


def _sql(query: Query) -> Html:
    box = tag(
        "input",
        type="text",
        name="sql",
        value=query.sql,
        placeholder="n_points > 5 AND host LIKE '%.org'",
        spellcheck="false",
    )
    return tag("p", tag("label", "Where (SQL) ", box), class_="sql")
