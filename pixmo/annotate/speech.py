"""The application: people describe pictures aloud."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pixmo.annotate.manifest import publish_skips
from pixmo.annotate.pages import Target, consent_page, entrance, finished_page, stranger, task_page
from pixmo.annotate.people import People, Person
from pixmo.annotate.pictures import shown
from pixmo.annotate.progress import progress_page
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import REASONS, Tasks
from pixmo.annotate.uploads import MAX_PIECE_BYTES, Uploads
from pixmo.errors import PixmoError
from pixmo.ids import is_digest
from pixmo.web.app import application
from pixmo.web.body import read_body, read_json
from pixmo.web.keys import hand_over, key_of
from pixmo.web.refused import Refused
from pixmo.web.site import Site

MAX_NOTE = 200
_log = logging.getLogger(__name__)
_NUMBER = re.compile(r"[0-9]{1,15}")
T = TypeVar("T")


@dataclass(frozen=True)
class Collecting:
    """All that the pages need: where things lie, who takes part, how long to speak, the consent text in force."""

    out: Path
    images: Path
    store: Store
    people: People
    tasks: Tasks
    uploads: Uploads
    target: Target
    consent: str
    version: str
    site: Site

    def app(self) -> ASGIApp:
        """What is served."""
        here = files("pixmo.annotate")
        routes = [
            Route("/enter/{key}", self.enter),
            Route("/o/{person}/", self.progress),
            Route("/p/{person}/", self.next),
            Route("/p/{person}/consent", self.agree, methods=["POST"]),
            Route("/p/{person}/skip", self.skip, methods=["POST"]),
            Route("/p/{person}/pictures/{picture}", self.picture),
            Route("/p/{person}/uploads/{token}", self.have, methods=["GET"]),
            Route("/p/{person}/uploads/{token}", self.append, methods=["PATCH"]),
            Route("/p/{person}/uploads/{token}", self.finish, methods=["POST"]),
        ]
        script, style = here.joinpath("annotate.js").read_bytes(), here.joinpath("annotate.css").read_text()
        return application(routes, self.site, {"annotate.js": script}, style)

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
        if await self._who(request, "owner") is None:
            return stranger()
        return await run_in_threadpool(progress_page, self.store, self.people, self.tasks.per_picture, self.site.origin)

    async def next(self, request: Request) -> Response:
        """What an annotator should do now."""
        person = await self._who(request, "annotator")
        return stranger() if person is None else await run_in_threadpool(self._next, person)

    def _next(self, person: Person) -> Response:
        if not self.people.has_agreed(person.id, self.version):
            return consent_page(person, self.version, self.consent)
        done = self.tasks.done_by(person.id)
        picture = self.tasks.next_for(person.id)
        return finished_page(person, done) if picture is None else task_page(person, picture, self.target, done)

    async def agree(self, request: Request) -> Response:
        """Consent to the text in force, and to no other."""
        person = await self._annotator(request)
        if (await read_json(request)).get("version") != self.version:
            raise Refused(409, "the text has changed; please read it again")
        await run_in_threadpool(self.people.agree, person.id, self.version)
        return JSONResponse({})

    async def skip(self, request: Request) -> Response:
        """A picture that somebody does not describe, with the reason."""
        person = await self._annotator(request)
        told = await read_json(request)
        reason, note = told.get("reason"), told.get("note", "")
        if not isinstance(reason, str) or reason not in REASONS or not isinstance(note, str) or len(note) > MAX_NOTE:
            raise Refused(400, "no reason of the list, or too long a note")
        picture, note = _picture(told.get("picture")), note.strip().encode(errors="replace").decode()
        if not await run_in_threadpool(self.tasks.skip, picture, person.id, reason, note):
            raise Refused(409, "this picture is not open to you")
        await run_in_threadpool(publish_skips, self.out, self.images, self.store)
        return JSONResponse({})

    async def picture(self, request: Request) -> Response:
        """The bytes of a picture that was given to this annotator."""
        person = await self._annotator(request)
        file = await run_in_threadpool(self.tasks.file_of, _picture(request.path_params["picture"]), person.id)
        found = None if file is None else await run_in_threadpool(shown, self.images, file)
        if found is None:
            raise Refused(404, "no such picture")
        return Response(found[0], media_type=found[1], headers={"cache-control": "private, max-age=3600"})

    async def have(self, request: Request) -> Response:
        """How much of a recording is here."""
        person = await self._annotator(request)
        return JSONResponse({"have": await self._kept(self.uploads.have, person.id, request.path_params["token"])})

    async def append(self, request: Request) -> Response:
        """The next piece of a recording."""
        person = await self._agreed(request)
        picture, offset = _picture(request.query_params.get("picture")), _picture(request.query_params.get("offset"))
        piece = await read_body(request, MAX_PIECE_BYTES)
        have = await self._kept(self.uploads.append, person.id, request.path_params["token"], picture, offset, piece)
        return JSONResponse({"have": have})

    async def finish(self, request: Request) -> Response:
        """The end of a recording: all of it is here, and it is what was recorded."""
        person = await self._agreed(request)
        told = await read_json(request)
        sha256 = told.get("sha256")
        if not isinstance(sha256, str) or not is_digest(sha256):
            raise Refused(400, "no sha256")
        token, picture = request.path_params["token"], _picture(told.get("picture"))
        await self._kept(self.uploads.finish, person.id, token, picture, sha256, self.version)
        return JSONResponse({})

    async def _who(self, request: Request, role: str) -> Person | None:
        person = await run_in_threadpool(self.people.with_key, request.path_params["person"], key_of(request))
        return person if person is not None and person.role == role else None

    async def _annotator(self, request: Request) -> Person:
        person = await self._who(request, "annotator")
        if person is None:
            raise Refused(403, "please open your link again")
        return person

    async def _agreed(self, request: Request) -> Person:
        person = await self._annotator(request)
        if not await run_in_threadpool(self.people.has_agreed, person.id, self.version):
            raise Refused(403, "please read and agree to the text first", consent=self.version)
        return person

    async def _kept(self, work: Callable[..., T], *values: object) -> T:
        """Work on files. A disk that is full is told to the browser, which keeps the recording and tries again."""
        try:
            return await run_in_threadpool(work, *values)
        except (PixmoError, OSError, sqlite3.OperationalError) as error:
            _log.warning("a recording could not be stored: %s", error)
            raise Refused(507, "the server cannot store it now; it is kept here and sent later") from error


def _picture(value: object) -> int:
    """A number that a browser sent."""
    if isinstance(value, bool) or not _NUMBER.fullmatch(str(value)):
        raise Refused(400, "no number")
    return int(str(value))
