"""The pages an annotator sees, whatever the kind, and the parts that all of them have."""

from __future__ import annotations

from starlette.responses import Response

from pixmo.annotate.people import Person
from pixmo.annotate.tasks import REASONS_OF
from pixmo.page.html import Html, tag
from pixmo.web.document import document

UP = "./../../"  # from /p/<person>/ to the root
SCRIPT = "annotate.js"


def entrance(path: str) -> Response:
    """Goes on to the room whose key the browser has now; from here, so that the cookie counts as this site's own."""
    link = tag("a", "Go on", href=f"./..{path}")
    return document("Welcome", tag("p", link, class_="soft"), up="./../", refresh=f"0;url={path}")


def stranger() -> Response:
    """For a link that is wrong, or of somebody who withdrew."""
    return document(
        "No access",
        tag(
            "main",
            tag("h1", "This link opens nothing"),
            tag("p", "Please open the whole link that you were sent. If it used to work, ask the person who sent it."),
        ),
        up="./../../",
        status=404,
    )


def full_page() -> Response:
    """Nothing can be stored, so nothing is given out; looks again by itself."""
    told = (
        "The server cannot store anything now. What you did is kept in this browser. This page tries again by itself."
    )
    body = tag("main", tag("h1", "One moment"), tag("p", told))
    return document("One moment", body, up="./../../", refresh="10", status=503)


def consent_page(person: Person, version: str, text: str) -> Response:
    """Asks for consent, once for each text."""
    paragraphs = [tag("p", part) for part in text.split("\n\n") if part.strip()]
    return document(
        "Before you begin",
        tag(
            "main",
            tag("header", tag("h1", "Before you begin")),
            tag("section", paragraphs, class_="card consent"),
            tag("p", button("agree", "I agree", "Enter"), class_="buttons"),
            tag("p", f"Text {version}. If you do not agree, just close this page.", class_="soft"),
            status(),
        ),
        data(person, version=version),
        up=UP,
        script=SCRIPT,
    )


def finished_page(person: Person, done: int, verb: str, noun: str) -> Response:
    """Nothing is left to do; looks again by itself, since somebody else may skip."""
    return document(
        "Thank you",
        tag(
            "main",
            tag("h1", "Thank you!"),
            tag("p", f"There is nothing left for you now. You {verb} {many(done, noun)}."),
            status(),
        ),
        data(person, again=60),
        up=UP,
        script=SCRIPT,
    )


def skip_dialog(kind: str) -> Html:
    """Asks why; `kind` has reasons of its own."""
    reasons = [
        tag("label", tag("input", type="radio", name="reason", value=word, checked=n == 0), " ", told)
        for n, (word, told) in enumerate(REASONS_OF[kind].items())
    ]
    return tag(
        "dialog",
        tag("h2", "Why skip this picture?"),
        tag("div", reasons, class_="reasons"),
        tag("label", "A word more, if you like ", tag("input", id="note", type="text", maxlength=200)),
        tag("p", button("skip-it", "Skip it", "Enter"), button("keep-it", "Back", "Esc"), class_="buttons"),
        id="skip-dialog",
    )


def button(name: str, told: str, key: str, **states: bool) -> Html:
    """A button with its key. Those that are `disabled` wait for the script."""
    return tag("button", tag("span", told), " ", tag("kbd", key), id=name, type="button", **states)


def status() -> Html:
    """Where the script says how things stand; read aloud."""
    return tag("p", id="status", role="status", aria_live="polite", tabindex=-1)


def data(person: Person, **facts: str | int) -> Html:
    """What the script has to know."""
    return tag("div", id="facts", hidden=True, data_person=person.id, **{f"data_{k}": v for k, v in facts.items()})


def many(done: int, noun: str = "picture") -> str:
    """A number of pictures, or tasks."""
    return f"{done:,} {noun}{'' if done == 1 else 's'}"
