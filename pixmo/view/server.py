"""The viewer's server: every page and picture of a set, behind the guard."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from secrets import randbelow
from tempfile import TemporaryDirectory
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pixmo.errors import PixmoError
from pixmo.page.html import foreign, tag
from pixmo.records.places import Orientation
from pixmo.view.document import SCRIPT, View, asked, link, page_of
from pixmo.view.flags import LONGEST_NOTE, Flags, export_flags
from pixmo.view.index import Index
from pixmo.view.index_cache import cache_folder
from pixmo.view.marks import PALETTE
from pixmo.view.masks import mask_png
from pixmo.view.pages_grid import grid_page, waiting_page
from pixmo.view.pages_more import more_pages
from pixmo.view.pages_row import row_page
from pixmo.view.pages_statistics import statistics_page
from pixmo.view.sounds import sound_of
from pixmo.view.source import DataSet, Unread
from pixmo.view.thumbs import Pictures, Served
from pixmo.web.app import application
from pixmo.web.body import read_json
from pixmo.web.refused import Refused
from pixmo.web.site import Site

KEPT = {"cache-control": "private, max-age=3600"}  # addresses of pictures name the set's digest
ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#0b7a6f"/><circle cx="8" cy="8" r="3" fill="#fff"/></svg>'

Page = Callable[[Request, View], Response]


def app_of(
    data: DataSet, site: Site, cache: Path | None = None, against: DataSet | None = None, probe: Path | None = None
) -> ASGIApp:
    """The application that shows a set. `cache` is where what is computed of it is kept; `against` and `probe` as View has them."""
    return application(routes_of(view_of(data, cache or cache_folder(), against, probe)), site, *_files())


def view_of(data: DataSet, cache: Path, against: DataSet | None = None, probe: Path | None = None) -> View:
    """What the pages are made of; nothing is read yet."""
    flags = Flags(data, cache)
    return View(data, Index(data, cache, flags), Pictures(data), flags, against, probe)


def routes_of(view: View) -> list[Route]:
    """Every address of the viewer."""
    pages: list[tuple[str, Page]] = [
        ("/", _rows), ("/filters", _filters), ("/random", _random), ("/statistics", _statistics), ("/flags.parquet", _flags), ("/go", _go), ("/row/{number:int}.json", _plain), ("/row/{number:int}", _row),
        ("/thumb/{number:int}/{picture:int}", _thumb), ("/picture/{number:int}/{picture:int}", _picture),
        ("/mask/{number:int}/{record:int}/{colour:int}", _mask), ("/sound/{number:int}/{sound:int}", _sound),
        *more_pages(view), ("/row/{rest:path}", _nowhere),
    ]  # fmt: skip
    return [
        *(Route(path, _handler(page, view)) for path, page in pages),
        Route("/flag", _flagging(view), methods=["POST"]),
        Route("/favicon.ico", _icon),
        Route("/{name}", _handler(_nowhere, view)),
    ]


def _handler(page: Page, view: View) -> Callable[[Request], Any]:  # Any: a coroutine
    async def handle(request: Request) -> Response:
        return await run_in_threadpool(_answer, page, request, view)

    return handle


def _answer(page: Page, request: Request, view: View) -> Response:
    """The page, or in one line why there is none."""
    try:
        return page(request, view)
    except (PixmoError, Refused) as error:
        why, status = (error.why, error.status) if isinstance(error, Refused) else (str(error), 400)
        up = "./" + "../" * (request.url.path.count("/") - 1)
        told = tag("p", foreign(why, 500))
        return page_of(
            view,
            "Not shown",
            tag("h1", "This cannot be shown"),
            told,
            tag("p", tag("a", "All rows", href=up)),
            up=up,
            status=status,
        )


def _rows(request: Request, view: View) -> Response:
    return grid_page(view, asked(request.query_params), _number(request.query_params.get("page", "1"), 1))


def _filters(request: Request, view: View) -> Response:
    """Reads the set for its filters, then goes back to the rows."""
    query = asked(request.query_params)
    if view.index.state.name != "ready":
        return waiting_page(view, query, "./filters")
    return RedirectResponse(link("./", query) + "#search", 303)


def _statistics(request: Request, view: View) -> Response:
    return statistics_page(view)


def _random(request: Request, view: View) -> Response:
    return RedirectResponse(link("./", replace(asked(request.query_params), seed=randbelow(1_000_000))), 303)


def _go(request: Request, view: View) -> Response:
    return RedirectResponse(f"./row/{_in_set(_number(request.query_params.get('number', ''), 0), view)}", 303)


def _row(request: Request, view: View) -> Response:
    number = _in_set(request.path_params["number"], view)
    query = asked(request.query_params)
    if query.needs_index and view.index.state.name != "ready":
        view.index.begin()  # the way to the rows beside it appears when it is ready
    return row_page(view, query, number)


def _plain(request: Request, view: View) -> Response:
    """All columns of a row as JSON; lists as long as pages show them."""
    number = _in_set(request.path_params["number"], view)
    (row,) = view.data.read([number])
    if isinstance(row, Unread):
        raise Refused(404, row.why)
    told = {"number": number, "id": row.id, "split": row.split, "columns": dict(row.columns)}
    return Response(
        json.dumps(told, ensure_ascii=False, default=str).encode(errors="backslashreplace"),
        media_type="application/json",
    )


def _thumb(request: Request, view: View) -> Response:
    return _served(view.pictures.thumb(_in_set(request.path_params["number"], view), request.path_params["picture"]))


def _picture(request: Request, view: View) -> Response:
    return _served(view.pictures.large(_in_set(request.path_params["number"], view), request.path_params["picture"]))


def _served(picture: Served) -> Response:
    return Response(picture.data, media_type=picture.kind, headers=KEPT)


def _mask(request: Request, view: View) -> Response:
    """The masks of a record of a row, in the colour of its expression."""
    number, record = _in_set(request.path_params["number"], view), request.path_params["record"]
    (row,) = view.data.read([number])
    records = () if isinstance(row, Unread) else row.records
    found = records[record] if record < len(records) else None
    turn = 1
    if getattr(found, "orientation", None) is Orientation.STORED and (frame := view.pictures.frame(number)):
        turn = frame.exif
    drawn = mask_png(getattr(found, "masks", None) or (), PALETTE[request.path_params["colour"] % len(PALETTE)], turn)
    if drawn is None:
        raise Refused(404, "no mask that can be drawn")
    return Response(drawn, media_type="image/png", headers=KEPT)


def _sound(request: Request, view: View) -> Response:
    """A recording of a row, also in parts, as players ask for it."""
    (row,) = view.data.read([_in_set(request.path_params["number"], view)])
    digests = [] if isinstance(row, Unread) else row.columns.get("recording_sha256") or []
    at = request.path_params["sound"]
    found = sound_of(view.data.folder, str(digests[at])) if at < len(digests) else None
    if found is None:
        raise Refused(404, "no such recording")
    return FileResponse(found.path, media_type=found.kind, headers=KEPT)


def _flags(request: Request, view: View) -> Response:
    """The marked rows, as `mark_flagged` reads them."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "flags.parquet"
        export_flags(view.data, file, view.index.path.parent)
        return Response(
            file.read_bytes(),
            media_type="application/vnd.apache.parquet",
            headers={"content-disposition": "attachment"},
        )


