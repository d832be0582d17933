"""What all pages of the viewer have in common: their frame, the way between them, and what is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from starlette.datastructures import QueryParams
from starlette.responses import Response

from pixmo.page.html import Child, Html, foreign, tag
from pixmo.view.flags import Flags
from pixmo.view.index import Index
from pixmo.view.left_out import LeftOut
from pixmo.view.query import Query
from pixmo.view.row_parts import broken_files
from pixmo.view.source import DataSet
from pixmo.view.thumbs import Pictures
from pixmo.web.document import document
from pixmo.web.guard import POLICY

SCRIPT = "view.js"
FORMS = POLICY.replace("form-action 'none'", "form-action 'self'")  # filters are a form
NAV: list[tuple[str, str]] = [("", "Rows"), ("statistics", "Statistics"), ("duplicates", "Duplicates"), ("leaks", "Leaks"), ("failures", "Failures"), ("differences", "Differences"), ("probe", "Probe")]  # fmt: skip
"""Path and name of each page that the bar on top leads to; rooms that add pages add theirs."""

KEYS = (
    ("← →", "the page or row before, the next"), ("j k", "the next card, the one before"), ("Enter", "open it"),
    ("/", "search"), ("f", "flag the row, with a note"), ("+ − 0", "larger, smaller, as at first"), ("Esc", "back to the rows"),
    ("?", "this list"),
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """What the pages are made of. `against` is the set it is compared with, `probe` the folder of a training probe of it."""

    data: DataSet
    index: Index
    pictures: Pictures
    flags: Flags
    against: DataSet | None = None
    probe: Path | None = None

    @cached_property
    def left(self) -> LeftOut:
        """What the run still has of rows that are not in the set."""
        return LeftOut(self.data)


def page_of(
    view: View,
    title: str,
    *body: Child,
    up: str = "./",
    at: str | None = None,
    refresh: str | None = None,
    status: int = 200,
) -> Response:
    """A page of the viewer. `at` is the entry of the bar that it belongs to; `up` leads to the root."""
    links = [tag("a", name, href=f"{up}{path}", aria_current="page" if path == at else None) for path, name in NAV]
    bar = tag(
        "nav", tag("a", foreign(view.data.name, 60), href=up, class_="home"), *links, tag("button", "?", id="help", type="button", title="Keys", hidden=True),
        class_="bar-top", aria_label="Pages",
    )  # fmt: skip
    answer = document(
        f"{title} – {view.data.name[:80]}", tag("a", "To the content", href="#content", class_="skip"), bar, _changed(view.data), broken_files(view.data.broken),
        tag("main", *body, id="content"), _help(), tag("p", id="status", role="status", aria_live="polite"),
        up=up, script=SCRIPT, refresh=refresh, status=status,
    )  # fmt: skip
    answer.headers["content-security-policy"] = FORMS
    return answer


def _changed(data: DataSet) -> Html | None:
    if not data.has_changed():
        return None
    told = "The files of this set have changed since it was opened. Start pixmo view again to see them as they are."
    return tag("aside", tag("p", tag("b", told)), class_="broken", aria_label="The set has changed")


def _help() -> Html:
    rows = [(tag("dt", tag("kbd", key)), tag("dd", what)) for key, what in KEYS]
    close = tag("p", tag("button", "Close", type="button", id="close-help"))
    return tag("dialog", tag("h2", "Keys"), tag("dl", *rows, class_="keys"), close, id="keys", aria_label="Keys")


def asked(params: QueryParams) -> Query:
    """The query in the address. Raises BadSetting."""
    told: Mapping[str, list[str]] = {name: params.getlist(name) for name in params}
    return Query.parse(dict(told))


def link(path: str, query: Query, **more: int | str) -> str:
    """An address with the query kept."""
    told = "&".join([*([query.address()] if query.address() else []), *(f"{k}={v}" for k, v in more.items())])
    return f"{path}?{told}" if told else path


def without(query: Query, number: int) -> Query:
    """The query without its filter of that number."""
    return replace(query, filters=query.filters[:number] + query.filters[number + 1 :])
