"""The pages on which people point, and the owner looks at it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from starlette.responses import Response

from pixmo.annotate.folder import POINTS
from pixmo.annotate.pages import SCRIPT, UP, button, data, many, skip_dialog, status
from pixmo.annotate.pages_review import review_buttons
from pixmo.annotate.people import Person
from pixmo.annotate.progress import table
from pixmo.page.html import Child, Html, foreign, tag
from pixmo.web.document import document

_WORST = 20  # pairs shown
KEYS = (
    ("Click, tap", "add a point"), ("drag a point", "move it"), ("Delete", "remove the selected point"), ("[  ]", "select another point"),
    ("arrows", "move the selected point, or a cross; Shift: finer or wider"), ("Enter", "place a point at the cross; without it, submit"),
    ("Esc", "let go of point and cross"), ("Ctrl Z, Ctrl Y", "undo, redo"), ("wheel, + − 0", "zoom"), ("drag, Space drag", "move the picture"),
)  # fmt: skip


class Shown(NamedTuple):
    """A task as it is shown: `points` and `written` are from before, `note` is the owner's."""

    picture: int
    label: str
    points: Sequence[Sequence[float]] | None = None
    note: str = ""
    written: str = ""


def points_page(person: Person, shown: Shown, done: int) -> Response:
    """A picture to point in."""
    what = _what("Point at every one of these", shown.label) if shown.label else _write_label(shown.written)
    side = tag(
        "section",
        tag("p", f"One point on each. {many(done, 'task')} done.", class_="soft"),
        tag("p", tag("b", "Sent back: "), foreign(shown.note, 200), class_="note") if shown.note else None,
        _count(),
        tag(
            "p",
            button("submit", "Submit", "Enter", disabled=True),
            button("absent", "Not in the picture", "N", disabled=True),
            button("skip", "Skip", "S", disabled=True),
            class_="buttons",
        ),
        status(),
        class_="card",
    )
    facts = _facts(shown)
    return document(
        "Point", _layout(what, side), skip_dialog(POINTS), _absent_dialog(), data(person, **facts), up=UP, script=SCRIPT
    )


def points_review(owner: Person, shown: Shown, answer: int, name: str, waiting: int) -> Response:
    """Somebody's points, for the owner."""
    side = tag(
        "section",
        _count(),
        review_buttons(owner, answer, name, waiting),
        status(),
        class_="card",
    )
    what = _what("Review", shown.label)
    return document("Review", _layout(what, side), data(owner, answer=answer, **_facts(shown)), up=UP, script=SCRIPT)


def agreement_section(told: dict[str, Any], waiting: int, per_picture: int) -> Html:  # Any: JSON
    """How well people agree, and the way to the review."""
    parts: list[Child] = [tag("h2", "Review"), review_link(waiting), tag("h2", "Agreement")]
    if not told["pairs"]:
        remedy = "" if per_picture > 1 else "; --per-picture 2 gives each to two"
        parts.append(tag("p", f"No two people had the same task yet{remedy}.", class_="soft"))
        return tag("section", parts)
    within = f"{told['matched_within']['share_of_diagonal']:.0%} of the picture's diagonal"
    parts.append(tag("p", f"Points of two people are the same when they are within {within}.", class_="soft"))
    tiles = [
        ("pairs", f"{told['pairs']:,}"),
        ("F1 of points", f"{told['f1']:.2f}"),
        ("same count", f"{told['same_count']:.0%}"),
        ("counts differ by", f"{told['count_difference']:.1f}"),
    ]
    parts.append(tag("dl", [tag("div", tag("dt", n), tag("dd", v, class_="figure")) for n, v in tiles], class_="tiles"))
    worst = [one for one in told["tasks"] if one["f1"] < 1][:_WORST]
    rows = [
        [
            tag("th", foreign(one["image"]), scope="row"),
            tag("td", foreign(one["label"])),
            tag("td", f"{one['f1']:.2f}"),
            tag("td", " / ".join(map(str, one["counts"]))),
        ]
        for one in worst
    ]
    return tag(
        "section", parts, table("Where they agree least", ["picture", "label", "F1", "points"], rows) if rows else None
    )


def review_link(waiting: int) -> Html:
    """How many wait, and where."""
    if not waiting:
        return tag("p", "Nothing waits for you.", class_="soft")
    return tag("p", tag("a", f"Review {waiting:,} submission{'' if waiting == 1 else 's'}", href="./review"))


def _layout(what: Html, side: Html) -> Html:
    overlay = tag("svg", id="overlay", aria_hidden="true")
    stage = tag(
        "div",
        tag("img", id="picture", alt="The picture to point in", draggable="false"),
        overlay,
        id="stage", tabindex=0, role="application", aria_label="the picture; arrows move a cross, Enter places a point",
    )  # fmt: skip
    tools = tag(
        "p",
        button("undo", "Undo", "Ctrl Z", disabled=True), button("redo", "Redo", "Ctrl Y", disabled=True),
        button("remove", "Remove", "Del", disabled=True), button("closer", "Zoom in", "+"), button("farther", "Zoom out", "−"),
        class_="buttons tools",
    )  # fmt: skip
    keys = [tag("div", tag("dt", tag("kbd", key)), tag("dd", does)) for key, does in KEYS]
    help_ = tag("details", tag("summary", "Keys"), tag("dl", keys, class_="keys"), class_="card")
    return tag(
        "main",
        tag("div", what, stage, tools, class_="work"),
        tag("div", side, help_, class_="side"),
        class_="task points",
    )


def _count() -> Html:
    return tag("p", tag("b", "0", id="count"), " ", tag("span", "points", id="counted"), class_="count")


def _what(eyebrow: str, label: str) -> Html:
    return tag("div", tag("p", eyebrow, class_="eyebrow"), tag("h1", foreign(label, 200)), class_="what")


def _write_label(written: str) -> Html:
    field = tag("input", id="label", class_="line", type="text", maxlength=200, value=written, autocomplete="off")
    return tag("div", tag("h1", "Point at something"), tag("label", "What do you point at? ", field))


def _absent_dialog() -> Html:
    return tag(
        "dialog",
        tag("h2", "Not in the picture?"),
        tag("p", "The points you placed will be removed."),
        tag("p", button("absent-it", "Remove them", "Enter"), button("keep-them", "Back", "Esc"), class_="buttons"),
        id="absent-dialog",
    )


def _facts(shown: Shown) -> dict[str, str | int]:
    return {
        "picture": shown.picture, "label": shown.label,
        "points": "" if shown.points is None else json.dumps(shown.points),
    }  # fmt: skip
