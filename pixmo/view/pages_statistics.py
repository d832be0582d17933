"""The statistics of a set: where points lie, how long texts are, what there is how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from starlette.responses import Response

from pixmo.page.charts import Part, histogram, share_bar
from pixmo.page.html import Child, Html, foreign, tag
from pixmo.page.numbers import compact, count, share
from pixmo.view.document import View, link, page_of
from pixmo.view.heat import CELLS
from pixmo.view.index_statistics import NumberColumn, Statistics, TextColumn
from pixmo.view.pages_grid import waiting_page
from pixmo.view.query import LONGEST, Column, Filter, Query

PATH, NAME = "statistics", "Statistics"
FIRST_NUMBERS = (
    "points",
    "count",
    "annotations",
    "caption_words",
    "question_words",
    "answer_words",
    "transcripts",
    "width",
    "height",
)
FIRST_TEXTS = ("outcome", "fetch_outcome", "split", "label", "findings", "host")
_SHADES = 10
SHOWN = 10  # values in a table
T = TypeVar("T", NumberColumn, TextColumn)


def statistics_page(view: View) -> Response:
    """All statistics; how far the reading is until they are there."""
    if view.index.state.name != "ready":
        return waiting_page(view, Query(), f"./{PATH}")
    told = view.index.statistics()
    meanings = {c.name: c for c in view.index.columns()}
    return page_of(
        view,
        NAME,
        tag("header", tag("p", NAME, class_="eyebrow"), tag("h1", foreign(view.data.name, 80)), tag("p", "Counted over all rows.", class_="soft")),
        _tiles(told),
        _places(told),
        _section("Numbers", "numbers", [_number(n, meanings) for n in _first(told.numbers, FIRST_NUMBERS)]),
        _section("Most frequent", "values", [_texts(t, told.rows) for t in _first(told.texts, FIRST_TEXTS) if _varies(t, told.rows)]),
        _columns(told, list(meanings.values())),
        at=PATH,
    )  # fmt: skip


def _first(columns: Sequence[T], names: Sequence[str]) -> list[T]:
    place = {name: n for n, name in enumerate(names)}
    return sorted(columns, key=lambda c: place.get(c.column, len(place)))


def _tiles(told: Statistics) -> Html:
    tiles: list[tuple[str, str]] = [("rows", count(told.rows))]
    numbers = {n.column: n for n in told.numbers}
    if "points" in numbers:
        points = numbers["points"]
        tiles += [("points", compact(points.mean * points.known)), ("points in a row, mean", compact(points.mean))]
    tiles += [
        (f"words of {n.column.removesuffix('_words')}, median", compact(n.median))
        for n in told.numbers
        if n.column.endswith("_words")
    ][:3]
    tiles += [
        (f"different {_many(t.column)}", f"{'≈ ' if t.distinct > len(t.values) else ''}{compact(t.distinct)}")
        for t in told.texts
        if t.column in ("host", "label")
    ]
    return tag(
        "dl", *(tag("div", tag("dt", name), tag("dd", value, class_="figure")) for name, value in tiles), class_="tiles"
    )


def _many(name: str) -> str:
    return {"host": "hosts", "label": "labels"}[name]


def _places(told: Statistics) -> Html | None:
    if not told.points:
        return None
    most = max(map(max, told.heat))
    note = f"{count(told.points)} points on the pictures' width and height; the fullest of the {CELLS} × {CELLS} cells has {count(most)}."
    card = tag("div", heat_map(told.heat), class_="card heat")
    return tag("section", tag("h2", "Where points lie"), tag("p", note), card, aria_label="Where points lie")


def heat_map(heat: Sequence[Sequence[int]]) -> Html:
    """Cells shaded by their points, the picture's upper left corner above on the left."""
    most = max(map(max, heat), default=0) or 1
    cells = [
        tag(
            "rect",
            tag("title", f"{count(n)} points"),
            x=x,
            y=y,
            width=1,
            height=1,
            fill_opacity=f"{_shade(n, most):.2f}",
        )
        for y, row in enumerate(heat)
        for x, n in enumerate(row)
        if n
    ]
    ground = tag("rect", x=0, y=0, width=CELLS, height=CELLS, class_="track")
    told = f"Points by place in the picture. {_fullest(heat)}"
    return tag(
        "svg",
        tag("title", "Where points lie"),
        ground,
        *cells,
        viewBox=f"0 0 {CELLS} {CELLS}",
        class_="heat-map",
        role="img",
        aria_label=told,
    )


