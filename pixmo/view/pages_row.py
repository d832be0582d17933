"""One row, whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from starlette.responses import Response

from pixmo.page.html import Html, foreign, tag
from pixmo.view.card import Card, card_of, headline
from pixmo.view.card_pieces import Sound
from pixmo.view.document import View, link, page_of
from pixmo.view.flags import LONGEST_NOTE
from pixmo.view.pieces import blocks_of, facts, legend
from pixmo.view.query import Query
from pixmo.view.row_parts import faults, line, pictures, urls
from pixmo.view.sounds import sound_of
from pixmo.view.source import MOST_VALUES

UP = "./../"
_MOST_PICTURES = 40


def row_page(view: View, query: Query, number: int) -> Response:
    """Everything about a row: its pictures with points and masks, its texts, its other columns, the rows beside it."""
    card = whole_card(view, number)
    before, after = _around(view, query, number)
    head = tag(
        "header", _ways(view, query, before, after),
        tag("h1", foreign(headline(card.title, 80)) if card.title.strip() else f"Row {number:,}", dir="auto"), line(card, len(view.data.rows)),
        class_="row-head",
    )  # fmt: skip
    texts = (
        faults(card),
        legend(card),
        *blocks_of(card, partial(_sound, view, number)),
        urls(card, can_copy=True),
        facts(card),
        _flag(view, card),
    )
    looks = tag("div", *_looks(view, card), class_="pictures") if card.pictures or card.marks else None
    whole = tag("div", looks, tag("div", *texts, class_="texts"), class_="row" if looks else "row alone")
    return page_of(view, headline(card.title, 60) or f"Row {number}", head, whole, up=UP)


def whole_card(view: View, number: int) -> Card:
    """The card of one row, with how long its lists are where they were cut."""
    (row,) = view.data.read([number])
    card = card_of(number, row, len(view.pictures.files(number)), partial(view.pictures.frame, number))
    is_long = any(e.total >= MOST_VALUES for e in card.expressions) or any(
        isinstance(v, list) and len(v) >= MOST_VALUES for _, v in card.facts
    )
    return replace(card, lengths=view.data.lengths(number)) if is_long else card


def _around(view: View, query: Query, number: int) -> tuple[int | None, int | None]:
    if query.needs_index and view.index.state.name != "ready":
        return None, None
    return view.index.around(query, number)


def _ways(view: View, query: Query, before: int | None, after: int | None) -> Html:
    return tag(
        "nav",
        tag("a", "← Before", href=link(f"./{before}", query), rel="prev") if before is not None else tag("span", "← Before", class_="soft"),
        tag("a", "All rows", href=link(UP, query), id="back"),
        tag("a", "Next →", href=link(f"./{after}", query), rel="next") if after is not None else tag("span", "Next →", class_="soft"),
        class_="paging", aria_label="Rows beside this one",
    )  # fmt: skip


def _looks(view: View, card: Card) -> Iterable[Html]:
    version = view.data.digest[:8]
    masks = [
        (n, f"{UP}mask/{card.number}/{e.record}/{n % 8}?v={version}") for n, e in enumerate(card.expressions) if e.masks
    ]
    return pictures(
        card, _MOST_PICTURES, lambda n: f"{UP}picture/{card.number}/{n}?v={version}", lambda n: () if n else masks
    )


def _sound(view: View, number: int, sound: Sound) -> str | None:
    return f"{UP}sound/{number}/{sound.number}" if sound_of(view.data.folder, sound.sha256) else None


def _flag(view: View, card: Card) -> Html:
    known = view.flags.get(card.id)
    box = tag(
        "input",
        type="text",
        id="note",
        maxlength=LONGEST_NOTE,
        value=known.note if known else "",
        placeholder="Why? (may be empty)",
        aria_label="Note",
    )
    press = tag(
        "button",
        "Flagged" if known else "Flag this row",
        type="button",
        id="flag",
        aria_pressed="true" if known else "false",
    )
    return tag(
        "section", tag("h2", "Flag"), tag("p", press, " ", box, class_="flagging"), class_="block", id="flagging", hidden=True,
        data_number=card.number, data_id=card.id,
    )  # fmt: skip
