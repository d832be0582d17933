"""What stands before every page: who may speak to this server at all, and what a browser may do with its answers.

A foreign page can make a browser send requests here. It is kept out thrice: its name for this machine is not ours (`Host`, against
rebinding of names), its `Origin` is not ours, and it cannot set the header `X-Pixmo` without asking first, which is refused.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixmo.web.site import Site

OURS = "x-pixmo"  # the header that our script sets
_READING = frozenset({"GET", "HEAD"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Wraps an application: strangers are refused, every answer carries the policy."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = refusal_of(scope["method"], Headers(scope=scope), self._site)
        answer = self._app if refusal is None else JSONResponse({"error": refusal[1]}, refusal[0])
        await answer(scope, receive, send_guarded)


def refusal_of(method: str, headers: Headers, site: Site) -> tuple[int, str] | None:
    """Status and reason when a request does not come from our own pages; None when it does."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or hosts[0].lower() not in site.hosts:
        return 421, "this server has another name; use the link you were given"
    if method in _READING:
        return None
    if headers.get("origin", "").lower() not in site.origins or OURS not in headers:
        return 403, "only this site's own pages may send something here"
    return None
