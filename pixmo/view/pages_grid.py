"""The rows of a set as cards, some two dozen a page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.responses import Response

from pixmo.page.html import Html, foreign, shortened, tag
from pixmo.page.numbers import count, share
from pixmo.view.card import Card, card_of, headline
from pixmo.view.document import View, link, page_of
from pixmo.view.facts import FLAGGED
from pixmo.view.filters import active, search_form
from pixmo.view.marks import overlay
from pixmo.view.query import Filter, Query

PER_PAGE = 24
MARKS_SMALL = 300  # points drawn in one card of the grid


def grid_page(view: View, query: Query, page: int) -> Response:
    """The cards of a page, counted from 1; how far the reading is where the query needs the index and it is not there yet."""
    if query.needs_index and view.index.state.name != "ready":
        return waiting_page(view, query, "./")
    found = view.index.find(query, (page - 1) * PER_PAGE, PER_PAGE)
    pages = max(1, -(-found.total // PER_PAGE))
    cards = cards_of(view, found.numbers)
    head = tag("header", tag("h1", _told(view, query, found.total)))
    shown = (
        tag("ol", *(tag("li", small(view, card, query)) for card in cards), class_="grid")
        if cards
        else _nothing(view, page, pages, query)
    )
    return page_of(
        view, "Rows", head, tag("div", search_form(view, query), _tools(view, query), class_="controls"), active(query), shown, paging(query, page, pages), at=""
    )  # fmt: skip


def cards_of(view: View, numbers: Sequence[int]) -> list[Card]:
    """The cards of some rows, read together; their pictures are expected to be asked for next."""
    view.pictures.expect(numbers)
    has = 0 if view.pictures.column is None else 1
    rows = zip(numbers, view.data.read(numbers), strict=True)
    return [card_of(number, row, has, partial(view.pictures.frame, number)) for number, row in rows]


def waiting_page(view: View, query: Query, back: str) -> Response:
    """How far the reading of the whole set is; comes again by itself, and then goes on."""
    if view.index.state.name != "failed":
        view.index.begin()
    state = view.index.state
    if state.name == "failed":
        told = tag("p", "The set could not be read to the end: ", foreign(state.why, 300))
        return page_of(
            view, "Not read", tag("h1", "No filters"), told, tag("p", tag("a", "All rows", href="./")), status=500
        )
    bar = tag("progress", max=max(state.rows, 1), value=state.done, aria_label="rows read")
    return page_of(
        view,
        "Reading",
        tag("header", tag("h1", "Reading the set once"), tag("p", "Searching, filtering and sorting need every row. This is done one time and kept.")),
        tag("p", bar, " ", tag("span", f"{count(state.done)} of {count(state.rows)} rows, {share(state.done, state.rows)}", class_="soft"), class_="reading"),
        tag("p", tag("a", "Meanwhile, all rows", href="./")),
        refresh=f"1;url={link(back, query)}",
    )  # fmt: skip


def paging(query: Query, page: int, pages: int) -> Html | None:
    """The way to other pages."""
    if pages == 1:
        return None
    near = sorted({1, pages, *range(max(1, page - 2), min(pages, page + 2) + 1)})
    items: list[Html] = []
    for n, before in zip(near, [0, *near], strict=False):
        if n > before + 1:
            items.append(tag("li", "…", class_="soft"))
        items.append(
            tag("li", tag("a", count(n), href=link("./", query, page=n), aria_current="page" if n == page else None))
        )
    previous = tag("a", "← Before", href=link("./", query, page=page - 1), rel="prev") if page > 1 else None
    following = tag("a", "Next →", href=link("./", query, page=page + 1), rel="next") if page < pages else None
    return tag("nav", previous, tag("ol", *items), following, class_="paging", aria_label="Pages of rows")


def small(view: View, card: Card, query: Query) -> Html:
    """A card of the grid: one link to the row."""
    title = headline(card.title, 160) or f"Row {card.number:,}"
    badges = [tag("li", text, class_="badge") for text in card.badges]
    if card.faults:
        badges.append(tag("li", "findings", class_="badge again", title=shortened("; ".join(card.faults), 300)))
    if view.flags.get(card.id) is not None:
        badges.append(tag("li", "⚑ flagged", class_="badge lost"))
    return tag(
        "a",
        _picture(view, card, title) if card.pictures else None,
        tag("span", foreign(title, 160), class_="title", dir="auto"),
        tag("ul", *badges, class_="badges") if badges else None,
        tag("span", f"{card.number:,}", class_="soft small"),
        href=link(f"./row/{card.number}", query), class_="small-card", data_row=card.number, data_id=card.id[:500],
    )  # fmt: skip


def _picture(view: View, card: Card, title: str) -> Html:
    source = f"./thumb/{card.number}/0?v={view.data.digest[:8]}"
    image = tag("img", src=source, alt=shortened(title, 120), loading="lazy", decoding="async")
    drawn = overlay(card.expressions, 0, MARKS_SMALL, is_small=True)
    return tag("span", tag("span", image, drawn, class_="stage"), class_="thumb")


def _told(view: View, query: Query, total: int) -> str:
    rows = len(view.data.rows)
    kind = f" of {view.data.kind.KIND.replace('_', ' ')}" if view.data.kind else ""
    splits = f", {', '.join(view.data.rows.splits)}" if view.data.rows.splits else ""
    return (
        f"{count(rows)} rows{kind}{splits}" if not query.needs_index else f"{count(total)} of {count(rows)} rows{kind}"
    )


def _tools(view: View, query: Query) -> Html:
    last = max(len(view.data.rows) - 1, 0)
    box = tag(
        "input", type="number", name="number", min=0, max=last, aria_label="Number of a row", placeholder="row number"
    )
    go = tag("form", box, tag("button", "Go", type="submit"), action="./go", method="get", class_="go")
    marked = len(view.flags.all())
    mine = Query(filters=(Filter(FLAGGED, "=", "yes"),))
    flags = (
        (
            tag("a", f"⚑ {count(marked)} flagged", href=link("./", mine), class_="button"),
            tag("a", "Export flags", href="./flags.parquet", download="flags.parquet", class_="button"),
        )
        if marked
        else ()
    )
    return tag(
        "div", tag("a", "Random order", href=link("./random", query), class_="button"), go, *flags, class_="tools"
    )


def _nothing(view: View, page: int, pages: int, query: Query) -> Html:
    if not len(view.data.rows):
        return tag("p", "The set has no rows.", class_="empty")
    if page > pages:
        return tag(
            "p",
            f"There are {count(pages)} pages. ",
            tag("a", "To the last", href=link("./", query, page=pages)),
            class_="empty",
        )
    return tag("p", "No row is like that. ", tag("a", "All rows", href="./"), class_="empty")
