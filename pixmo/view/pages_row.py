"""One row, whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from starlette.responses import Response

from pixmo.page.html import Html, foreign, shortened, tag
from pixmo.page.numbers import count
from pixmo.view.card import Card, card_of, headline
from pixmo.view.card_pieces import Sound
from pixmo.view.document import View, link, page_of
from pixmo.view.flags import LONGEST_NOTE
from pixmo.view.marks import colour_class, overlay
from pixmo.view.pieces import blocks_of, facts, legend
from pixmo.view.query import Query
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
        tag("h1", foreign(headline(card.title, 80)) if card.title.strip() else f"Row {number:,}", dir="auto"), _line(view, card),
        class_="row-head",
    )  # fmt: skip
    texts = (
        _faults(card),
        legend(card),
        *blocks_of(card, partial(_sound, view, number)),
        _urls(card),
        facts(card),
        _flag(view, card),
    )
    looks = tag("div", *_pictures(view, card), class_="pictures") if card.pictures or card.marks else None
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


def _line(view: View, card: Card) -> Html:
    told = [f"row {count(card.number)} of {count(len(view.data.rows))}", *([card.split] if card.split else [])]
    badges = [tag("span", text, class_="badge") for text in card.badges]
    return tag("p", " · ".join(told), " · ", tag("code", foreign(card.id, 80)), " ", *badges, class_="soft")


def _faults(card: Card) -> Html | None:
    cut = [f"{name}: {size:,} values, the first 5,000 are shown" for name, size in card.lengths.items()]
    told = [*cut, *card.faults]
    return (
        tag(
            "ul",
            *(tag("li", foreign(fault, 300)) for fault in told),
            class_="faults",
            aria_label="What was found wrong",
        )
        if told
        else None
    )


def _pictures(view: View, card: Card) -> Iterable[Html]:
    several = max(card.pictures, 1)
    for picture in range(min(several, _MOST_PICTURES)):
        yield _stage(view, card, picture, several)
    if several > _MOST_PICTURES:
        yield tag("p", f"{several:,} pictures; the first {_MOST_PICTURES} are shown.", class_="soft")


def _stage(view: View, card: Card, picture: int, several: int) -> Html:
    name = f"Picture {picture + 1} of {several}" if several > 1 else "Picture"
    version = view.data.digest[:8]
    alt = headline(card.title, 120) or name
    image = (
        tag("img", src=f"{UP}picture/{card.number}/{picture}?v={version}", alt=alt, class_="photo")
        if card.pictures
        else tag("span", class_="blank")
    )
    masked = [(n, e) for n, e in enumerate(card.expressions) if e.masks]
    masks = [
        tag(
            "img",
            src=f"{UP}mask/{card.number}/{e.record}/{n % 8}?v={version}",
            alt=f"mask of {shortened(e.label, 80)}",
            class_=f"mask {colour_class(n)}",
            data_expression=n,
        )
        for n, e in masked
    ]
    stage = tag("div", image, *masks, overlay(card.expressions, picture), class_="stage")
    pane = tag(
        "div",
        stage,
        class_="pane",
        tabindex=0,
        role="region",
        aria_label=f"{name}; plus and minus zoom, arrow keys move",
    )
    return tag(
        "figure",
        pane,
        _zoom(bool(card.marks), bool(masks)),
        tag("figcaption", name) if several > 1 else None,
        class_="look",
    )


def _zoom(has_points: bool, has_masks: bool) -> Html:
    buttons = [
        tag("button", sign, type="button", data_zoom=kind, title=title, aria_label=title)
        for kind, sign, title in (("out", "−", "Smaller"), ("in", "+", "Larger"), ("fit", "Fit", "Fit"))
    ]
    slider = (
        tag(
            "label",
            "Masks ",
            tag("input", type="range", min=0, max=100, value=50, class_="opacity", aria_label="Opacity of masks"),
        )
        if has_masks
        else None
    )
    told = tag("output", "100 %", class_="zoomed")
    hide = (
        tag("label", tag("input", type="checkbox", checked=True, class_="with-points"), " points")
        if has_points
        else None
    )
    return tag("div", *buttons, told, hide, slider, class_="zoom", hidden=True)


def _sound(view: View, number: int, sound: Sound) -> str | None:
    return f"{UP}sound/{number}/{sound.number}" if sound_of(view.data.folder, sound.sha256) else None


def _urls(card: Card) -> Html | None:
    if not card.urls:
        return None
    items = []
    for url in card.urls[:_MOST_PICTURES]:
        is_plain = url.startswith(("http://", "https://")) and len(url) <= 8192
        opened = tag("a", "open", href=url, rel="noreferrer noopener external", target="_blank") if is_plain else None
        items.append(
            tag(
                "li",
                tag("code", foreign(url, 200)),
                " ",
                tag("button", "Copy", type="button", class_="copy", data_copy=url[:8192], hidden=True),
                " ",
                opened,
            )
        )
    return tag("section", tag("h2", "Where the picture was found"), tag("ul", *items, class_="urls"), class_="block")


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
