"""Two versions of a set: rows that only one of them has, and what others say differently."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from pixmo.dataset.rows_chunk import Row
from pixmo.page.html import Child, Html, foreign, join, shortened, tag
from pixmo.page.numbers import count, share
from pixmo.view.differences import OTHERS, STATES, Difference, Differences
from pixmo.view.document import View, page_of
from pixmo.view.left_out import text_in
from pixmo.view.pages_parts import choices, command, computing, heading, number_of, several, text_of, tiles, turning
from pixmo.view.pieces import spelled_value
from pixmo.view.source import DataSet, Unread
from pixmo.view.word_changes import changes
from pixmo.view.work import Work
from pixmo.web.refused import Refused

PATH, NAME = "differences", "Differences"
PER_PAGE = 12
MOST_CHARS, MOST_FIELDS = 1200, 30
WORDS = {"changed": "say something else", "added": "only here", "gone": "only there"}


def differences_page(view: View, work: Work[Differences] | None, params: QueryParams) -> Response:
    """The rows of one state, those of a column where that is asked; how far the comparing is until they are known."""
    if work is None or view.against is None:
        nothing = tag(
            "p",
            "This set is not compared with another. Another version of it is named when the viewer is started:",
            class_="empty",
        )
        return page_of(
            view,
            NAME,
            heading(NAME),
            nothing,
            command(f"pixmo view {shlex.quote(view.data.path)} --against OLD"),
            at=PATH,
        )
    state, column, page = text_of(params, "show"), text_of(params, "column"), number_of(params, "page", 1)
    if state not in ("", *STATES):
        raise Refused(400, f"show={state[:40]!r}: give one of {', '.join(STATES)}")
    known = work.begin(again=params.get("again") == "1")
    if known is None:
        return computing(view, work.state, PATH, NAME, {"show": state, "column": column, "page": page})
    if column and column not in dict(known.columns):
        raise Refused(404, f"no row differs in {shortened(column, 80)!r}")
    state = state or next((s for s in STATES if known.counts[s]), "changed")
    total, told = known.find(state, column if state == "changed" else "", (page - 1) * PER_PAGE, PER_PAGE)
    values: dict[str, str | int | None] = {"show": state, "column": column}
    return page_of(
        view, NAME, heading(NAME, "Against ", foreign(view.against.path, 120), "."), _broken(view.against), _figures(known), _not_compared(view, known),
        choices(PATH, "show", state, [(s, f"{WORDS[s]} ({count(known.counts[s])})") for s in STATES]),
        _columns(known, column) if state == "changed" and known.columns else None,
        tag("ol", *_items(view, view.against, told), class_="differing") if told else tag("p", _none(known, state, page, total), class_="empty"),
        turning(PATH, values, page, -(-total // PER_PAGE)), at=PATH,
    )  # fmt: skip


def _figures(known: Differences) -> Html:
    here = known.counts["same"] + known.counts["changed"] + known.counts["added"]
    notes = {"changed": share(known.counts["changed"], here), "added": "", "gone": ""}
    return tiles([("the same in both", count(known.counts["same"]), share(known.counts["same"], here)), *((WORDS[s], count(known.counts[s]), notes[s]) for s in STATES)])  # fmt: skip


def _broken(old: DataSet) -> Html | None:
    if not old.broken:
        return None
    return tag("p", f"{several(len(old.broken), 'file')} of the other set cannot be read: ", foreign(old.broken[0].file), ": ", foreign(old.broken[0].why, 200), class_="empty")  # fmt: skip


def _not_compared(view: View, known: Differences) -> Html:
    """How rows were put together, and what was not looked at."""
    ways = {
        "id": "by their ids",
        "key": "by the picture's address and what they are about",
        "content": "because they are equal",
    }
    told: list[Child] = ["Rows were put together " + ", ".join(f"{words} ({count(known.how[way])})" for way, words in ways.items() if known.how.get(way)) + ". "] if any(known.how.values()) else []  # fmt: skip
    for side, words in (("new", "Only here are the columns "), ("old", "Only there are the columns ")):
        if known.missing[side]:
            told += [words, *_listed(known.missing[side]), ". "]
    if view.data.rows.layout.picture:
        told.append("Pictures are compared by their digests, where the rows have such.")
    return tag("p", *told, class_="soft")


def _listed(names: Sequence[str]) -> list[Child]:
    more = [f" and {len(names) - 12} more"] if len(names) > 12 else []
    return [
        *(part for n, name in enumerate(names[:12]) for part in (", " if n else "", tag("code", foreign(name, 60)))),
        *more,
    ]


def _columns(known: Differences, chosen: str) -> Html:
    told = [
        ("", "any column"),
        *((name, f"{shortened(name, 40)} ({count(n)})") for name, n in known.columns[:MOST_FIELDS]),
    ]
    return choices(PATH, "column", chosen, told, {"show": "changed"})


def _none(known: Differences, state: str, page: int, total: int) -> str:
    if total:
        return f"There are {count(-(-total // PER_PAGE))} pages."
    if not any(known.counts[s] for s in STATES):
        return "Both sets say the same in every row."
    return {"changed": "No row says something else.", "added": "No row is only here.", "gone": "No row is only there."}[
        state
    ]


def _items(view: View, old: DataSet, told: Sequence[Difference]) -> list[Html]:
    here = _read(view.data, [d.new for d in told])
    there = _read(old, [d.old for d in told])
    view.pictures.expect([d.new for d in told if d.new is not None])
    return [_item(view, d, here.get(d.new), there.get(d.old)) for d in told]


def _read(data: DataSet, numbers: Sequence[int | None]) -> dict[int | None, Row | Unread]:
    wanted = sorted({n for n in numbers if n is not None})
    return dict(zip(wanted, data.read(wanted), strict=True))


def _item(view: View, told: Difference, here: Row | Unread | None, there: Row | Unread | None) -> Html:
    one = here or there
    columns = one.columns if isinstance(one, Row) else {}
    where: list[Child] = [tag("a", f"Row {told.new:,}", href=f"./row/{told.new}")] if told.new is not None else []
    if told.old is not None:
        where.append(f"{', there' if where else 'There'} row {told.old:,}")
    body: Child
    if told.new is not None and told.old is not None:
        body = [_changed(name, _columns_of(here), _columns_of(there)) for name in told.columns[:MOST_FIELDS]]
    else:
        text = text_in(columns)
        body = tag("p", tag("bdi", shortened(text, MOST_CHARS)), class_="text small", dir="auto") if text else None
    url = columns.get("image_url") or columns.get("url")
    address = (
        tag("p", tag("code", foreign(url, 160)), class_="small") if isinstance(url, str) and told.new is None else None
    )
    why = [tag("p", "This row cannot be read: ", foreign(r.why, 200)) for r in (here, there) if isinstance(r, Unread)]
    return tag("li", _picture(view, told), tag("div", tag("h2", *where), body, address, *why), class_="card")


def _columns_of(row: Row | Unread | None) -> Mapping[str, Any]:  # Any: column values
    return row.columns if isinstance(row, Row) else {}


def _picture(view: View, told: Difference) -> Html | None:
    base, number, data = (
        ("./thumb", told.new, view.data) if told.new is not None else ("./against/thumb", told.old, view.against)
    )
    if data is None or data.rows.layout.picture is None:
        return None
    image = tag(
        "img",
        src=f"{base}/{number}/0?v={data.digest[:8]}",
        alt=f"Picture of row {number:,}",
        loading="lazy",
        decoding="async",
    )
    return tag("p", tag("span", image, class_="stage"), class_="thumb")


def _changed(name: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> Html:  # Any: column values
    """A field before and after; texts with the words marked."""
    if name == OTHERS:
        return tag("p", "Some of the other columns differ.", class_="soft")
    new, old = here.get(name), there.get(name)
    head = tag("h3", foreign(name, 60))
    if isinstance(new, str) and isinstance(old, str) and (" " in new or " " in old):
        shown: Html = tag(
            "p",
            tag("bdi", changes(old, new)),
            class_="text small",
            dir="auto",
        )
    else:
        before, after = _spelled(old), _spelled(new)
        if before == after:
            before, after = _around(old, new)
        shown = tag(
            "p",
            tag("del", foreign(before, 400)),
            tag("span", " → ", aria_label="became"),
            tag("ins", foreign(after, 400)),
            class_="text small",
        )
    return join([head, shown])


def _spelled(value: Any) -> str:  # Any: a column value
    return "nothing" if value is None else spelled_value(value)


def _around(old: Any, new: Any) -> tuple[str, str]:  # Any: column values
    """Two values whose beginnings are the same: from a little before where they part."""
    before, after = repr(old), repr(new)
    at = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))
    start = max(0, at - 40)
    return ("…" if start else "") + before[start : start + 300], ("…" if start else "") + after[start : start + 300]
