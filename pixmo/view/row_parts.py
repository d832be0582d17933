"""The parts of a row's page that are the same with a server and without one; only where files lie differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pixmo.page.html import Html, foreign, shortened, tag
from pixmo.page.numbers import count
from pixmo.view.card import Card, headline
from pixmo.view.marks import colour_class, overlay
from pixmo.view.source import Broken

MOST_URLS = 40
_LONGEST_URL = 8192

Masks = Sequence[tuple[int, str]]
"""The number of an expression, and the address of its drawn masks."""


def broken_files(broken: Sequence[Broken]) -> Html | None:
    """What stands on top of every page where files of the set cannot be read."""
    if not broken:
        return None
    items = [tag("li", tag("b", foreign(b.file)), ": ", foreign(b.why, 300)) for b in broken[:20]]
    more = f" The first 20 of {len(broken)}." if len(broken) > 20 else ""
    told = f"{count(len(broken))} file{'s' if len(broken) > 1 else ''} of this set cannot be read; the others are shown.{more}"
    return tag("aside", tag("p", tag("b", told)), tag("ul", *items), class_="broken", aria_label="Broken files")


def line(card: Card, rows: int) -> Html:
    """Which row of how many it is, and what it is called."""
    told = [f"row {count(card.number)} of {count(rows)}", *([card.split] if card.split else [])]
    badges = [tag("span", text, class_="badge") for text in card.badges]
    return tag("p", " · ".join(told), " · ", tag("code", foreign(card.id, 80)), " ", *badges, class_="soft")


def faults(card: Card) -> Html | None:
    """What was found wrong with the row, and which lists are not shown whole."""
    cut = [f"{name}: {size:,} values, the first 5,000 are shown" for name, size in card.lengths.items()]
    items = [tag("li", foreign(fault, 300)) for fault in (*cut, *card.faults)]
    return tag("ul", *items, class_="faults", aria_label="What was found wrong") if items else None


def pictures(card: Card, most: int, source: Callable[[int], str], masks: Callable[[int], Masks]) -> Iterable[Html]:
    """The row's pictures with what is drawn over them; `source` and `masks` tell the addresses by the picture's number."""
    several = max(card.pictures, 1)
    for picture in range(min(several, most)):
        yield _look(card, picture, several, source(picture), masks(picture))
    if several > most:
        yield tag("p", f"{several:,} pictures; the first {most} are shown.", class_="soft")


def _look(card: Card, picture: int, several: int, source: str, masks: Masks) -> Html:
    name = f"Picture {picture + 1} of {several}" if several > 1 else "Picture"
    alt = headline(card.title, 120) or name
    image = tag("img", src=source, alt=alt, class_="photo") if card.pictures else tag("span", class_="blank")
    drawn = [_mask(card, expression, address) for expression, address in masks]
    stage = tag("div", image, *drawn, overlay(card.expressions, picture), class_="stage")
    label = f"{name}; plus and minus zoom, arrow keys move"
    pane = tag("div", stage, class_="pane", tabindex=0, role="region", aria_label=label)
    below = tag("figcaption", name) if several > 1 else None
    return tag("figure", pane, _zoom(bool(card.marks), bool(drawn)), below, class_="look")


def _mask(card: Card, expression: int, address: str) -> Html:
    told = f"mask of {shortened(card.expressions[expression].label, 80)}"
    return tag("img", src=address, alt=told, class_=f"mask {colour_class(expression)}", data_expression=expression)


def _zoom(has_points: bool, has_masks: bool) -> Html:
    signs = (("out", "−", "Smaller"), ("in", "+", "Larger"), ("fit", "Fit", "Fit, as at first"))
    buttons = [tag("button", s, type="button", data_zoom=kind, title=t, aria_label=t) for kind, s, t in signs]
    slide = tag("input", type="range", min=0, max=100, value=50, class_="opacity", aria_label="Opacity of masks")
    show = tag("label", tag("input", type="checkbox", checked=True, class_="with-points"), " points")
    slider = tag("label", "Masks ", slide) if has_masks else None
    told = tag("output", "100 %", class_="zoomed")
    return tag("div", *buttons, told, show if has_points else None, slider, class_="zoom", hidden=True)


def urls(card: Card, can_copy: bool) -> Html | None:
    """Where the row's pictures were found: text, and a link that nobody follows by itself."""
    if not card.urls:
        return None
    items = [tag("li", tag("code", foreign(url, 200)), *_ways(url, can_copy)) for url in card.urls[:MOST_URLS]]
    return tag("section", tag("h2", "Where the picture was found"), tag("ul", *items, class_="urls"), class_="block")


def _ways(url: str, can_copy: bool) -> Iterable[Html | str]:
    if can_copy:
        copied = url[:_LONGEST_URL]
        yield " "
        yield tag("button", "Copy", type="button", class_="copy", data_copy=copied, hidden=True)
    if url.startswith(("http://", "https://")) and len(url) <= _LONGEST_URL:
        yield " "
        yield tag("a", "open", href=url, rel="noreferrer noopener external", target="_blank")
