"""Links that nobody can guess: a key opens one room of the site, at its first use it moves from the address into a cookie."""

from __future__ import annotations

import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response

_COOKIE = "pixmo"
_BYTES = 32
_YEAR_S = 365 * 24 * 3600


def new_key() -> str:
    """256 random bits, fit for an address."""
    return secrets.token_urlsafe(_BYTES)


def same(given: str, key: str) -> bool:
    """Whether two keys are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode(errors="replace"), key.encode())


def hand_over(response: Response, key: str, path: str, is_secure: bool) -> None:
    """Puts a key into a cookie for `path` alone, that no script reads and no other site's page can send."""
    response.set_cookie(_COOKIE, key, max_age=_YEAR_S, path=path, secure=is_secure, httponly=True, samesite="strict")


def key_of(request: Request) -> str:
    """The key a browser brings; empty when it has none."""
    return request.cookies.get(_COOKIE, "")
