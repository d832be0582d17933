"""The pages an annotator sees."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import Response

from pixmo.annotate.people import Person
from pixmo.annotate.tasks import REASONS
from pixmo.annotate.words import QUESTIONS
from pixmo.page.html import Html, tag
from pixmo.web.document import document

UP = "./../../"  # from /p/<person>/ to the root
SCRIPT = "annotate.js"


class Target(NamedTuple):
    """How long a description should be, in seconds."""

    min_s: float
    max_s: float

    def __str__(self) -> str:
        return f"{self.min_s:g}–{self.max_s:g} s"


def entrance(path: str) -> Response:
    """Goes on to the room whose key the browser has now; from here, so that the cookie counts as this site's own."""
    link = tag("a", "Go on", href=f"./..{path}")
    return document("Welcome", tag("p", link, class_="soft"), up="./../", refresh=f"0;url={path}")


def stranger() -> Response:
    """For a link that is wrong, or of somebody who withdrew."""
    return document(
        "No access",
        tag("h1", "This link opens nothing"),
        tag("p", "Please open the whole link that you were sent. If it used to work, ask the person who sent it."),
        up="./../../",
        status=404,
    )


def consent_page(person: Person, version: str, text: str) -> Response:
    """Asks for consent, once for each text."""
    paragraphs = [tag("p", part) for part in text.split("\n\n") if part.strip()]
    return document(
        "Before you begin",
        tag("header", tag("h1", "Before you begin")),
        tag("section", paragraphs, class_="card consent"),
        tag("p", _button("agree", "I agree", "Enter"), class_="buttons"),
        tag("p", f"Text {version}. If you do not agree, just close this page.", class_="soft"),
        _status(),
        _data(person, version=version),
        up=UP,
        script=SCRIPT,
    )


def finished_page(person: Person, done: int) -> Response:
    """Nothing is left to do; looks again by itself, since somebody else may skip."""
    return document(
        "Thank you",
        tag(
            "header",
            tag("h1", "Thank you!"),
            tag("p", f"There is nothing left for you now. You described {_many(done)}."),
        ),
        _status(),
        _data(person),
        up=UP,
        script=SCRIPT,
        refresh="60",
    )


def task_page(person: Person, picture: int, target: Target, done: int) -> Response:
    """A picture, the questions, and the recorder."""
    return document(
        "Describe this picture",
        tag(
            "main",
            tag("figure", tag("img", id="picture", src=f"./pictures/{picture}", alt="The picture to describe")),
            tag("div", _recorder(target, done), _questions(), class_="side"),
            class_="task",
        ),
        _skip_dialog(),
        _data(person, picture=picture, min_s=f"{target.min_s:g}", max_s=f"{target.max_s:g}"),
        up=UP,
        script=SCRIPT,
    )


def _recorder(target: Target, done: int) -> Html:
    return tag(
        "section",
        tag("h1", "Describe this picture aloud"),
        tag("p", f"Speak for {target}, in whole sentences. {_many(done)} done.", class_="soft"),
        tag(
            "div",
            tag("span", "0:00", id="timer", role="timer", aria_label="time recorded"),
            tag("meter", id="level", min=0, max=1, low="0.05", value=0, aria_label="loudness of the microphone"),
            class_="dials",
        ),
        tag("progress", id="time", max=f"{target.max_s:g}", value=0, aria_label="time of the target"),
        tag(
            "p",
            _button("record", "Record", "Space", disabled=True),
            _button("listen", "Listen", "L", hidden=True),
            _button("submit", "Submit", "Enter", hidden=True),
            _button("skip", "Skip", "S", disabled=True),
            class_="buttons",
        ),
        tag("audio", id="sound", controls=True, hidden=True),
        _status(),
        class_="card",
    )


def _questions() -> Html:
    asked = [tag("li", tag("b", head), " ", tag("span", question)) for head, question in QUESTIONS]
    return tag("section", tag("h2", "What to talk about"), tag("ol", asked, class_="questions"), class_="card")


def _skip_dialog() -> Html:
    reasons = [
        tag("label", tag("input", type="radio", name="reason", value=word, checked=n == 0), " ", told)
        for n, (word, told) in enumerate(REASONS.items())
    ]
    return tag(
        "dialog",
        tag("h2", "Why skip this picture?"),
        tag("div", reasons, class_="reasons"),
        tag("label", "A word more, if you like ", tag("input", id="note", type="text", maxlength=200)),
        tag("p", _button("skip-it", "Skip it", "Enter"), _button("keep-it", "Back", "Esc"), class_="buttons"),
        id="skip-dialog",
    )


def _button(name: str, told: str, key: str, **states: bool) -> Html:
    """A button with its key. Those that are `disabled` wait for the script."""
    return tag("button", tag("span", told), " ", tag("kbd", key), id=name, type="button", **states)


def _status() -> Html:
    return tag("p", id="status", role="status", aria_live="polite", tabindex=-1)


def _data(person: Person, **facts: str | int) -> Html:
    """What the script has to know."""
    return tag("div", id="facts", hidden=True, data_person=person.id, **{f"data_{k}": v for k, v in facts.items()})


def _many(done: int) -> str:
    return f"{done} picture{'' if done == 1 else 's'}"
