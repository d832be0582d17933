"""The pages of a static site: the frame of all, the one with the rows, one per row, the statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from pixmo.page.html import Child, Html, foreign, shortened, tag
from pixmo.page.numbers import compact, count
from pixmo.page.style import STYLE
from pixmo.view.card import Card
from pixmo.view.card_pieces import Sound
from pixmo.view.index_statistics import Facet
from pixmo.view.marks import PALETTE, colour_class, overlay
from pixmo.view.pieces import blocks_of, facts, legend
from pixmo.view.source import Broken
from pixmo.view.static_pictures import MOST_PICTURES, name_of

if TYPE_CHECKING:
    from pixmo.view.static_sample import Sample  # needs DuckDB, which notebooks do not

POLICY = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file:; media-src 'self' file:; base-uri 'none'; form-action 'self' file:"
"""What a browser may do with a page; `file:` is what 'self' is called where there is no host."""

MOST_MARKS = 500  # points drawn in one row
MOST_MASKS = 8
_MOST_URLS = 40


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
        site, "Rows", head, _broken(site.broken), tag("noscript", without),
        tag("div", _form(sample), _tools(), class_="controls"), tag("ul", id="active", class_="active", aria_label="What holds now", hidden=True),
        tag("ol", id="rows", class_="grid"), tag("nav", id="paging", class_="paging", aria_label="Pages of rows", hidden=True), at="Rows",
    )  # fmt: skip


def _broken(broken: Sequence[Broken]) -> Html | None:
    if not broken:
        return None
    items = [tag("li", tag("b", foreign(b.file)), ": ", foreign(b.why, 300)) for b in broken[:20]]
    told = (
        f"{count(len(broken))} file{'s' if len(broken) > 1 else ''} of this set cannot be read; the others are shown."
    )
    return tag("aside", tag("p", tag("b", told)), tag("ul", *items), class_="broken", aria_label="Broken files")


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
    facets = tag("div", *(_facet(f) for f in sample.facets if not _is_one(f, len(sample.numbers))), class_="facets")
    more = tag("details", tag("summary", "Filters and order"), facets, order, buttons, class_="block", id="filters")
    return tag("form", search, more, action="./index.html", method="get", role="search", class_="filters", id="query")


def _is_one(facet: Facet, rows: int) -> bool:
    """Whether all rows have the same value, so that there is nothing to choose."""
    same = facet.kind == "number" and facet.low == facet.high
    return same or (len(facet.values) == 1 and facet.values[0][1] == rows)


def _facet(facet: Facet) -> Html:
    body = _range(facet) if facet.kind == "number" else _choices(facet)
    return tag("fieldset", tag("legend", foreign(facet.column.replace("_", " "), 40)), *body)


def _range(facet: Facet) -> Iterator[Html]:
    for op, word, bound in (("ge", "from", facet.low), ("le", "to", facet.high)):
        hint = "" if bound is None else compact(bound)
        box = tag("input", type="number", step="any", name=f"f.{facet.column}.{op}", placeholder=hint)
        yield tag("label", word, " ", box)


def _choices(facet: Facet) -> Iterator[Html]:
    if not facet.values:
        yield tag("label", "has ", tag("input", type="text", name=f"f.{facet.column}.has"))
        return
    options = [
        tag(
            "label", tag("input", type="checkbox", name=f"f.{facet.column}.is", value=value),
            tag("span", foreign(shortened(value, 60) or "(empty)")), tag("small", compact(rows)),
        )
        for value, rows in facet.values
    ]  # fmt: skip
    yield tag("div", *options, class_="choices", tabindex=0 if len(options) > 6 else None)


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
        _line(site, card), class_="row-head",
    )  # fmt: skip
    looks = tag("div", *_pictures(card, masks, up), class_="pictures") if card.pictures or card.marks else None
    texts = tag(
        "div",
        _faults(card),
        legend(card),
        *blocks_of(card, sound_at),
        _urls(card),
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


def _line(site: Site, card: Card) -> Html:
    told = [f"row {count(card.number)} of {count(site.rows)}", *([card.split] if card.split else [])]
    badges = [tag("span", text, class_="badge") for text in card.badges]
    return tag("p", " · ".join(told), " · ", tag("code", foreign(card.id, 80)), " ", *badges, class_="soft")


def _faults(card: Card) -> Html | None:
    cut = [f"{name}: {size:,} values, the first 5,000 are read" for name, size in card.lengths.items()]
    items = [tag("li", foreign(fault, 300)) for fault in (*cut, *card.faults)]
    return tag("ul", *items, class_="faults", aria_label="What was found wrong") if items else None


def _pictures(card: Card, masks: Sequence[int], up: str) -> Iterable[Html]:
    several = max(card.pictures, 1)
    for picture in range(min(several, MOST_PICTURES)):
        yield _stage(card, masks if picture == 0 else (), picture, several, up)
    if several > MOST_PICTURES:
        yield tag("p", f"{several:,} pictures; the first {MOST_PICTURES} are shown.", class_="soft")


def _stage(card: Card, masks: Sequence[int], picture: int, several: int, up: str) -> Html:
    name = f"Picture {picture + 1} of {several}" if several > 1 else "Picture"
    alt = shortened(" ".join(card.title[:400].split()), 120) or name
    source = f"{up}pictures/{name_of(card.number, picture)}"
    image = tag("img", src=source, alt=alt, class_="photo") if card.pictures else tag("span", class_="blank")
    drawn = [_mask(card, n, up) for n in masks]
    stage = tag("div", image, *drawn, overlay(card.expressions, picture), class_="stage")
    label = f"{name}; plus and minus zoom, arrow keys move"
    pane = tag("div", stage, class_="pane", tabindex=0, role="region", aria_label=label)
    return tag(
        "figure",
        pane,
        _zoom(bool(card.marks), bool(drawn)),
        tag("figcaption", name) if several > 1 else None,
        class_="look",
    )


def masked(card: Card) -> list[tuple[int, int]]:
    """The first expressions with masks, by number, and the record of each."""
    return [(n, e.record) for n, e in enumerate(card.expressions) if e.masks][:MOST_MASKS]


def mask_name(number: int, expression: int) -> str:
    """The file of the masks of a row's expression."""
    return f"{number}-mask-{expression}.png"


