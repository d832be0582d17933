"""What points and questions share: submissions, their review by the owner, gold tasks, and the lists that are written."""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixmo.annotate.answers import Answers, Submission
from pixmo.annotate.collecting import MAX_NOTE, Collecting, number_of, text_of
from pixmo.annotate.pages import stranger
from pixmo.annotate.pages_review import nothing_page
from pixmo.annotate.people import Person
from pixmo.annotate.picture_facts import facts_of
from pixmo.annotate.tasks import Task
from pixmo.errors import BadSource
from pixmo.web.body import read_body
from pixmo.web.refused import Refused

MAX_SUBMISSION_BYTES = 400_000
VERDICTS = ("accept", "correct", "back")


@dataclass(frozen=True)
class Answering(Collecting):
    """Submissions that come in; with `feedback`, people are told how they did on a gold task."""

    verb = "did"
    noun = "task"

    answers: Answers
    feedback: bool

    @abstractmethod
    def value_of(self, task: Task, picture: int, person: str, told: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        """What a browser sent as it is stored. Refused with 400 when it is nothing sensible."""

    @abstractmethod
    def corrected(self, task: Task, value: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        """A stored value with what the owner made of it. Refused with 400 when that is nothing sensible."""

    @abstractmethod
    def score(self, known: Any, value: dict[str, Any]) -> float:  # Any: JSON
        """How well somebody did on a gold task, 0 to 1."""

    @abstractmethod
    def review_page(self, owner: Person, found: Submission, name: str, waiting: int) -> Response:
        """What the owner looks at; `name` is whose it is."""

    def own_routes(self) -> list[Route]:
        """Submissions, and their review."""
        return [
            Route("/p/{person}/answers/{token}", self.submit, methods=["POST"]),
            Route("/o/{person}/review", self.review),
            Route("/o/{person}/review/{answer}", self.judge, methods=["POST"]),
            Route("/o/{person}/pictures/{picture}", self.owners_picture),
        ]

    async def submit(self, request: Request) -> Response:
        """A submission. Answers with `feedback` where it was a gold task and people are told."""
        person = await self.agreed(request)
        told = await read_object(request)
        picture, token = number_of(told.get("picture")), request.path_params["token"]
        return JSONResponse(await self.kept(self._submit, person.id, picture, token, told))

    def _submit(self, person: str, picture: int, token: str, told: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks.task(picture)
        if task is None:
            raise Refused(404, "no such picture")
        self._must_be_there(task)
        value = self.answers.give(
            person, token, picture, self.version, lambda: self.value_of(task, picture, person, told)
        )
        return self.feedback_of(task, value)

    def _must_be_there(self, task: Task) -> None:
        """Decodes the picture before the database is held; it is kept for what follows. Refused with 422 when it is gone."""
        try:
            facts_of(self.images, task.file)
        except BadSource as error:
            raise Refused(422, "the server cannot read this picture now; submit again later, or skip it") from error

    def feedback_of(self, task: Task, value: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        """What somebody is told of a submission: how they did, of a gold task, where that is wished."""
        if not self.feedback or task.known is None:
            return {}
        return {"feedback": f"This one was known: you scored {self.score(self.known_of(task), value):.0%}."}

    def known_of(self, task: Task) -> Any:  # Any: JSON
        """The answer of a gold task."""
        assert task.known is not None
        return json.loads(task.known)

    async def review(self, request: Request) -> Response:
        """The owner looks at what waits, the oldest first."""
        owner = await self.who(request, "owner")
        if owner is None:
            return stranger()
        after = request.query_params.get("after")
        return await run_in_threadpool(self._review, owner, number_of(after) if after else 0)

    def _review(self, owner: Person, after: int) -> Response:
        found = self.answers.to_review(after)
        if found is None:
            return nothing_page(owner)
        name = next((p.name for p in self.people.annotators() if p.id == found.person), found.person)
        return self.review_page(owner, found, name, self.answers.count()[1])

    async def judge(self, request: Request) -> Response:
        """The owner accepts, corrects, or sends back with a note."""
        owner = await self.annotator(request, "owner")
        told = await read_object(request)
        verdict, note = told.get("verdict"), text_of(told.get("note", ""), MAX_NOTE, "a note")
        if verdict not in VERDICTS or (verdict == "back" and not note):
            raise Refused(400, "say what should be done better" if verdict == "back" else "no verdict")
        await self.kept(self._judge, owner, number_of(request.path_params["answer"]), str(verdict), note, told)
        return JSONResponse({})

    def _judge(self, owner: Person, number: int, verdict: str, note: str, told: dict[str, Any]) -> None:
        found = self.answers.numbered(number)
        if found is None:
            raise Refused(404, "no such submission")
        task = self.tasks.task(found.picture)
        assert task is not None  # a submission has one
        corrected = None
        if verdict == "correct":
            self._must_be_there(task)
            corrected = self.corrected(task, found.value, told)
        self.answers.review(number, verdict, note, corrected)

    async def owners_picture(self, request: Request) -> Response:
        """Any picture, for the owner."""
        await self.annotator(request, "owner")
        task = await run_in_threadpool(self.tasks.task, number_of(request.path_params["picture"]))
        return await self.bytes_of(None if task is None else task.file)

    def scores(self) -> dict[str, str]:
        """How people did on gold tasks: the mean, and of how many."""
        of: dict[str, list[float]] = {}
        for one in self.answers.gold():
            of.setdefault(one.person, []).append(self.score(one.known, one.value))
        return {person: f"{sum(all_) / len(all_):.0%} of {len(all_)}" for person, all_ in of.items()}

    def has_gold(self) -> bool:
        """Whether there are gold tasks."""
        return self.store.one("SELECT 1 FROM pictures WHERE known IS NOT NULL LIMIT 1") is not None


async def read_object(request: Request) -> dict[str, Any]:  # Any: JSON
    """A JSON object of a submission's size. Refused with 400 when it is none."""
    try:
        found = json.loads(await read_body(request, MAX_SUBMISSION_BYTES))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "not a JSON object")
    return found
