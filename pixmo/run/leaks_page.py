"""The page of a comparison: counts by set, and pairs of pictures side by side. It asks nobody for anything."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from pixmo.page.html import Child, Html, foreign, page, shortened, tag
from pixmo.page.numbers import count, share
from pixmo.run.leaks import Against, Compared, Leak, SetCounts, Values, pictures_of_held, pictures_of_train
from pixmo.run.leaks_looks import Lookers, MakeThumb, Thumb
from pixmo.run.leaks_rows import Reader
from pixmo.storage.holdout_match import KINDS

MOST_PAIRS = 200
_TOLD = {
    "url": "the same URL",
    "sha256": "the same bytes",
    "near": "looks the same",
    "mirrored": "looks like its mirror image",
}
_NAMED = {
    "image_url": "URL",
    "file": "file",
    "fetched_sha256": "sha256",
    "image_sha256": "expected sha256",
    "split": "split",
    "row_id": "row",
}


def leaks_page(found: Compared, train: Reader, against: Sequence[Against], lookers: Lookers) -> str:
    """The whole page; small copies of the pictures are made for it where they are at hand."""
    pairs = spread(found.examples, MOST_PAIRS)
    left = _thumbs(pictures_of_train(train, pairs), lookers)
    right = _thumbs(pictures_of_held(against, pairs), lookers)
    body = (
        _header(found),
        tag("main", _headline(found), _sets(found), *(_pairs(kind, pairs, left, right) for kind in KINDS)),
        tag("footer", "Made by pixmo leaks. Every picture on this page is a small copy inside it."),
    )
    return page(f"{shortened(found.train, 80)} · pixmo leaks", *body)


def spread(leaks: Sequence[Leak], most: int) -> list[Leak]:
    """So many of them, the kinds and sets in turn, so that none crowds out another; then in the order they were found."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, leak in enumerate(leaks):
        groups.setdefault((leak.set, leak.kind), []).append(number)
    in_turn = sorted((turn, number) for members in groups.values() for turn, number in enumerate(members))
    return [leaks[number] for number in sorted(number for _, number in in_turn[:most])]


def _thumbs(pictures: Mapping[int, bytes], lookers: Lookers) -> dict[int, Thumb]:
    made = lookers.over(MakeThumb(), list(pictures.values()))
    return {n: Thumb(*thumb) for n, thumb in zip(pictures, made, strict=True) if thumb is not None and thumb[0]}


def _header(found: Compared) -> Html:
    return tag(
        "header",
        tag("p", "pixmo leaks", class_="eyebrow"),
        tag("h1", foreign(found.train)),
        tag("p", "Training pictures that stand in held-out sets.", class_="soft"),
    )


def _headline(found: Compared) -> Html:
    tiles = [
        ("Leaks", count(found.leaks), f"pictures: {share(found.leaks, found.pictures)} of {count(found.pictures)}"),
        ("Rows", count(found.leaking_rows), f"have such a picture, of {count(found.rows)}"),
        ("Looked at", count(found.hashed), "training pictures whose look is known; others by URL and digest only"),
    ]
    return tag("dl", [_tile(*tile) for tile in tiles], class_="tiles")


def _tile(name: str, figure: str, note: str) -> Html:
    return tag("div", tag("dt", name), tag("dd", figure, class_="figure"), tag("dd", note, class_="soft"))


def _sets(found: Compared) -> Html:
    head = ("Held-out set", "Its pictures", "Found in training", *(_TOLD[kind] for kind in KINDS))
    row = [tag("th", name, scope="col", class_=None if n == 0 else "number") for n, name in enumerate(head)]
    table = tag(
        "table",
        tag("caption", "A picture that stands in two sets is counted in both"),
        tag("thead", tag("tr", row)),
        tag("tbody", [_set_row(one) for one in found.sets]),
    )
    scroll = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label="Held-out sets")
    return tag("section", tag("h2", "By set"), tag("div", scroll, class_="card"))


def _set_row(one: SetCounts) -> Html:
    known = one.held.counts()
    by = "" if known["near"] else "known by URL and digest only: copies under other URLs are not seen"
    name = tag("th", foreign(one.held.name), tag("small", by) if by else None, scope="row")
    found = int(one.found.sum())
    told = (
        count(len(one.held)),
        f"{count(found)} ({share(found, len(one.held))})",
        *(count(one.kinds[k]) for k in KINDS),
    )
    return tag("tr", name, [tag("td", text, class_="number") for text in told])


def _pairs(kind: str, pairs: Sequence[Leak], left: Mapping[int, Thumb], right: Mapping[int, Thumb]) -> Html | None:
    mine = [(n, leak) for n, leak in enumerate(pairs) if leak.kind == kind]
    if not mine:
        return None
    rows = [
        tag(
            "tr",
            tag("td", _picture(left.get(n), "training picture"), _facts(leak.train)),
            tag("td", _picture(right.get(n), "held-out picture"), _facts(leak.held | {"set": leak.set})),
        )
        for n, leak in mine
    ]
    head = tag("thead", tag("tr", tag("th", "Training", scope="col"), tag("th", "Held out", scope="col")))
    table = tag(
        "table", tag("caption", f"{count(len(mine))} example{'' if len(mine) == 1 else 's'}"), head, tag("tbody", rows)
    )
    scroll = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Pairs: {_TOLD[kind]}")
    title = _TOLD[kind][:1].upper() + _TOLD[kind][1:]
    return tag("section", tag("h2", title), tag("div", scroll, class_="card"))


def _picture(thumb: Thumb | None, what: str) -> Child:
    if thumb is None or thumb.jpeg is None:
        return tag("p", "no picture at hand", class_="soft")
    data = base64.b64encode(thumb.jpeg).decode()
    return tag("img", src=f"data:image/jpeg;base64,{data}", alt=what, width=thumb.width, height=thumb.height)


def _facts(told: Values) -> Html:
    named = {"set": "set"} | _NAMED
    pairs = [(label, told[name]) for name, label in named.items() if told.get(name)]
    return tag("dl", [(tag("dt", label), tag("dd", foreign(str(text)))) for label, text in pairs], class_="facts")
