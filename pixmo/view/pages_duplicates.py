"""Pictures that stand in the set more than once, side by side, with what differs between them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import QueryParams
from starlette.responses import Response

from pixmo.page.html import Child, Html, foreign, join, shortened, tag
from pixmo.page.numbers import count, size
from pixmo.view.all_pictures import AllPictures, Picture
from pixmo.view.document import View, page_of
from pixmo.view.left_out import text_in
from pixmo.view.pages_parts import address, choices, computing, empty, heading, number_of, several, tiles, turning
from pixmo.view.source import Unread
from pixmo.view.word_changes import changes
from pixmo.view.work import Work
from pixmo.web.refused import Refused

PATH, NAME = "duplicates", "Duplicates"
PER_PAGE, PER_GROUP = 8, 6
PER_PAGE_ALONE = 24
MOST_CHARS = 600
WAYS = {
    "look": ("marked by find_duplicates", "Pictures that a run found to be the same, by their bytes or their look."),
    "bytes": ("the same bytes", "Pictures with the same sha256."),
    "address": ("the same address", "Rows with the same URL. Several annotations of a picture are no fault."),
}


def duplicates_page(view: View, work: Work[AllPictures], params: QueryParams) -> Response:
    """The groups, largest first, or the members of one; how far the reading is until they are known."""
    way, group = params.get("by") or "", params.get("group") or ""
    if way not in ("", *WAYS):
        raise Refused(400, f"by={way[:40]!r}: give one of {', '.join(WAYS)}")
    page = number_of(params, "page", 1)
    known = work.begin(again=params.get("again") == "1")
    if known is None:
        return computing(view, work.state, PATH, NAME, {"by": way, "group": group, "page": page})
    found = {w: (g, n) for w, g, n in known.ask("SELECT way, count(*), sum(size - 1)::BIGINT FROM groups GROUP BY way")}
    if not found:
        return empty(view, PATH, NAME, _nothing(known))
    way = way or next(w for w in WAYS if w in found)
    if group:
        return _alone(view, known, way, number_of(params, "group", 0, 0), page)
    groups, repeats = found.get(way, (0, 0))
    options = [(w, f"{WAYS[w][0]} ({count(found[w][0])})") for w in WAYS if w in found]
    figures = [("groups", count(groups), ""), ("pictures that repeat one", count(repeats), "")]
    pages = max(1, -(-groups // PER_PAGE))
    return page_of(
        view, NAME, heading(NAME, WAYS[way][1]), choices(PATH, "by", way, options), tiles(figures),
        [_group(view, known, way, g, members, n) for g, n, members in _groups(known, way, page)],
        tag("p", f"There are {count(pages)} pages.", class_="empty") if page > pages else None,
        turning(PATH, {"by": way}, page, pages), at=PATH,
    )  # fmt: skip


def _nothing(known: AllPictures) -> str:
    told = known.one(
        "SELECT count(*) FROM pictures WHERE sha256 IS NOT NULL OR url IS NOT NULL OR duplicate_of IS NOT NULL"
    )
    if not told:
        return "The rows have no digest, address or duplicate column to tell by whether a picture repeats; `pixmo import` or `pixmo download` adds them."
    return "No picture stands here twice: no two rows have the same bytes or the same address, and none is marked as a duplicate."


def _groups(known: AllPictures, way: str, page: int) -> list[tuple[int, int, list[tuple[Picture, bool]]]]:
    """(number, size, the first members) of the groups of a page."""
    first = (page - 1) * PER_PAGE
    sizes = known.ask(
        "SELECT g, size FROM groups WHERE way = ? AND g >= ? AND g < ? ORDER BY g", [way, first, first + PER_PAGE]
    )
    told = known.pictures(
        "JOIN members m ON m.n = p.n WHERE m.way = ? AND m.g >= ? AND m.g < ? AND m.place < ? ORDER BY m.g, m.place",
        [way, first, first + PER_PAGE, PER_GROUP], "m.g, m.is_kept",
    )  # fmt: skip
    return [(g, n, [(p, is_kept) for p, of, is_kept in told if of == g]) for g, n in sizes]


def _alone(view: View, known: AllPictures, way: str, g: int, page: int) -> Response:
    """All members of a group, some a page."""
    number = known.one("SELECT max(size) FROM groups WHERE way = ? AND g = ?", [way, g])
    if not number:
        raise Refused(404, "there is no such group")
    first = (page - 1) * PER_PAGE_ALONE
    told = known.pictures(
        "JOIN members m ON m.n = p.n WHERE m.way = ? AND m.g = ? AND m.place >= ? AND m.place < ? ORDER BY m.place",
        [way, g, first, first + PER_PAGE_ALONE], "m.is_kept",
    )  # fmt: skip
    back = tag("p", tag("a", "All groups", href=address(PATH, {"by": way})))
    return page_of(
        view, NAME, heading(f"A group of {several(number, 'picture')}", WAYS[way][1]), back, _members(view, way, [(p, kept) for p, kept in told]),
        turning(PATH, {"by": way, "group": g}, page, -(-number // PER_PAGE_ALONE)), at=PATH,
    )  # fmt: skip


def _group(
    view: View, known: AllPictures, way: str, g: int, members: Sequence[tuple[Picture, bool]], number: int
) -> Html:
    title = f"{several(number, 'picture')}"
    more = None
    if number > len(members):
        more = tag("p", tag("a", f"All {count(number)} of them", href=address(PATH, {"by": way, "group": g})))
    return tag(
        "section",
        tag("h2", title),
        _members(view, way, members),
        more,
        class_="group",
        aria_label=f"Group {count(g + 1)}: {title}",
    )


def _members(view: View, way: str, members: Sequence[tuple[Picture, bool]]) -> Html:
    pictures = [p for p, _ in members]
    texts = texts_of(view, pictures)
    view.pictures.expect([p.shown for p in pictures if p.shown is not None])
    facts = [_facts(p) for p in pictures]
    differ = {name for one in facts for name in one if len({other.get(name) for other in facts}) > 1}
    first = texts.get(pictures[0].n, "") if pictures else ""
    items = [
        tag("li", *_member(view, way, p, is_kept, differ), _said(texts.get(p.n, ""), first, at == 0), class_="card" + (" kept" if is_kept else ""))
        for at, (p, is_kept) in enumerate(members)
    ]  # fmt: skip
    return tag("ul", *items, class_="beside")


def _facts(picture: Picture) -> dict[str, str]:
    size_of = f"{picture.width} × {picture.height}" if picture.width and picture.height else ""
    file = " ".join(filter(None, [picture.format, size(picture.bytes) if picture.bytes is not None else ""]))
    told = {
        "size": size_of,
        "file": file,
        "sha256": (picture.sha256 or "")[:12],
        "split": picture.split or "",
        "address": picture.url or "",
    }
    return {name: text for name, text in told.items() if text}


def _member(view: View, way: str, picture: Picture, is_kept: bool, differ: set[str]) -> list[Child]:
    told = [
        (tag("dt", name), tag("dd", tag("mark", shown) if name in differ else shown))
        for name, text in _facts(picture).items()
        if (shown := foreign(text, 90))
    ]
    return [
        seen(view, picture),
        tag("p", title(picture), " ", badges(picture, way == "look" and is_kept)),
        tag("dl", *told, class_="facts"),
    ]


def title(picture: Picture) -> Html:
    """The row of a picture, and the way to it where it is in the set."""
    if picture.number is not None:
        which = f", picture {picture.picture + 1}" if picture.picture else ""
        return tag("a", f"Row {picture.number:,}{which}", href=f"./row/{picture.number}")
    return tag("span", "Not in the set", class_="soft")


def badges(picture: Picture, is_kept: bool = False, is_repeat: bool = True) -> Html:
    """What a run said of it."""
    told = []
    if is_kept:
        told.append(tag("li", "✓ stands for the others", class_="badge ok"))
    if picture.duplicate_kind and is_repeat:
        told.append(tag("li", {"exact": "the same bytes", "near": "looks the same"}.get(picture.duplicate_kind, foreign(picture.duplicate_kind, 30)), class_="badge"))  # fmt: skip
    if picture.number is None:
        why = picture.outcome if picture.outcome not in (None, "ok") else ""
        told.append(tag("li", "left out", f": {shortened(why, 40)}" if why else "", class_="badge lost"))
    if picture.in_other_split:
        told.append(tag("li", "also in another split", class_="badge again"))
    return tag("ul", *told, class_="badges") if told else join([])


def seen(view: View, picture: Picture) -> Html:
    """The picture, where it is at hand: from the set, or from what the run still has."""
    version = view.data.digest[:8]
    if picture.shown is not None and view.pictures.column is not None:
        source = f"./thumb/{picture.shown}/{picture.shown_picture or 0}?v={version}"
    elif picture.number is None and picture.sha256 and view.data.folder is not None and _is_digest(picture.sha256):
        source = f"./left/{picture.sha256}?v={version}"
    else:
        return tag("p", "No picture at hand", class_="thumb soft")
    what = f"Row {picture.number:,}" if picture.number is not None else "A row that was left out"
    image = tag("img", src=source, alt=f"Picture of {what[0].lower()}{what[1:]}", loading="lazy", decoding="async")
    return tag("p", tag("span", image, class_="stage"), class_="thumb")


def texts_of(view: View, pictures: Sequence[Picture]) -> dict[int, str]:
    """What the rows of some pictures say, by `n`: the first of their texts."""
    numbers = sorted({p.number for p in pictures if p.number is not None})
    read = dict(zip(numbers, view.data.read(numbers), strict=True))
    told = {}
    for picture in pictures:
        if picture.number is not None:
            row = read[picture.number]
            told[picture.n] = "" if isinstance(row, Unread) else text_in(row.columns)
        elif picture.shard is not None and picture.place is not None:
            told[picture.n] = view.left.text(picture.shard, picture.place)
    return told


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def _said(text: str, first: str, is_first: bool) -> Html | None:
    """The text of a row; of all but the first, what it has otherwise."""
    if not text and not first:
        return None
    if is_first or text == first:
        shown = tag("p", tag("bdi", shortened(text, MOST_CHARS)), class_="text small", dir="auto")
        return join([shown, None if is_first else tag("p", "the same words", class_="soft small")])
    return tag(
        "p",
        tag("bdi", changes(first, text)),
        class_="text small",
        dir="auto",
    )
