"""The pages on which people ask and answer, and the owner looks at it."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import Response

from pixmo.annotate.answers import Submission
from pixmo.annotate.drafts import Draft
from pixmo.annotate.folder import QA
from pixmo.annotate.pages import SCRIPT, UP, button, data, many, skip_dialog, status
from pixmo.annotate.pages_review import review_buttons
from pixmo.annotate.people import Person
from pixmo.page.html import Html, foreign, tag
from pixmo.web.document import document


class Asked(NamedTuple):
    """A task as it is shown. `given` is the question where it is no choice; `draft` the one that waits for a verdict."""

    picture: int
    given: str
    question: str
    answer: str
    draft: Draft | None
    can_ask: bool
    note: str


def qa_page(person: Person, asked: Asked, done: int) -> Response:
    """A picture, a question, an answer."""
    told = "Judge the answer, or write a better one." if asked.given else "Ask something whose answer can be seen."
    side = tag(
        "section",
        tag("h1", "Answer the question" if asked.given else "Ask about this picture"),
        tag("p", f"{told} {many(done, 'task')} done.", class_="soft"),
        tag("p", tag("b", "Sent back: "), foreign(asked.note, 200), class_="note") if asked.note else None,
        _field("question", "Question", asked.question, 2000, readonly=bool(asked.given)),
        tag("p", button("draft", "Draft an answer", "D", disabled=True), class_="buttons") if asked.can_ask else None,
        _field("answer", "Answer", asked.answer, 20_000),
        tag("p", id="origin", class_="soft"),
        tag(
            "p",
            button("submit", "Submit", "Ctrl Enter", disabled=True),
            button("reject", "Reject the draft", "R", hidden=True),
            button("skip", "Skip", "S", disabled=True),
            class_="buttons",
        ),
        status(),
        class_="card",
    )
    facts: dict[str, str | int] = {"picture": asked.picture, "given": "yes" if asked.given else ""}
    if asked.draft:
        facts |= {"draft": asked.draft.id, "drafted": asked.draft.text}
    return document(
        "Ask",
        _layout(side),
        skip_dialog(QA),
        _reject_dialog(asked.can_ask),
        data(person, **facts),
        up=UP,
        script=SCRIPT,
    )


def qa_review(owner: Person, found: Submission, name: str, waiting: int) -> Response:
    """Somebody's question and answer, for the owner."""
    value = found.value
    rejected = [
        tag("li", foreign(one["draft"], 2000), tag("p", tag("b", "Rejected: "), foreign(one["reason"], 1000)))
        for one in value["rejected"]
    ]
    source = {"own": "Written by the annotator.", "draft": "A draft, accepted.", "edited": "A draft, edited."}
    side = tag(
        "section",
        tag("h1", "Review"),
        _field("question", "Question", value["question"], 2000),
        _field("answer", "Answer", value["answer"], 20_000),
        tag("p", source[value["source"]], class_="soft"),
        tag("details", tag("summary", f"Rejected drafts: {len(rejected)}"), tag("ul", rejected)) if rejected else None,
        review_buttons(owner, found.id, name, waiting),
        status(),
        class_="card",
    )
    return document("Review", _layout(side), data(owner, picture=found.picture, answer=found.id), up=UP, script=SCRIPT)


def _layout(side: Html) -> Html:
    picture = tag("figure", tag("img", id="picture", alt="The picture to ask about"))
    return tag("main", picture, tag("div", side, class_="side"), class_="task qa")


def _field(name: str, told: str, text: str, most: int, readonly: bool = False) -> Html:
    # the first line break of a textarea is not part of its text
    field = tag("textarea", f"\n{text}", id=name, class_="line", maxlength=most, readonly=readonly, dir="auto")
    return tag("label", tag("b", told), field)


def _reject_dialog(can_ask: bool) -> Html:
    then = "The model answers again, with your reason." if can_ask else "The draft is taken away."
    return tag(
        "dialog",
        tag("h2", "What is wrong with the draft?"),
        tag("p", then, class_="soft"),
        tag("label", "Reason ", tag("textarea", id="reason", class_="line", maxlength=1000, dir="auto")),
        tag("p", button("reject-it", "Reject it", "Ctrl Enter"), button("keep-draft", "Back", "Esc"), class_="buttons"),
        id="reject-dialog",
    )
