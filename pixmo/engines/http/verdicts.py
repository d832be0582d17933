"""Statuses and exceptions of HTTP to outcomes: two tables, and the reading of Retry-After."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from pixmo.ask import Outcome
from pixmo.engines.http.guard import Refusal
from pixmo.engines.http.politeness import Signal
from pixmo.engines.http.resolve import NameTrouble, NoSuchHost, RefusedAddress

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FORBIDDEN = frozenset({401, 402, 403, 407, 451})
LONGEST_S = 10.0**9  # a Retry-After of more is as good as this


def of_status(status: int, *, says_when: bool) -> Outcome:
    """The outcome of a final status; 2xx is OK. `says_when`: a Retry-After stood beside it."""
    if 200 <= status < 300:
        return Outcome.OK
    if status == 429 or (status == 503 and says_when):
        return Outcome.THROTTLED
    if status >= 500:
        return Outcome.SERVER_ERROR
    if status >= 400:
        known = {404: Outcome.NOT_FOUND, 410: Outcome.GONE}
        return Outcome.FORBIDDEN if status in _FORBIDDEN else known.get(status, Outcome.CLIENT_ERROR)
    return Outcome.BAD_REDIRECT if status >= 300 else Outcome.RESET


def may_pass(outcome: Outcome, status: int | None) -> bool:
    """Whether another try in this run may go better. Certificates do not heal in minutes, nor does 501."""
    if outcome is Outcome.SERVER_ERROR:
        return status != 501
    return outcome in _PASSING


_PASSING = frozenset({
    Outcome.DNS, Outcome.CONNECT, Outcome.RESET, Outcome.TIMEOUT, Outcome.TOO_SLOW, Outcome.TRUNCATED,
})  # fmt: skip


def signal_of(outcome: Outcome, status: int | None, detail: str) -> Signal:
    """What politeness learns from an attempt's outcome."""
    if outcome is Outcome.THROTTLED:
        return Signal.THROTTLED
    if status is not None:
        bad = status >= 500 or outcome in _PASSING
        return Signal.STRAINED if status == 503 else Signal.FAILED if bad else Signal.FINE
    if outcome is Outcome.NO_SUCH_HOST:
        return Signal.NO_SUCH_HOST
    if outcome is Outcome.TLS:
        return Signal.FAILED
    reached = outcome is Outcome.RESET or (outcome is Outcome.TIMEOUT and detail != "connect")
    return Signal.SILENT if reached else Signal.UNREACHABLE if outcome in _PASSING else Signal.UNASKED


def of_exception(error: BaseException, *, in_body: bool) -> Refusal | None:
    """The outcome of what aiohttp raised; None: not a failure of the world but a bug of ours."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _of_name(error.os_error)
    if isinstance(error, aiohttp.ClientSSLError):
        return Refusal(Outcome.TLS, _one_line(error))
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
        return Refusal(Outcome.CONNECT, _reason(error))
    if isinstance(error, aiohttp.InvalidURL):
        return Refusal(Outcome.BAD_URL, _one_line(error))
    if isinstance(error, aiohttp.ClientError | OSError):
        return Refusal(Outcome.TRUNCATED if in_body else Outcome.RESET, _reason(error))
    return None


def _of_name(error: BaseException) -> Refusal:
    kinds: dict[type[BaseException], Outcome] = {
        NoSuchHost: Outcome.NO_SUCH_HOST,
        RefusedAddress: Outcome.REFUSED_ADDRESS,
        NameTrouble: Outcome.DNS,
    }
    return Refusal(kinds.get(type(error), Outcome.DNS), _one_line(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "closed without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "ended early"
    if isinstance(error, aiohttp.ClientResponseError):
        return "spoke no HTTP"
    strerror = getattr(getattr(error, "os_error", error), "strerror", None)
    return _one_line(strerror or error)


def _one_line(error: object) -> str:
    text = re.sub(r"\s+", " ", str(error)).strip()
    return (text or type(error).__name__)[:200]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds a Retry-After asks for; None where there is none that makes sense, or it is over already.

    A date counts from the response's own Date header where there is one: our wall clock does not matter then.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,400}(?:\.\d{1,20})?", text, re.ASCII):
        return min(float(text), LONGEST_S) or None
    until = _date(text)
    if until is None:
        return None
    since = _date(headers.get("Date", "")) or datetime.now(UTC)
    wait = (until - since).total_seconds()
    return min(wait, LONGEST_S) if wait > 0 else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError, TypeError):  # whatever the parser of the standard library trips over
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
