"""The owner's page: how far it is, who did what, what was skipped and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from pixmo.annotate.pages import SCRIPT, UP, data
from pixmo.annotate.people import People
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import REASONS, UNSURE
from pixmo.page.html import Child, Html, foreign, tag
from pixmo.web.document import document

_NUMBERS = ("described", "done", "skipped", "at work", "gold tasks")
_REASONS = REASONS | UNSURE
SHOWN = 200  # lines of the lists of skips and pictures
_COUNTS = """
SELECT n, count(*) FROM (SELECT p.id, min(count(a.person), ?) AS n FROM pictures p
LEFT JOIN assignments a ON a.picture = p.id AND a.state = 'done' WHERE p.is_here AND p.known IS NULL GROUP BY p.id) GROUP BY n
"""
_BY_PERSON = """
SELECT sum(state = 'done'), sum(state = 'skipped'), sum(state = 'open'), max(at) FROM assignments WHERE person = ?
"""


def progress_page(
    store: Store, people: People, per_picture: int, origin: str, *, title: str, tasks: str = "pictures", verb: str = "done", noun: str, given: int,
    tiles: Sequence[tuple[str, str]] = (), sections: Sequence[Child] = (), scores: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page as things stand; it looks again every 30 seconds.

    `tasks` is what they are called; `given` counts what came in, called `noun`; `tiles` and `sections` are of one kind alone; `scores` by pseudonym, where there are
    gold tasks.
    """
    done = dict(store.rows(_COUNTS, per_picture))
    total = sum(done.values())
    shown = [
        (tasks, f"{total:,}"),
        ("finished", f"{done.get(per_picture, 0):,}"),
        (noun, f"{given:,} of {total * per_picture:,}"),
        *tiles,
    ]
    return document(
        "Progress",
        tag(
            "main",
            tag("header", tag("p", title, class_="eyebrow"), tag("h1", "Progress")),
            tag(
                "dl",
                [tag("div", tag("dt", name), tag("dd", value, class_="figure")) for name, value in shown],
                class_="tiles",
            ),
            sections,
            _people(store, people, origin, [verb, *_NUMBERS[2:4]], scores),
            _skips(store),
        ),
        data(people.owner(), again=30),
        up=UP,
        script=SCRIPT,
    )


def _people(store: Store, people: People, origin: str, numbers: list[str], scores: Mapping[str, str] | None) -> Html:
    rows = []
    for person in people.annotators():
        done, skipped, now, _ = (value or 0 for value in store.one(_BY_PERSON, person.id) or (0, 0, 0, 0))
        link = f"{origin}/enter/{person.key}"
        who = tag("th", foreign(person.name), tag("small", person.id), scope="row")
        gold = [] if scores is None else [tag("td", scores.get(person.id, "–"), class_="number")]
        counts = [tag("td", n, class_="number") for n in (done, skipped, now)]
        rows.append([who, *counts, *gold, tag("td", tag("code", link))])
    return table(
        "People", ["person", *numbers, *([] if scores is None else [_NUMBERS[4]]), "link, for them alone"], rows
    )


def _skips(store: Store) -> Html | None:
    found = store.rows(
        "SELECT p.file, p.label, q.name, a.reason, a.note FROM assignments a JOIN pictures p ON p.id = a.picture "
        "JOIN people q ON q.id = a.person WHERE a.state = 'skipped' ORDER BY a.at DESC LIMIT ?",
        SHOWN,
    )
    rows = [
        [
            tag("th", foreign(file), tag("small", foreign(label)) if label else None, scope="row"),
            tag("td", foreign(name)),
            tag("td", _REASONS[reason]),
            tag("td", foreign(note or "")),
        ]
        for file, label, name, reason, note in found
    ]
    return table("Skipped, the latest first", ["picture", "by", "reason", "note"], rows) if rows else None


def table(title: str, heads: list[str], rows: list[list[Html]]) -> Html:
    """A section with a table; columns of the known numbers stand to the right."""
    head: Child = tag(
        "thead",
        tag("tr", [tag("th", name, scope="col", class_="number" if name in _NUMBERS else None) for name in heads]),
    )
    body = tag("tbody", [tag("tr", cells) for cells in rows])
    return tag("section", tag("h2", title), tag("div", tag("table", head, body), class_="scroll", tabindex=0))
