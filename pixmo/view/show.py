"""`pixmo.show`: rows in a notebook, as pictures with their points and texts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pixmo.dataset.rows import Rows
from pixmo.dataset.rows_chunk import Row
from pixmo.errors import BadSetting
from pixmo.page.html import Html, foreign, page, shortened, tag
from pixmo.page.numbers import count
from pixmo.view.card import Card, card_of
from pixmo.view.card_pieces import Frame
from pixmo.view.marks import PALETTE, overlay
from pixmo.view.pieces import blocks_of, facts, legend
from pixmo.view.source import open_data
from pixmo.view.static_pages import shortened_marks
from pixmo.view.static_pictures import Make, frame_of, stand_in, upright, webp

LIMIT, MOST = 12, 200
_MAKE = Make(480, 70)
_MOST_PICTURES = 4
_STYLE = """
body{padding:.75rem}
h1{font-size:1rem;font-weight:400;letter-spacing:0}
.row{background:var(--card);border:1px solid var(--edge);border-radius:.75rem;padding:1rem;margin:0 0 1rem;gap:.5rem 1.5rem}
.row>h2{font-size:1.05rem;overflow-wrap:anywhere}
@media(min-width:40rem){.row.seen{grid-template-columns:minmax(0,26rem) minmax(0,1fr)}.row.seen>h2{grid-column:1/-1}}
.pictures{position:static!important;max-height:none!important}
.pictures .stage{margin-bottom:.5rem}.pictures img{max-width:100%}
"""


class Shown(NamedTuple):
    """Rows as a notebook shows them: `_repr_html_` is a frame of its own that runs nothing and asks nobody for anything."""

    cards: tuple[Card, ...]
    pictures: tuple[tuple[str, ...], ...]  # data: addresses
    total: int | None  # rows there are, where that is known

    def __repr__(self) -> str:
        lines = [f"{_told(len(self.cards), self.total)}:"]
        for card in self.cards:
            points = f", {count(card.marks)} point{'s' if card.marks > 1 else ''}" if card.marks else ""
            lines.append(
                f"  {card.number}: {shortened(' '.join(card.title[:2000].split()), 80) or card.id[:80]}{points}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """For Jupyter."""
        height = min(720, 120 + 380 * max(1, len(self.cards)))
        return tag(
            "iframe",
            srcdoc=self.page(),
            sandbox="",
            width="100%",
            height=height,
            title="rows of a set",
            frameborder="0",
        )

    def page(self) -> str:
        """The document inside the frame."""
        head = tag("h1", _told(len(self.cards), self.total), class_="soft")
        rows = [_row(card, pictures) for card, pictures in zip(self.cards, self.pictures, strict=True)]
        colours = "".join(f".c{n}{{--mine:{colour}}}" for n, colour in enumerate(PALETTE))
        return page(
            "Rows of a set",
            tag("main", head, *rows),
            style=files("pixmo.view").joinpath("view.css").read_text() + _STYLE + colours,
        )


def show(rows: str | Path | Rows | Iterable[Row], limit: int = LIMIT) -> Shown:
    """The first rows of a set, or of rows at hand (`pixmo.load(…)`, a slice of it, a list of them), to be looked at in a notebook.

    Raises BadSetting for a limit not within 1 to 200, BadSource for a path that is no set.
    """
    if not 1 <= limit <= MOST:
        raise BadSetting(f"limit {limit}: give 1 to {MOST}; `pixmo view` shows whole sets")
    if isinstance(rows, str | Path):
        rows = open_data(str(rows)).rows
    total = len(rows) if isinstance(rows, Sequence) else None
    first = rows.span[:limit] if isinstance(rows, Rows) else None
    # `take` reads the rows and their pictures together
    taken = (
        rows.take(range(min(limit, len(rows))), pictures=True) if isinstance(rows, Rows) else list(islice(rows, limit))
    )
    cards, pictures = [], []
    for at, row in enumerate(taken):
        if not isinstance(row, Row):
            raise BadSetting(f"{type(row).__name__} is no row; give a path, or rows that pixmo.load gave")
        seen = row.pictures_bytes
        card = card_of(first[at] if first is not None else at, row, len(seen), partial(_frame, seen))
        cards.append(shortened_marks(card))
        pictures.append(tuple(_address(data) for data in seen[:_MOST_PICTURES]))
    return Shown(tuple(cards), tuple(pictures), total)


def _told(shown: int, total: int | None) -> str:
    return (
        f"{count(shown)} row{'s' if shown != 1 else ''}"
        if total in (None, shown)
        else f"the first {count(shown)} of {count(total or 0)} rows"
    )


def _frame(seen: Sequence[bytes | None], picture: int) -> Frame | None:
    data = seen[picture] if picture < len(seen) else None
    return frame_of(data) if data else None


def _address(data: bytes | None) -> str:
    image = upright(data, _MAKE.side_px) if data else None
    told = webp(image or stand_in("The picture does not decode" if data else "The picture is not there"), _MAKE)
    return f"data:image/webp;base64,{base64.b64encode(told).decode()}"


def _row(card: Card, pictures: Sequence[str]) -> Html:
    title = " ".join(card.title[:2000].split())
    looks = tag("div", *_pictures(card, pictures, title), class_="pictures") if pictures else None
    faults = tag("ul", *(tag("li", foreign(f, 300)) for f in card.faults), class_="faults") if card.faults else None
    texts = tag("div", faults, legend(card), *blocks_of(card, lambda sound: None), facts(card), class_="texts")
    name = tag("h2", tag("span", f"{card.number} ", class_="soft"), foreign(title, 140), dir="auto")
    return tag("article", name, looks, texts, class_="row seen" if looks else "row alone")


def _pictures(card: Card, pictures: Sequence[str], title: str) -> Iterator[Html]:
    for number, source in enumerate(pictures):
        image = tag("img", src=source, alt=shortened(title, 120) or "picture")
        yield tag("div", image, overlay(card.expressions, number), class_="stage")
    if card.pictures > len(pictures):
        yield tag("p", f"{card.pictures:,} pictures; the first {len(pictures)} are shown.", class_="soft")
