"""The statistics of a static site, counted over the rows that are in it."""

from __future__ import annotations

from collections.abc import Sequence

from pixmo.page.charts import Part, histogram, share_bar
from pixmo.page.html import Html, foreign, tag
from pixmo.page.numbers import compact, count, share
from pixmo.view.index_statistics import NumberColumn, TextColumn
from pixmo.view.pages_statistics import heat_map
from pixmo.view.query import Filter, Query
from pixmo.view.static_pages import Site, page_of
from pixmo.view.static_sample import Sample

_MOST_CARDS = 40
_LONGEST = 200


def statistics_page(site: Site, sample: Sample) -> str:
    """Points, numbers and frequent values; each value leads to its rows."""
    told, meanings = sample.statistics, {c.name: c.meaning for c in sample.columns}
    rows = count(told.rows)
    head = tag(
        "header", tag("h1", "Statistics"), tag("p", f"Counted over the {rows} rows of these pages.", class_="soft")
    )
    numbers = [_number(n, meanings.get(n.column, "")) for n in told.numbers[:_MOST_CARDS]]
    texts = [_texts(t, told.rows) for t in told.texts[:_MOST_CARDS] if t.values]
    empty = None if numbers or texts else tag("p", "These rows have nothing to count.", class_="empty")
    return page_of(
        site, "Statistics", head, empty, _places(told.points, told.heat), _section("Numbers", numbers), _section("Most frequent", texts), at="Statistics"
    )  # fmt: skip


def _places(points: int, heat: Sequence[Sequence[int]]) -> Html | None:
    if not points:
        return None
    told = tag("p", f"{count(points)} points on the pictures' width and height.")
    return tag("section", tag("h2", "Where points lie"), told, tag("div", heat_map(heat), class_="card heat"))


def _section(title: str, cards: Sequence[Html]) -> Html | None:
    return tag("section", tag("h2", title), tag("div", *cards, class_="cards"), aria_label=title) if cards else None


def _number(column: NumberColumn, meaning: str) -> Html:
    bins = [(compact(edge), rows) for edge, rows in column.bins]
    last = "; the last bar is of all that is larger" if column.is_cut else ""
    told = f"median {compact(column.median)}, mean {compact(column.mean)}, from {compact(column.low)} to {compact(column.high)}{last}"
    return tag(
        "div", tag("h3", foreign(column.column, 60)), tag("p", foreign(meaning, 200), class_="soft") if meaning else None,
        histogram(bins, column.column[:80], "rows by value"), tag("p", told, class_="soft"),
        tag("p", tag("a", "Rows, largest first", href=_link(Query(sort=column.column, descending=True)))), class_="card",
    )  # fmt: skip


def _texts(column: TextColumn, rows: int) -> Html:
    lines = [
        tag("tr", tag("th", _linked(column.column, value), scope="row"), tag("td", count(n), class_="number"), tag("td", share(n, rows), class_="number"),
            tag("td", share_bar([Part(n, "", value[:80])], rows), class_="wide"))
        for value, n in column.values
    ]  # fmt: skip
    head = [
        tag("th", name, scope="col", class_=kind)
        for name, kind in (("value", None), ("rows", "number"), ("share", "number"))
    ]
    table = tag("table", tag("thead", tag("tr", *head, tag("td", class_="wide"))), tag("tbody", *lines))
    scroll = tag(
        "div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Most frequent {column.column[:80]}"
    )
    return tag("div", tag("h3", foreign(column.column, 60)), scroll, class_="card")


def _linked(column: str, value: str) -> Html:
    if not value.strip() or len(value) > _LONGEST or value != value.strip():
        return foreign(value or "(empty)", 80)
    return tag("a", foreign(value, 80), href=_link(Query(filters=(Filter(column, "=", value),))))


def _link(query: Query) -> str:
    return f"./index.html?{query.address()}"
