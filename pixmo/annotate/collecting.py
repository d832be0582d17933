"""What the servers of all kinds share: links, consent, the next task, skips, pictures, the owner's page; and who may ask for them."""

from __future__ import annotations

import logging
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pixmo.annotate.manifest import publish_skips
from pixmo.annotate.pages import consent_page, entrance, finished_page, full_page, stranger
from pixmo.annotate.people import People, Person
from pixmo.annotate.pictures import shown
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import REASONS_OF, Tasks
from pixmo.errors import PixmoError
from pixmo.web.app import application
from pixmo.web.body import read_json
from pixmo.web.keys import hand_over, key_of
from pixmo.web.refused import Refused
from pixmo.web.site import Site

MAX_NOTE = 200
_log = logging.getLogger(__name__)
_NUMBER = re.compile(r"[0-9]{1,15}")
T = TypeVar("T")


@dataclass(frozen=True)
class Collecting(ABC):
    """All that the pages need: where things lie, who takes part, what they do, the consent text in force."""

    kind: ClassVar[str]
    verb: ClassVar[str]  # what was done: described …
    noun: ClassVar[str]  # … pictures
    scripts: ClassVar[tuple[str, ...]]  # one file to the browser

    out: Path
    images: Path
    store: Store
    people: People
    tasks: Tasks
    consent: str
    version: str
    site: Site

    @abstractmethod
    def own_routes(self) -> list[Route]:
        """Those of this kind alone."""

    @abstractmethod
    def task_page(self, person: Person, picture: int, done: int) -> Response:
        """The page on which somebody does a task."""

    @abstractmethod
    def progress_page(self) -> Response:
        """What the owner sees."""

    def app(self) -> ASGIApp:
        """What is served."""
        routes = [
            Route("/enter/{key}", self.enter),
            Route("/o/{person}/", self.progress),
            Route("/p/{person}/", self.next),
            Route("/p/{person}/consent", self.agree, methods=["POST"]),
            Route("/p/{person}/skip", self.skip, methods=["POST"]),
            Route("/p/{person}/pictures/{picture}", self.picture),
            Route("/favicon.ico", no_icon),
            *self.own_routes(),
        ]
        here = files("pixmo.annotate")
        script = b"".join(here.joinpath(name).read_bytes() for name in self.scripts)
        return application(routes, self.site, {"annotate.js": script}, here.joinpath("annotate.css").read_text())

    async def enter(self, request: Request) -> Response:
        """The link somebody was sent."""
        key = request.path_params["key"]
        person = await run_in_threadpool(self.people.known_by, key)
        if person is None:
            return stranger()
        path = f"/{'o' if person.role == 'owner' else 'p'}/{person.id}/"
        response = entrance(path)
        hand_over(response, key, path, self.site.is_secure)
        return response

    async def progress(self, request: Request) -> Response:
        """The owner's page."""
        if await self.who(request, "owner") is None:
            return stranger()
        return await run_in_threadpool(self.progress_page)

    async def next(self, request: Request) -> Response:
        """What an annotator should do now."""
        person = await self.who(request, "annotator")
        if person is None:
            return stranger()
        try:
            return await self.kept(self._next, person)
        except Refused:
            return full_page()

    def _next(self, person: Person) -> Response:
        if not self.people.has_agreed(person.id, self.version):
            return consent_page(person, self.version, self.consent)
        done = self.tasks.done_by(person.id)
        picture = self.tasks.next_for(person.id)
        return (
            finished_page(person, done, self.verb, self.noun)
            if picture is None
            else self.task_page(person, picture, done)
        )

    async def agree(self, request: Request) -> Response:
        """Consent to the text in force, and to no other."""
        person = await self.annotator(request)
        if (await read_json(request)).get("version") != self.version:
            raise Refused(409, "the text has changed; please read it again")
        await self.kept(self.people.agree, person.id, self.version)
        return JSONResponse({})

    async def skip(self, request: Request) -> Response:
        """A picture that somebody leaves out, with the reason."""
        person = await self.annotator(request)
        told = await read_json(request)
        reason, note = told.get("reason"), told.get("note", "")
        if not isinstance(reason, str) or reason not in REASONS_OF[self.kind]:
            raise Refused(400, "no reason of the list, or too long a note")
        picture, note = number_of(told.get("picture")), text_of(note, MAX_NOTE, "a note")
        if not await self.kept(self.tasks.skip, picture, person.id, reason, note):
            raise Refused(409, "this picture is not open to you")
        await self.kept(publish_skips, self.out, self.images, self.store)
        return JSONResponse({})

    async def picture(self, request: Request) -> Response:
        """The bytes of a picture that was given to this annotator."""
        person = await self.annotator(request)
        file = await run_in_threadpool(self.tasks.file_of, number_of(request.path_params["picture"]), person.id)
        return await self.bytes_of(file)

    async def bytes_of(self, file: str | None) -> Response:
        """A picture, by its own type. Refused with 404 when it is none."""
        found = None if file is None else await run_in_threadpool(shown, self.images, file)
        if found is None:
            raise Refused(404, "no such picture")
        return Response(found[0], media_type=found[1], headers={"cache-control": "private, max-age=3600"})

    async def who(self, request: Request, role: str) -> Person | None:
        """Whose room it is, when they brought its key."""
        person = await run_in_threadpool(self.people.with_key, request.path_params["person"], key_of(request))
        return person if person is not None and person.role == role else None

    async def annotator(self, request: Request, role: str = "annotator") -> Person:
        """Whose room it is. Refused with 403 without its key."""
        person = await self.who(request, role)
        if person is None:
            raise Refused(403, "please open your link again")
        return person

    async def agreed(self, request: Request) -> Person:
        """Likewise, and they agreed to the text in force."""
        person = await self.annotator(request)
        if not await run_in_threadpool(self.people.has_agreed, person.id, self.version):
            raise Refused(403, "please read and agree to the text first", consent=self.version)
        return person

    async def kept(self, work: Callable[..., T], *values: object) -> T:
        """Work on files. A disk that is full is told to the browser, which keeps what it has and tries again."""
        try:
            return await run_in_threadpool(work, *values)
        except (PixmoError, OSError, sqlite3.OperationalError) as error:
            _log.warning("something could not be stored: %s", error)
            raise Refused(507, "the server cannot store it now; it is kept here and sent later") from error


async def no_icon(request: Request) -> Response:
    """Browsers ask for one by themselves, and complain of a 404."""
    return Response(status_code=204)


def number_of(value: object) -> int:
    """A number that a browser sent."""
    if isinstance(value, bool) or not _NUMBER.fullmatch(str(value)):
        raise Refused(400, "no number")
    return int(str(value))


def text_of(value: object, max_chars: int, what: str) -> str:
    """A text that a browser sent, without white space around it, half characters made question marks."""
    if not isinstance(value, str) or len(value) > max_chars:
        raise Refused(400, f"{what} should be a text of at most {max_chars:,} characters")
    return value.strip().encode(errors="replace").decode()