def _mask(card: Card, expression: int, up: str) -> Html:
    told = f"mask of {shortened(card.expressions[expression].label, 80)}"
    return tag(
        "img", src=f"{up}pictures/{mask_name(card.number, expression)}", alt=told, class_=f"mask {colour_class(expression)}", data_expression=expression
    )  # fmt: skip


def _zoom(has_points: bool, has_masks: bool) -> Html:
    signs = (("out", "−", "Smaller"), ("in", "+", "Larger"), ("fit", "Fit", "Fit, as at first"))
    buttons = [tag("button", s, type="button", data_zoom=kind, title=t, aria_label=t) for kind, s, t in signs]
    slide = tag("input", type="range", min=0, max=100, value=50, class_="opacity", aria_label="Opacity of masks")
    show = tag("label", tag("input", type="checkbox", checked=True, class_="with-points"), " points")
    hide = show if has_points else None
    slider = tag("label", "Masks ", slide) if has_masks else None
    return tag("div", *buttons, tag("output", "100 %", class_="zoomed"), hide, slider, class_="zoom", hidden=True)


def _urls(card: Card) -> Html | None:
    if not card.urls:
        return None
    items = [tag("li", tag("code", foreign(url, 200)), " ", _opened(url)) for url in card.urls[:_MOST_URLS]]
    return tag("section", tag("h2", "Where the picture was found"), tag("ul", *items, class_="urls"), class_="block")


def _opened(url: str) -> Html | None:
    is_plain = url.startswith(("http://", "https://")) and len(url) <= 8192
    return tag("a", "open", href=url, rel="noreferrer noopener external", target="_blank") if is_plain else None
