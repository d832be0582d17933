"""The parts of the owner's review that all kinds share."""

from __future__ import annotations

from starlette.responses import Response

from pixmo.annotate.pages import SCRIPT, UP, button, data
from pixmo.annotate.people import Person
from pixmo.page.html import Html, foreign, tag
from pixmo.web.document import document


def nothing_page(owner: Person) -> Response:
    """Nothing waits; looks again by itself."""
    link = tag("a", "Progress", href=f"./../{owner.id}/")
    body = tag("main", tag("h1", "Nothing to review"), tag("p", link))
    return document("Review", body, data(owner, again=30), up=UP, script=SCRIPT)


def review_buttons(owner: Person, answer: int, name: str, waiting: int) -> Html:
    """Whose it is, the verdicts, a note."""
    others = f"; {waiting - 1} more wait" if waiting > 1 else ""
    return tag(
        "div",
        tag("p", "By ", foreign(name), others, ". ", tag("a", "Progress", href=f"./../{owner.id}/"), class_="soft"),
        tag(
            "label", "What should be done better ",
            tag("input", id="review-note", class_="line", type="text", maxlength=200),
        ),
        tag(
            "p",
            button("accept", "Accept", "Enter", disabled=True),
            button("correct", "Save my correction", "Ctrl Enter", hidden=True),
            button("back", "Send back", "B", disabled=True),
            tag("a", "Later", href=f"./review?after={answer}", class_="later"),
            class_="buttons",
        ),
    )  # fmt: skip
