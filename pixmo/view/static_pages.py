"""The pages of a static site: the frame of all, the one with the rows, one per row, the statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from pixmo.page.html import Child, Html, foreign, shortened, tag
from pixmo.page.numbers import count
from pixmo.page.style import STYLE
from pixmo.view.card import Card
from pixmo.view.card_pieces import Sound
from pixmo.view.facet_parts import facet_field, varies
from pixmo.view.marks import PALETTE
from pixmo.view.pieces import blocks_of, facts, legend
from pixmo.view.row_parts import broken_files, faults, line, pictures, urls
from pixmo.view.source import Broken
from pixmo.view.static_pictures import MOST_PICTURES, name_of

if TYPE_CHECKING:
    from pixmo.view.static_sample import Sample  # needs DuckDB, which notebooks do not

POLICY = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file:; media-src 'self' file:; base-uri 'none'; form-action 'self' file:"
"""What a browser may do with a page; `file:` is what 'self' is called where there is no host."""

MOST_MARKS = 500  # points drawn in one row
MOST_MASKS = 8


@dataclass(frozen=True)
class Site:
    """What all pages have in common. `files` is how many files of data there are, of `per_file` rows each."""

    name: str
    rows: int  # in the set
    seed: int | None
    broken: tuple[Broken, ...]
    files: int
    per_file: int


def style() -> str:
    """The style sheet of all pages."""
    here = files("pixmo.view")
    colours = "\n".join(f".c{n}{{--mine:{colour}}}" for n, colour in enumerate(PALETTE))
    return "\n".join((STYLE, here.joinpath("view.css").read_text(), here.joinpath("static.css").read_text(), colours))


def page_of(site: Site, title: str, *body: Child, up: str = "./", at: str = "") -> str:
    """A whole page; `up` leads to the root, `at` is its name in the bar on top."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} – {site.name[:80]}"),
        tag("link", rel="stylesheet", href=f"{up}static/style.css"),
        tag("script", src=f"{up}static/static.js", defer=True),
    )
    names = (("index.html", "Rows"), ("statistics.html", "Statistics"))
    links = [tag("a", name, href=f"{up}{path}", aria_current="page" if name == at else None) for path, name in names]
    home = tag("a", foreign(site.name, 60), href=f"{up}index.html", class_="home")
    keys = tag("button", "?", id="help", type="button", title="Keys", hidden=True)
    bar = tag("nav", home, *links, keys, class_="bar-top", aria_label="Pages")
    skip = tag("a", "To the content", href="#content", class_="skip")
    said = tag("p", id="status", role="status", aria_live="polite")
    whole = tag(
        "body", skip, bar, tag("main", *body, id="content"), said, data_files=site.files, data_per_file=site.per_file
    )
    return f"<!doctype html>\n{tag('html', head, whole, lang='en')}\n"


def index_page(site: Site, sample: Sample) -> str:
    """The page of the rows; its script fills it."""
    shown = len(sample.numbers)
    told = f"{count(shown)} rows" if shown == site.rows else f"{count(shown)} of {count(site.rows)} rows"
    drawn = f", drawn with seed {site.seed}" if site.seed is not None and shown < site.rows else ""
    first = f"./rows/{sample.numbers[0]}.html" if sample.numbers else "#content"
    without = tag(
        "p",
        "Searching and paging need the page's script. Each row can be read without: ",
        tag("a", "the first", href=first),
        ".",
    )
    head = tag(
        "header", tag("h1", foreign(site.name, 80)), tag("p", told, drawn, class_="soft", id="told", data_rows=shown)
    )
    return page_of(
        site, "Rows", head, broken_files(site.broken), tag("noscript", without),
        tag("div", _form(sample), _tools(), class_="controls"), tag("ul", id="active", class_="active", aria_label="What holds now", hidden=True),
        tag("ol", id="rows", class_="grid"), tag("nav", id="paging", class_="paging", aria_label="Pages of rows", hidden=True), at="Rows",
    )  # fmt: skip


