"""Pieces that the pages about a whole set share: waiting, tiles, tables, choices, the way to other pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.responses import Response

from pixmo.page.html import Child, Html, tag
from pixmo.page.numbers import count, share
from pixmo.view.document import View, page_of
from pixmo.view.index import State
from pixmo.web.refused import Refused

LONGEST = 4000  # characters of a value in an address


def address(path: str, values: Mapping[str, str | int | None]) -> str:
    """The address of a page with what it is asked; empty values are left out."""
    told = urlencode([(name, value) for name, value in values.items() if value not in (None, "")], errors="replace")
    return f"./{path}?{told}" if told else f"./{path}"


def number_of(params: QueryParams, name: str, default: int, least: int = 1) -> int:
    """A whole number in the address. Raises Refused."""
    text = params.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 12) or int(text) < least:
        raise Refused(400, f"{name} {text[:40]!r} is no number from {least}")
    return int(text)


def text_of(params: QueryParams, name: str) -> str:
    """A text in the address. Raises Refused for one that is too long."""
    text = params.get(name) or ""
    if len(text) > LONGEST:
        raise Refused(400, f"{name}: {len(text):,} characters; give {LONGEST:,} at most")
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def computing(view: View, state: State, path: str, title: str, values: Mapping[str, str | int | None]) -> Response:
    """How far the reading is, and comes again by itself; why there is nothing, where it failed."""
    if state.name == "failed":
        told = tag("p", "It could not be read to the end: ", state.why)
        again = tag("p", tag("a", "Try again", href=address(path, {**values, "again": 1})))
        return page_of(view, title, tag("header", tag("h1", title)), told, again, at=path, status=500)
    bar = tag("progress", max=max(state.rows, 1), value=state.done, aria_label="rows read")
    done = f"{count(state.done)} of {count(state.rows)} rows, {share(state.done, state.rows)}"
    return page_of(
        view, title, tag("header", tag("h1", title), tag("p", "This needs every row. They are read one time, and what is found is kept.")),
        tag("p", bar, " ", tag("span", done, class_="soft"), class_="reading"), tag("p", tag("a", "Meanwhile, the rows", href="./")),
        at=path, refresh=f"1;url={address(path, values)}",
    )  # fmt: skip


def empty(view: View, path: str, title: str, *told: Child) -> Response:
    """A page that says in a sentence why there is nothing, and what would give something."""
    return page_of(view, title, heading(title), tag("p", *told, class_="empty"), at=path)


def heading(title: str, *told: Child) -> Html:
    """The head of a page."""
    return tag("header", tag("h1", title), tag("p", *told, class_="soft") if told else None)


def tiles(figures: Sequence[tuple[str, str, str]]) -> Html:
    """Name, figure, and what it is about."""
    return tag(
        "dl",
        [tag("div", tag("dt", name), tag("dd", figure, class_="figure"), tag("dd", note, class_="soft") if note else None) for name, figure, note in figures],
        class_="tiles",
    )  # fmt: skip


def choices(
    path: str, name: str, given: str, options: Sequence[tuple[str, str]], others: Mapping[str, str] = {}
) -> Html:
    """Links of which one is chosen: (value, words)."""
    items = [
        tag("li", tag("a", words, href=address(path, {**others, name: value}), aria_current="true" if value == given else None))
        for value, words in options
    ]  # fmt: skip
    return tag("ul", *items, class_="choices-row")


def table(label: str, heads: Sequence[tuple[str, str]], rows: Sequence[Html]) -> Html:
    """A table that scrolls by itself; heads are (words, class)."""
    cells = [tag("th", words, scope="col", class_=name or None) if words else tag("td", class_=name or None) for words, name in heads]  # fmt: skip
    whole = tag("table", tag("thead", tag("tr", *cells)), tag("tbody", *rows))
    return tag("div", whole, class_="scroll", tabindex=0, role="region", aria_label=label)


def section(title: str, *body: Child) -> Html:
    """A part of a page."""
    return tag("section", tag("h2", title), *body)


def command(text: str) -> Html:
    """A line for the terminal, to copy."""
    copy = tag("button", "Copy", type="button", class_="copy", data_copy=text, hidden=True)
    return tag("div", tag("pre", tag("code", tag("bdi", text))), copy, class_="command")


def turning(path: str, values: Mapping[str, str | int | None], page: int, pages: int) -> Html | None:
    """The way to other pages."""
    if pages <= 1:
        return None
    near = sorted({1, pages, *range(max(1, page - 2), min(pages, page + 2) + 1)})
    items: list[Html] = []
    for n, before in zip(near, [0, *near], strict=False):
        if n > before + 1:
            items.append(tag("li", "…", class_="soft"))
        there = address(path, {**values, "page": n})
        items.append(tag("li", tag("a", count(n), href=there, aria_current="page" if n == page else None)))
    previous = address(path, {**values, "page": page - 1}) if page > 1 else None
    following = address(path, {**values, "page": page + 1}) if page < pages else None
    return tag(
        "nav", tag("a", "← Before", href=previous, rel="prev") if previous else None, tag("ol", *items),
        tag("a", "Next →", href=following, rel="next") if following else None, class_="paging", aria_label="More of this",
    )  # fmt: skip


def several(number: int, one: str, many: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
