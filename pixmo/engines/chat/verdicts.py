"""What a failed request means: foreign exceptions become ours here, once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import openai

from pixmo.ask import ChatOutcome
from pixmo.engines.chat.settings import ChatSettings
from pixmo.engines.chat.wire import looks_like_html, one_line
from pixmo.errors import PixmoError


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer, and what may be done about it."""

    outcome: ChatOutcome
    detail: str = ""
    again: bool = False  # it may pass
    charged: bool = False  # it may have been charged all the same
    pressed: bool = False  # the endpoint may be asked too hastily
    retry_after_s: float = 0.0
    ends: str = ""  # no question of this run can be answered: why and what to do


TOO_LATE = Failure(ChatOutcome.TIMEOUT, "no answer in time", again=True, charged=True, pressed=True)


def of_exception(error: Exception, settings: ChatSettings, secret: str = "") -> Failure | None:
    """What an error of the client means; None for one that is no failure of the world. The secret is never told."""
    if isinstance(error, TimeoutError):
        return TOO_LATE
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, settings, secret)
    if isinstance(error, openai.APIConnectionError):  # time-outs included
        cause = error.__cause__
        kind = type(cause).__name__
        unsent = kind in ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError")
        if isinstance(error, openai.APITimeoutError) and not unsent:
            return TOO_LATE
        return Failure(ChatOutcome.CONNECT, one_line(f"{kind}: {cause}"), again=True, charged=not unsent)
    return None


def _of_status(error: openai.APIStatusError, settings: ChatSettings, secret: str) -> Failure:
    status, body = error.status_code, error.response.content
    code = str(error.code or "")
    message = "a web page" if looks_like_html(body) else error.message.removeprefix(f"Error code: {status} - ")
    said = one_line(f"{status}: {message.replace(secret, '[key]') if secret else message}")
    whole = _ends(status, code, said, settings)
    if whole:
        return Failure(ChatOutcome.FORBIDDEN if status in (401, 402) else ChatOutcome.CLIENT_ERROR, said, ends=whole)
    if status == 429 or (status == 503 and "retry-after" in error.response.headers):
        wait = retry_after_s(error.response.headers)
        return Failure(ChatOutcome.THROTTLED, said, again=True, pressed=True, retry_after_s=wait)
    if status == 408:
        return Failure(ChatOutcome.TIMEOUT, said, again=True, charged=True, pressed=True)
    if status >= 500 or status == 409:
        return Failure(ChatOutcome.SERVER_ERROR, said, again=True)
    return Failure(ChatOutcome.FORBIDDEN if status == 403 else ChatOutcome.CLIENT_ERROR, said)


def _ends(status: int, code: str, said: str, settings: ChatSettings) -> str:
    """Why an answer with this status is the same for all questions, with the remedy; '' when it is about one."""
    if status == 401:
        return f"{settings.host} does not accept the key in {settings.key_env} ({said})"
    if status == 402 or code == "insufficient_quota":
        return f"{settings.host} says that no money or quota is left ({said}); top up and run again, answers are kept"
    if code == "model_not_found" or (status == 404 and "model" in said.lower()):
        return f"{settings.host} has no model {settings.model!r} ({said})"
    if status in (404, 405):
        return f"{settings.base_url} is no chat API ({said}); most base URLs end in /v1"
    return ""


def retry_after_s(headers: Mapping[str, str]) -> float:
    """The wait that was asked for in seconds; 0 when none was, or it cannot be read."""
    try:
        if (ms := headers.get("retry-after-ms")) is not None:
            return _wait(float(ms) / 1000)
        told = headers.get("retry-after")
        if told is None:
            return 0.0
        try:
            return _wait(float(told))
        except ValueError:
            return _wait(parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _wait(seconds: float) -> float:
    return seconds if seconds > 0 else 0.0  # neither NaN nor the past


def unreachable(settings: ChatSettings, detail: str) -> PixmoError:
    """Nobody is there at all."""
    return PixmoError(f"{settings.base_url} cannot be reached ({detail}); is the server running, is base_url right?")


def speaks_html(settings: ChatSettings) -> PixmoError:
    """Somebody else is there."""
    return PixmoError(f"{settings.base_url} answers with a web page, it is no chat API; most base URLs end in /v1")
