"""A page of the server: as pixmo/page writes it, with style and script as files of its own, since the policy allows no others."""

from __future__ import annotations

from starlette.responses import HTMLResponse

from pixmo.page.html import Child, tag


def document(
    title: str, *body: Child, up: str = "./", script: str | None = None, refresh: str | None = None, status: int = 200
) -> HTMLResponse:
    """An answer that is a whole document.

    `up` leads from the page's address to the root; `script` is the name of a static file; `refresh` is seconds, or seconds and an
    address, as in the meta element of that name.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="refresh", content=refresh) if refresh else None,
        tag("title", title),
        tag("link", rel="stylesheet", href=f"{up}static/style.css"),
        tag("script", src=f"{up}static/{script}", defer=True) if script else None,
    )
    whole = tag("html", head, tag("body", *body), lang="en")
    return HTMLResponse(f"<!doctype html>\n{whole}\n", status)
