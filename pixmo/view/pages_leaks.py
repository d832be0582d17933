"""Pictures that stand in held-out sets too, each beside what it matches."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from pixmo.page.html import Html, foreign, tag
from pixmo.page.numbers import count
from pixmo.storage.holdout_match import KINDS
from pixmo.view.all_pictures import AllPictures, Picture
from pixmo.view.document import View, page_of
from pixmo.view.pages_duplicates import badges, seen, texts_of, title
from pixmo.view.pages_parts import choices, command, computing, heading, number_of, text_of, tiles, turning
from pixmo.view.work import Work

PATH, NAME = "leaks", "Leaks"
PER_PAGE = 12
MEANS = {
    "url": "the same address",
    "sha256": "the same bytes",
    "near": "looks the same",
    "mirrored": "looks like its mirror image",
}
Found = list[tuple[str, str, int]]  # kind, set, pictures


def leaks_page(view: View, work: Work[AllPictures], other: Work[AllPictures] | None, params: QueryParams) -> Response:
    """Pairs, of one kind or set where that is asked; of `other`, the set that is compared with, the pictures on the right."""
    kind, held, page = text_of(params, "kind"), text_of(params, "set"), number_of(params, "page", 1)
    again = params.get("again") == "1"
    known = work.begin(again)
    theirs = other.begin(again) if other else None
    if known is None or (other and theirs is None and other.state.name != "failed"):
        state = work.state if known is None or other is None else other.state
        return computing(view, state, PATH, NAME, {"kind": kind, "set": held, "page": page})
    found: Found = known.ask(
        "SELECT coalesce(leak_kind, ''), coalesce(leak_set, ''), count(*) FROM leaks GROUP BY ALL ORDER BY ALL"
    )
    if not found:
        return _nothing(view, known)
    where, values = _where(kind, held)
    total = known.one(f"SELECT count(*) FROM leaks l WHERE {where}", values)
    lines = known.ask(
        f"SELECT l.n, l.leak_kind, l.leak_of, l.leak_set FROM leaks l WHERE {where} ORDER BY l.n LIMIT ? OFFSET ?",
        [*values, PER_PAGE, (page - 1) * PER_PAGE],
    )
    told = [(p, *line[1:]) for p, line in zip(known.by_number([line[0] for line in lines]), lines, strict=True)]
    pages = max(1, -(-total // PER_PAGE))
    return page_of(
        view, NAME, heading(NAME, "Pictures that stand in held-out sets too: what a model is tested on must not be trained on."),
        _figures(known, found), _choices(found, kind, held), _pairs(view, told, theirs),
        tag("p", f"There are {count(pages)} pages.", class_="empty") if page > pages else None,
        turning(PATH, {"kind": kind, "set": held}, page, pages), at=PATH,
    )  # fmt: skip


def _where(kind: str, held: str) -> tuple[str, list[str]]:
    asked = [("l.leak_kind = ?", kind), ("l.leak_set = ?", held)]
    return " AND ".join([clause for clause, value in asked if value]) or "true", [value for _, value in asked if value]


def _nothing(view: View, known: AllPictures) -> Response:
    was_asked = known.one("SELECT count(*) FROM pictures WHERE is_leak IS NOT NULL")
    if was_asked:
        told = "No picture of this set was found in the held-out sets it was compared with."
    else:
        told = "The rows do not say whether their pictures stand in a held-out set. This compares them:"
    line = None if was_asked else command(f"pixmo leaks {shlex.quote(view.data.path)} --against EVALUATION-SET")
    return page_of(view, NAME, heading(NAME), tag("p", told, class_="empty"), line, at=PATH)


def _figures(known: AllPictures, found: Found) -> Html:
    kept = known.one("SELECT count(*) FROM leaks JOIN pictures USING (n) WHERE number IS NOT NULL")
    all_of_them = sum(n for _, _, n in found)
    return tiles([
        ("leaks", count(all_of_them), "pictures"), ("left out", count(all_of_them - kept), "of the set"), ("still in the set", count(kept), ""),
        ("held-out sets", count(len({held for _, held, _ in found})), "have them"),
    ])  # fmt: skip


def _choices(found: Found, kind: str, held: str) -> Html:
    kinds = {k: sum(n for one, _, n in found if one == k) for k in (*KINDS, *(k for k, _, _ in found))}
    sets = {s: sum(n for _, one, n in found if one == s) for _, s, _ in found}
    of_kind = [("", "all kinds"), *((k, f"{MEANS.get(k, k)} ({count(n)})") for k, n in kinds.items() if n and k)]
    of_set = [("", "all sets"), *((s, f"{s[:60]} ({count(n)})") for s, n in sets.items() if s)]
    return tag("div", choices(PATH, "kind", kind, of_kind, {"set": held}), choices(PATH, "set", held, of_set, {"kind": kind}) if len(of_set) > 2 else None)  # fmt: skip


def _pairs(view: View, told: Sequence[tuple[Any, ...]], theirs: AllPictures | None) -> Html:  # Any: values of SQL
    pictures = [line[0] for line in told]
    view.pictures.expect([p.shown for p in pictures if p.shown is not None])
    texts = texts_of(view, pictures)
    return tag(
        "ol",
        *(_pair(view, p, texts.get(p.n, ""), kind, of, held, theirs) for p, kind, of, held in told),
        class_="pairs",
    )


def _pair(
    view: View,
    picture: Picture,
    text: str,
    kind: str | None,
    of: str | None,
    held: str | None,
    theirs: AllPictures | None,
) -> Html:
    said = tag("p", tag("bdi", foreign(text, 200)), class_="text small", dir="auto") if text else None
    where = tag("p", tag("code", foreign(picture.url, 120)), class_="small") if picture.url else None
    mine = tag("div", seen(view, picture), tag("p", title(picture), " ", badges(picture, is_repeat=False)), said, where)
    entry = tag("div", _held_out(of, theirs), tag("p", "In ", tag("b", foreign(held or "a held-out set", 80))), tag("p", tag("code", foreign(of or "", 160)), class_="small"))  # fmt: skip
    return tag(
        "li",
        tag("h2", foreign(MEANS.get(kind or "", kind or "known"), 40)),
        tag("div", mine, entry, class_="two"),
        class_="card",
    )


def _held_out(of: str | None, theirs: AllPictures | None) -> Html:
    """The picture in the evaluation set, where that is what the set is compared with."""
    found = (
        theirs.pictures("WHERE (p.url = ? OR p.sha256 = ?) AND p.number IS NOT NULL ORDER BY p.n LIMIT 1", [of, of])
        if theirs and of
        else []
    )
    if not found:
        return tag("p", "The index holds what the picture is known by, not the picture", class_="thumb soft")
    picture = found[0][0]
    image = tag(
        "img",
        src=f"./against/thumb/{picture.number}/{picture.picture}",
        alt=f"Picture of row {picture.number:,} of the held-out set",
        loading="lazy",
    )
    return tag("p", tag("span", image, class_="stage"), class_="thumb")
