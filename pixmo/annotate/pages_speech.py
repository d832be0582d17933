"""The page on which somebody describes a picture aloud."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import Response

from pixmo.annotate.folder import SPEECH
from pixmo.annotate.pages import SCRIPT, UP, button, data, many, skip_dialog, status
from pixmo.annotate.people import Person
from pixmo.annotate.words import QUESTIONS
from pixmo.page.html import Html, tag
from pixmo.web.document import document


class Target(NamedTuple):
    """How long a description should be, in seconds."""

    min_s: float
    max_s: float

    def __str__(self) -> str:
        return f"{self.min_s:g}–{self.max_s:g} s"


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
        skip_dialog(SPEECH),
        data(person, picture=picture, min_s=f"{target.min_s:g}", max_s=f"{target.max_s:g}"),
        up=UP,
        script=SCRIPT,
    )


def _recorder(target: Target, done: int) -> Html:
    return tag(
        "section",
        tag("h1", "Describe this picture aloud"),
        tag("p", f"Speak for {target}, in whole sentences. {many(done)} done.", class_="soft"),
        tag(
            "div",
            tag("span", "0:00", id="timer", role="timer", aria_label="time recorded"),
            tag("meter", id="level", min=0, max=1, low="0.05", value=0, aria_label="loudness of the microphone"),
            class_="dials",
        ),
        tag("progress", id="time", max=f"{target.max_s:g}", value=0, aria_label="time of the target"),
        tag(
            "p",
            button("record", "Record", "Space", disabled=True),
            button("listen", "Listen", "L", hidden=True),
            button("submit", "Submit", "Enter", hidden=True),
            button("skip", "Skip", "S", disabled=True),
            class_="buttons",
        ),
        tag("audio", id="sound", controls=True, hidden=True),
        status(),
        class_="card",
    )


def _questions() -> Html:
    asked = [tag("li", tag("b", head), " ", tag("span", question)) for head, question in QUESTIONS]
    return tag("section", tag("h2", "What to talk about"), tag("ol", asked, class_="questions"), class_="card")