def _tools() -> Html:
    box = tag("input", type="number", id="number", min=0, aria_label="Number of a row", placeholder="row number")
    go = tag("form", box, tag("button", "Go", type="submit"), id="go", class_="go", action="./index.html")
    return tag("div", tag("a", "Random order", href="./index.html", id="random", class_="button"), go, class_="tools")


def _form(sample: Sample) -> Html:
    box = tag(
        "input", type="search", name="q", id="search", placeholder="Search all texts", aria_label="Search all texts"
    )
    search = tag("div", box, tag("button", "Search", type="submit", class_="main"), class_="search")
    options = [tag("option", "as they lie", value=""), *(tag("option", c.name, value=c.name) for c in sample.columns)]
    way = tag("label", tag("input", type="checkbox", name="descending", value="1"), " largest first")
    order = tag("p", tag("label", "Sort by ", tag("select", *options, name="sort")), " ", way, class_="order")
    clear = tag("a", "Clear", href="./index.html", class_="button")
    buttons = tag("p", tag("button", "Apply", type="submit", class_="main"), " ", clear)
    facets = tag("div", *(facet_field(f) for f in sample.facets if varies(f, len(sample.numbers))), class_="facets")
    more = tag("details", tag("summary", "Filters and order"), facets, order, buttons, class_="block", id="filters")
    return tag("form", search, more, action="./index.html", method="get", role="search", class_="filters", id="query")


def shortened_marks(card: Card) -> Card:
    """The card with no more points than a page of a site should hold; their number stays."""
    left, kept = MOST_MARKS, []
    for expression in card.expressions:
        kept.append(replace(expression, marks=expression.marks[:left]))
        left -= len(kept[-1].marks)
    return replace(card, expressions=tuple(kept))


class Beside(NamedTuple):
    """The rows before and after a row, and the page of the rows on which it stands."""

    before: int | None
    after: int | None
    page: int


def row_page(
    site: Site, card: Card, masks: Sequence[int], beside: Beside, sound_at: Callable[[Sound], str | None]
) -> str:
    """One row, whole; `masks` are expressions with drawn masks, `sound_at` tells where a recording is."""
    up = "./../"
    title = " ".join(card.title[:2000].split())
    head = tag(
        "header", _ways(beside, f"{up}index.html?page={beside.page}"), tag("h1", foreign(title, 140) if title else f"Row {card.number:,}", dir="auto"),
        line(card, site.rows), class_="row-head",
    )  # fmt: skip
    drawn = [(n, f"{up}pictures/{mask_name(card.number, n)}") for n in masks]
    looked = pictures(
        card, MOST_PICTURES, lambda n: f"{up}pictures/{name_of(card.number, n)}", lambda n: () if n else drawn
    )
    looks = tag("div", *looked, class_="pictures") if card.pictures or card.marks else None
    texts = tag(
        "div",
        faults(card),
        legend(card),
        *blocks_of(card, sound_at),
        urls(card, can_copy=False),
        facts(card),
        class_="texts",
    )
    whole = tag("div", looks, texts, class_="row" if looks else "row alone", data_number=card.number, id="row")
    return page_of(site, shortened(title, 60) or f"Row {card.number}", head, whole, up=up)


def _ways(beside: Beside, back: str) -> Html:
    previous, following = (
        tag("a", told, href=f"./{row}.html", rel=rel) if row is not None else tag("span", told, class_="soft")
        for row, told, rel in ((beside.before, "← Before", "prev"), (beside.after, "Next →", "next"))
    )
    return tag(
        "nav", previous, tag("a", "All rows", href=back, id="back"), following, class_="paging", id="ways", aria_label="Rows beside this one"
    )  # fmt: skip


def masked(card: Card) -> list[tuple[int, int]]:
    """The first expressions with masks, by number, and the record of each."""
    return [(n, e.record) for n, e in enumerate(card.expressions) if e.masks][:MOST_MASKS]


def mask_name(number: int, expression: int) -> str:
    """The file of the masks of a row's expression."""
    return f"{number}-mask-{expression}.png"
