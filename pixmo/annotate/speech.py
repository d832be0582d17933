"""The application: people describe pictures aloud."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixmo.annotate.collecting import Collecting, number_of
from pixmo.annotate.folder import SPEECH
from pixmo.annotate.pages_speech import Target, task_page
from pixmo.annotate.people import Person
from pixmo.annotate.progress import progress_page
from pixmo.annotate.uploads import MAX_PIECE_BYTES, Uploads
from pixmo.ids import is_digest
from pixmo.web.body import read_body, read_json
from pixmo.web.refused import Refused


@dataclass(frozen=True)
class Speaking(Collecting):
    """Recordings that come in, and how long they should be."""

    kind = SPEECH
    verb = "described"
    noun = "picture"
    scripts = ("shared.js", "speech.js")

    uploads: Uploads
    target: Target

    def own_routes(self) -> list[Route]:
        """A recording is asked after, sent in pieces, and ended."""
        return [
            Route("/p/{person}/uploads/{token}", self.have, methods=["GET"]),
            Route("/p/{person}/uploads/{token}", self.append, methods=["PATCH"]),
            Route("/p/{person}/uploads/{token}", self.finish, methods=["POST"]),
        ]

    def task_page(self, person: Person, picture: int, done: int) -> Response:
        """A picture, the questions, and the recorder."""
        return task_page(person, picture, self.target, done)

    def progress_page(self) -> Response:
        """Recordings, people, skips."""
        told = "SELECT count(*), coalesce(sum(bytes), 0) FROM uploads WHERE file IS NOT NULL"
        recordings, size = self.store.one(told) or (0, 0)
        return progress_page(
            self.store, self.people, self.tasks.per_picture, self.site.origin, title="Descriptions by voice",
            verb=self.verb, noun="recordings", given=recordings, tiles=[("on disk", f"{size / 1e6:,.1f} MB")],
        )  # fmt: skip

    async def have(self, request: Request) -> Response:
        """How much of a recording is here."""
        person = await self.annotator(request)
        return JSONResponse({"have": await self.kept(self.uploads.have, person.id, request.path_params["token"])})

    async def append(self, request: Request) -> Response:
        """The next piece of a recording."""
        person = await self.agreed(request)
        picture, offset = number_of(request.query_params.get("picture")), number_of(request.query_params.get("offset"))
        piece = await read_body(request, MAX_PIECE_BYTES)
        have = await self.kept(self.uploads.append, person.id, request.path_params["token"], picture, offset, piece)
        return JSONResponse({"have": have})

    async def finish(self, request: Request) -> Response:
        """The end of a recording: all of it is here, and it is what was recorded."""
        person = await self.agreed(request)
        told = await read_json(request)
        sha256 = told.get("sha256")
        if not isinstance(sha256, str) or not is_digest(sha256):
            raise Refused(400, "no sha256")
        token, picture = request.path_params["token"], number_of(told.get("picture"))
        await self.kept(self.uploads.finish, person.id, token, picture, sha256, self.version)
        return JSONResponse({})
