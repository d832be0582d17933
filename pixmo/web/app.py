"""The application of a server of ours: routes behind the guard, static files by a fixed table, refusals as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from pixmo.page.style import STYLE
from pixmo.web.guard import Guard
from pixmo.web.refused import Refused
from pixmo.web.site import Site

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def application(routes: Sequence[BaseRoute], site: Site, scripts: Mapping[str, bytes], style: str = "") -> ASGIApp:
    """What `serve` serves. `scripts` are static files by name; `style` is added to the style sheet of all pages."""
    files = {"style.css": (STYLE + style).encode(), **scripts}

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:
            raise Refused(404, "no such page")
        return Response(files[name], media_type=TYPES[name.rpartition(".")[2]], headers={"cache-control": "no-cache"})

    app = Starlette(
        routes=[*routes, Route("/static/{name}", static)],
        exception_handlers={Refused: _refused, HTTPException: _not_found},
    )
    return Guard(app, site)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"error": error.why, **error.facts}, error.status)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)