def _shade(number: int, most: int) -> float:
    """A few shades that can be told apart; one point among a million is still seen."""
    return max(1, round(_SHADES * number / most)) / _SHADES


def _fullest(heat: Sequence[Sequence[int]]) -> str:
    """In words for who does not see the map."""
    half = CELLS // 2
    quarters = {
        "upper left": sum(map(sum, (row[:half] for row in heat[:half]))), "upper right": sum(map(sum, (row[half:] for row in heat[:half]))),
        "lower left": sum(map(sum, (row[:half] for row in heat[half:]))), "lower right": sum(map(sum, (row[half:] for row in heat[half:]))),
    }  # fmt: skip
    whole = sum(quarters.values())
    return ", ".join(f"{name} quarter {share(n, whole)}" for name, n in quarters.items())


def _section(title: str, id: str, cards: Sequence[Html]) -> Html | None:
    return (
        tag("section", tag("h2", title), tag("div", *cards, class_="cards"), id=id, aria_label=title) if cards else None
    )


def _number(column: NumberColumn, meanings: dict[str, Column]) -> Html:
    edges = [(compact(edge), n) for edge, n in column.bins]
    last = "; the last bar is of all that is larger" if column.is_cut else ""
    note = f"median {compact(column.median)}, mean {compact(column.mean)}, from {compact(column.low)} to {compact(column.high)}{last}"
    meaning = meanings[column.column].meaning if column.column in meanings else ""
    return tag(
        "div", tag("h3", foreign(column.column, 60)), tag("p", foreign(meaning, 200), class_="soft") if meaning else None,
        histogram(edges, column.column[:80], "rows by value"), tag("p", note, class_="soft"),
        tag("p", tag("a", "Rows, largest first", href=link("./", Query(sort=column.column, descending=True)))), class_="card",
    )  # fmt: skip


def _varies(column: TextColumn, rows: int) -> bool:
    """Whether there is something to see: not the same in every row, not another in each."""
    return bool(column.values) and (len(column.values) > 1 or column.known < rows)


def _texts(column: TextColumn, rows: int) -> Html:
    lines = [
        tag("tr", tag("th", _linked(column, value), scope="row"), tag("td", count(n), class_="number"), tag("td", share(n, rows), class_="number"),
            tag("td", share_bar([Part(n, "", value[:80])], rows), class_="wide"))
        for value, n in column.values[:SHOWN]
    ]  # fmt: skip
    more = max(column.distinct, len(column.values)) - SHOWN
    note = tag("p", f"and about {compact(more)} more", class_="soft") if more > 0 else None
    head = tag(
        "tr",
        tag("th", "value", scope="col"),
        tag("th", "rows", class_="number", scope="col"),
        tag("th", "share", class_="number", scope="col"),
        tag("td", class_="wide"),
    )
    table = tag("table", tag("thead", head), tag("tbody", *lines))
    scroll = tag(
        "div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Most frequent {column.column[:80]}"
    )
    return tag("div", tag("h3", foreign(column.column, 60)), scroll, note, class_="card")


def _linked(column: TextColumn, value: str) -> Child:
    """The value as a way to its rows."""
    if not value.strip() or len(value) > LONGEST or "\0" in value:
        return foreign(value, 80) if value.strip() else tag("span", "(empty)", class_="soft")
    return tag("a", foreign(value, 80), href=link("./", Query(filters=(Filter(column.column, "=", value),))))


def _columns(told: Statistics, columns: Sequence[Column]) -> Html:
    known = (
        {n.column: n.known for n in told.numbers}
        | {t.column: t.known for t in told.texts}
        | {"number": told.rows, "id": told.rows}
    )
    kinds = {"text": "text", "texts": "texts", "number": "number", "yes_no": "yes or no"}
    lines = [
        tag("tr", tag("th", foreign(c.name, 80), tag("small", foreign(c.meaning, 300)) if c.meaning else None, scope="row"), tag("td", kinds[c.kind]),
            tag("td", share(known.get(c.name, 0), told.rows), class_="number"))
        for c in columns
    ]  # fmt: skip
    head = tag(
        "tr",
        tag("th", "column", scope="col"),
        tag("th", "kind", scope="col"),
        tag("th", "have a value", class_="number", scope="col"),
    )
    table = tag("table", tag("thead", head), tag("tbody", *lines))
    note = "What rows can be filtered and sorted by, also in SQL."
    scroll = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label="Table of columns")
    return tag("section", tag("h2", "Columns"), tag("p", note, class_="soft"), scroll, aria_label="Columns")