def _flagging(view: View) -> Callable[[Request], Any]:  # Any: a coroutine
    async def flag(request: Request) -> Response:
        """Marks a row, or takes the mark away."""
        told = await read_json(request)
        number, row_id, is_flagged, note = (told.get(name) for name in ("number", "id", "flagged", "note"))
        if (
            not isinstance(number, int)
            or not isinstance(is_flagged, bool)
            or not isinstance(note, str)
            or len(note) > LONGEST_NOTE
        ):
            raise Refused(400, "should be number, id, flagged, and a note of at most 2,000 characters")
        if not 0 <= number < len(view.data.rows):
            raise Refused(404, "no such row")
        (row,) = await run_in_threadpool(view.data.read, [number])
        if isinstance(row, Unread) or row.id != row_id:
            raise Refused(409, "the set has changed; load the page again")
        try:
            kept = await run_in_threadpool(view.flags.set, row.id, is_flagged, note)
        except PixmoError as error:
            raise Refused(507, str(error)) from error
        return JSONResponse({"flagged": kept.is_flagged, "note": kept.note})

    return flag


def _nowhere(request: Request, view: View) -> Response:
    raise Refused(404, "there is no such page")


async def _icon(request: Request) -> Response:
    """Asked for by every browser."""
    return Response(ICON, media_type="image/svg+xml", headers=KEPT)


def _number(text: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16) or int(text) < least:
        raise Refused(400, f"{text[:40]!r} is no number from {least}")
    return int(text)


def _in_set(number: int, view: View) -> int:
    if not 0 <= number < len(view.data.rows):
        last = len(view.data.rows) - 1
        told = f"rows are numbered 0 to {last}" if last >= 0 else "the set has no rows"
        raise Refused(404, f"there is no row {number}; {told}")
    return number


def _files() -> tuple[dict[str, bytes], str]:
    here = files("pixmo.view")
    return {SCRIPT: here.joinpath(SCRIPT).read_bytes()}, here.joinpath("view.css").read_text() + _colours()


def _colours() -> str:
    """The classes of expressions' colours."""
    return "\n".join(f".c{n}{{--mine:{colour}}}" for n, colour in enumerate(PALETTE)) + "\n"
