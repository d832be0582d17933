"""The application: people ask about pictures, judge a draft of a model or write the answer themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixmo.annotate.answering import Answering, read_object
from pixmo.annotate.answers import Submission
from pixmo.annotate.collecting import number_of, text_of
from pixmo.annotate.drafts import Draft, Drafts
from pixmo.annotate.folder import QA
from pixmo.annotate.pages_points import review_link
from pixmo.annotate.pages_qa import Asked, qa_page, qa_review
from pixmo.annotate.people import Person
from pixmo.annotate.picture_facts import facts_of
from pixmo.annotate.progress import progress_page
from pixmo.annotate.tasks import Task
from pixmo.ids import digest
from pixmo.page.html import tag
from pixmo.web.refused import Refused

MAX_QUESTION = 2000
MAX_ANSWER = 20_000
MAX_REASON = 1000
MAX_DRAFTS = 20  # for one picture and person: a model costs


@dataclass(frozen=True)
class Asking(Answering):
    """See the module."""

    kind = QA
    scripts = ("shared.js", "answers.js", "qa.js")

    drafts: Drafts

    def own_routes(self) -> list[Route]:
        """Those of submissions, and drafts."""
        return [*super().own_routes(), Route("/p/{person}/drafts/{token}", self.draft, methods=["POST"])]

    def task_page(self, person: Person, picture: int, done: int) -> Response:
        """A picture, a question, an answer; with the draft that waits, or what was sent back."""
        task = self.tasks.task(picture)
        assert task is not None  # it was given out just now
        if task.known is not None:
            self._known_draft(task, picture, person.id)
        before = self.answers.sent_back(person.id, picture)
        given = self.drafts.of(person.id, picture)
        waiting = given[-1] if given and not given[-1].reason else None
        asked = Asked(
            picture, task.label,
            before.value["question"] if before else waiting.question if waiting else task.label,
            before.value["answer"] if before else waiting.text if waiting else "",
            waiting, self.drafts.can_ask and bool(task.told), self.tasks.note_of(picture, person.id),
        )  # fmt: skip
        return qa_page(person, asked, done)

    def review_page(self, owner: Person, found: Submission, name: str, waiting: int) -> Response:
        """A question, its answer, what was rejected before."""
        return qa_review(owner, found, name, waiting)

    async def draft(self, request: Request) -> Response:
        """A draft for a question; with `rejected` and `reason`, another one, once those are kept."""
        person = await self.agreed(request)
        told = await read_object(request)
        picture, token = number_of(told.get("picture")), request.path_params["token"]
        question = text_of(told.get("question"), MAX_QUESTION, "a question")
        before = await self.kept(self._before, person.id, picture, token, question, told)
        if isinstance(before, dict):
            return JSONResponse(before)
        text, key = await self.drafts.ask(
            before.told, question, await run_in_threadpool(self._rejected, person.id, picture, question)
        )
        made = await self.kept(self.drafts.put, person.id, picture, token, question, text, key)
        return JSONResponse({"draft": made.id, "text": made.text})

    def _before(
        self, person: str, picture: int, token: str, question: str, told: dict[str, Any]
    ) -> Task | dict[str, Any]:
        """The task to be asked about, or an answer that needs no model. Refused with 409 when it is not open to them."""
        task, found = self.tasks.task(picture), self.drafts.known(person, picture, token)
        if found is not None:
            return {"draft": found.id, "text": found.text}
        self.answers.must_be_open(person, picture)
        assert task is not None  # it is open
        if told.get("rejected") is not None:
            reason = text_of(told.get("reason"), MAX_REASON, "a reason")
            if not reason:
                raise Refused(400, "say what is wrong with the draft")
            self.drafts.reject(person, picture, number_of(told["rejected"]), reason)
            if task.known is not None:  # a verdict is all that was asked
                self.answers.give(person, token, picture, self.version, lambda: {"verdict": "reject"})
                return {"done": 1} | self.feedback_of(task, {"verdict": "reject"})
        if not question or (task.label and question != task.label):
            raise Refused(400, "write the question first")
        if not task.told:
            raise Refused(503, "nothing is told about this picture that a model could read; please write the answer")
        if len(self.drafts.of(person, picture)) >= MAX_DRAFTS:
            raise Refused(503, f"there were {MAX_DRAFTS} drafts already; please write the answer")
        return task

    def _rejected(self, person: str, picture: int, question: str) -> list[Draft]:
        return [one for one in self.drafts.of(person, picture) if one.reason and one.question == question]

    def _known_draft(self, task: Task, picture: int, person: str) -> None:
        token = str(digest(f"gold {picture} {person}".encode()))[:32]
        self.drafts.put(person, picture, token, task.label, self.known_of(task)["draft"], "")

    def value_of(self, task: Task, picture: int, person: str, told: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        """Question and answer, where the answer is from, and what was rejected on the way."""
        question, answer = _written(told, task.label)
        if task.known is not None:
            return {"verdict": "accept" if answer == self.known_of(task)["draft"].strip() else "reject"}
        given = self.drafts.of(person, picture)
        used = next((one for one in given if one.id == told.get("draft") and not one.reason), None)
        source = "own" if used is None else "draft" if answer == used.text.strip() else "edited"
        return {
            "question": question, "answer": answer, "source": source, "model": used.model if used else None,
            "rejected": [{"draft": one.text, "reason": one.reason} for one in given if one.reason],
            "sha256": facts_of(self.images, task.file).sha256,
        }  # fmt: skip

    def corrected(self, task: Task, value: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        """The owner's question, also where the list asked it, and answer; with the rest as it was."""
        question, answer = _written(told)
        return value | {"question": question, "answer": answer}

    def score(self, known: Any, value: dict[str, Any]) -> float:  # Any: JSON
        """Whether the verdict on the draft was right."""
        return float((value["verdict"] == "accept") == known["right"])

    def progress_page(self) -> Response:
        """Tasks, people, what drafts cost."""
        given, waiting = self.answers.count()
        drafts, rejected = self.store.one("SELECT count(*), count(reason) FROM drafts WHERE key != ''") or (0, 0)
        (usd,) = self.store.one("SELECT coalesce(sum(usd), 0) FROM chats") or (0,)
        tiles = [("drafts", f"{drafts:,}"), ("rejected", f"{rejected:,}"), ("drafts cost", f"{usd:,.2f} USD")]
        no_agreement = (
            "Agreement is not computed: people ask different questions. Look at submissions, or mix in gold tasks."
        )
        section = tag("section", tag("h2", "Review"), review_link(waiting), tag("p", no_agreement, class_="soft"))
        return progress_page(
            self.store, self.people, self.tasks.per_picture, self.site.origin, title="Questions and answers", tasks="tasks", noun="questions",
            given=given, tiles=tiles if self.drafts.can_ask or drafts else (), sections=[section],
            scores=self.scores() if self.has_gold() else None,
        )  # fmt: skip


def _written(told: dict[str, Any], given: str = "") -> tuple[str, str]:  # Any: JSON
    question = given or text_of(told.get("question"), MAX_QUESTION, "a question")
    answer = text_of(told.get("answer"), MAX_ANSWER, "an answer")
    if not question or not answer:
        raise Refused(400, "write the question and the answer")
    return question, answer
