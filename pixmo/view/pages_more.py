"""The pages about a whole set, and where they are."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from pixmo.view.all_pictures import AllPictures, all_pictures
from pixmo.view.differences import Differences, differences
from pixmo.view.document import View
from pixmo.view.pages_differences import differences_page
from pixmo.view.pages_duplicates import duplicates_page
from pixmo.view.pages_failures import failures_page
from pixmo.view.pages_leaks import leaks_page
from pixmo.view.pages_probe import Probed, folder_of, probe_page, probed
from pixmo.view.thumbs import Pictures, Served
from pixmo.view.work import Work
from pixmo.web.refused import Refused

Page = Callable[[Request, View], Response]
KEPT = {"cache-control": "private, max-age=3600"}


def more_pages(view: View) -> list[tuple[str, Page]]:
    """Address and page of each; what they need is computed when they are first asked for, once for all of them."""
    cache, data, against = view.index.path.parent, view.data, view.against
    mine = Work[AllPictures](lambda on_rows: all_pictures(data, cache, on_rows), len(data.rows))
    theirs = (
        Work[AllPictures](lambda on_rows: all_pictures(against, cache, on_rows), len(against.rows)) if against else None
    )
    old = Pictures(against) if against else None
    compared = (
        Work[Differences](
            lambda on_rows: differences(data, against, cache, on_rows), len(data.rows) + len(against.rows)
        )
        if against
        else None
    )
    folder = view.probe or folder_of(data)
    probe = Work[Probed](lambda on_rows: probed(data, folder, on_rows), len(data.rows)) if folder else None

    def left(request: Request, view: View) -> Response:
        sha256 = request.path_params["sha256"]
        known = mine.begin()
        found = (
            known
            and known.one("SELECT count(*) FROM pictures WHERE sha256 = ?", [sha256])
            and view.left.picture(sha256)
        )
        if not found:
            raise Refused(404, "no such picture")
        return _served(found)

    def old_thumb(request: Request, view: View) -> Response:
        number = request.path_params["number"]
        if old is None or against is None or not 0 <= number < len(against.rows):
            raise Refused(404, "no such row")
        return _served(old.thumb(number, request.path_params["picture"]))

    return [
        ("/duplicates", lambda request, view: duplicates_page(view, mine, request.query_params)),
        ("/leaks", lambda request, view: leaks_page(view, mine, theirs, request.query_params)),
        ("/failures", lambda request, view: failures_page(view, mine, request.query_params)),
        ("/differences", lambda request, view: differences_page(view, compared, request.query_params)),
        ("/probe", lambda request, view: probe_page(view, probe, request.query_params)),
        ("/left/{sha256}", left),
        ("/against/thumb/{number:int}/{picture:int}", old_thumb),
    ]


def _served(picture: Served) -> Response:
    return Response(picture.data, media_type=picture.kind, headers=KEPT)
