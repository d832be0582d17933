"""What the world is asked and how it answers.

An outcome is how one row's question ended: closed, counted, never prose. It is a fact of the answer (`not_found`),
a verdict of ours (`refused_address`), or a finding about the bytes (`not_an_image`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)


class AnyOutcome(StrEnum):
    """How a question ended; each kind of engine has its own members."""

    @property
    def worth_retrying(self) -> bool:
        """Whether asking again later may give another answer."""
        return is_worth_retrying(self)


class Outcome(AnyOutcome):
    """How a row's picture was obtained, or why it was not. Members are part of the published data: never renamed."""

    OK = "ok"
    # the list
    NO_URL = "no_url"  # the row has no URL
    BAD_URL = "bad_url"  # not an absolute http(s) URL, or longer than 8,192 characters
    # what we refuse to ask or to take
    REFUSED_SCHEME = "refused_scheme"  # file:, data:, s3: and the like, also after a redirect
    REFUSED_ADDRESS = "refused_address"  # a loopback, private, link-local or metadata address
    REFUSED_ROBOTS = "refused_robots"  # robots.txt, with --robots
    OPTED_OUT = "opted_out"  # noai, noimageai or a TDM reservation in the headers
    FORGOTTEN = "forgotten"  # taken down with `pixmo forget`
    # on the way
    DNS = "dns"  # the name does not resolve now
    NO_SUCH_HOST = "no_such_host"  # the name does not exist (NXDOMAIN)
    CONNECT = "connect"  # refused or unreachable
    TLS = "tls"  # certificate or handshake
    RESET = "reset"  # the connection broke before the headers were complete, or spoke no HTTP
    TIMEOUT = "timeout"  # connect, first byte, idle or total; `detail` says which
    TOO_SLOW = "too_slow"  # below the minimum speed
    TRUNCATED = "truncated"  # the body ended before its declared length
    # what the server said
    NOT_FOUND = "not_found"  # 404
    GONE = "gone"  # 410
    FORBIDDEN = "forbidden"  # 401, 402, 403, 407, 451
    THROTTLED = "throttled"  # 429, or 503 with Retry-After, still so after all tries
    CLIENT_ERROR = "client_error"  # any other 4xx
    SERVER_ERROR = "server_error"  # 5xx
    BAD_REDIRECT = "bad_redirect"  # a loop, more than 10 hops, or no usable Location
    # what the body was
    TOO_LARGE = "too_large"  # over max_bytes, declared or measured, also after decoding
    EMPTY = "empty"  # 200 with no bytes
    BAD_ENCODING = "bad_encoding"  # a Content-Encoding that cannot be undone
    NOT_AN_IMAGE = "not_an_image"  # HTML, SVG, text …; `detail` says what it looks like
    BROKEN_IMAGE = "broken_image"  # an image format that does not decode, a cut-off file included
    TOO_MANY_PIXELS = "too_many_pixels"  # over max_pixels: not decoded
    DECODER_CRASHED = "decoder_crashed"  # decoding killed its worker
    DECODER_HUNG = "decoder_hung"  # decoding did not end in time
    WRONG_HASH = "wrong_hash"  # differs from the row's image_sha256, with --hash-policy strict
    # ours
    STORE_FAILED = "store_failed"  # the bytes could not be kept


class SpeechOutcome(AnyOutcome):
    """How listening to a recording ended, or hearing words in it. Part of the published data: never renamed."""

    OK = "ok"
    MISSING = "missing"  # the list names a file that is not there
    EMPTY = "empty"  # no bytes
    TOO_LARGE = "too_large"  # more bytes than are read
    NOT_AUDIO = "not_audio"  # HTML, a picture, text …; `detail` says what it looks like
    BROKEN_AUDIO = "broken_audio"  # an audio format that does not decode
    TOO_LONG = "too_long"  # over the longest duration taken: not decoded further
    CRASHED = "crashed"  # decoding or hearing killed its worker
    HUNG = "hung"  # decoding or hearing did not end in time
    FORGOTTEN = "forgotten"  # taken down with `pixmo forget`
    # what an endpoint said
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    CONNECT = "connect"
    SERVER_ERROR = "server_error"
    CLIENT_ERROR = "client_error"


class ChatOutcome(AnyOutcome):
    """How a question to a language model ended. Part of the published data: never renamed."""

    OK = "ok"
    REFUSED = "refused"  # the model declined, or a content filter did
    UNPARSABLE = "unparsable"  # the answer was not of the asked shape, also after one repair
    CUT = "cut"  # the answer reached max_tokens
    FORBIDDEN = "forbidden"  # 401, 403: the key
    CLIENT_ERROR = "client_error"  # any other 4xx: the request as such, e.g. longer than the model's context
    THROTTLED = "throttled"  # 429, still so after all tries
    TIMEOUT = "timeout"
    CONNECT = "connect"  # refused, unreachable, broken
    SERVER_ERROR = "server_error"  # 5xx, or something that is no completion at all


def is_worth_retrying(outcome: str) -> bool:
    """As `Outcome.worth_retrying`, for the text of an outcome, also one this version does not know."""
    return outcome in _WORTH_RETRYING


def outcome_names() -> set[str]:
    """The outcomes of all kinds of questions."""
    return {str(o) for kind in (Outcome, SpeechOutcome, ChatOutcome) for o in kind}


_WORTH_RETRYING = frozenset(
    {
        Outcome.DNS,
        Outcome.CONNECT,
        Outcome.TLS,
        Outcome.RESET,
        Outcome.TIMEOUT,
        Outcome.TOO_SLOW,
        Outcome.TRUNCATED,
        Outcome.THROTTLED,
        Outcome.SERVER_ERROR,
        Outcome.STORE_FAILED,
        SpeechOutcome.CRASHED,
        SpeechOutcome.HUNG,
        ChatOutcome.UNPARSABLE,
    }
)


@dataclass(frozen=True, slots=True)
class Answer(Generic[A_co]):
    """What came back: an outcome, a value where there is one, and facts for people and policies."""

    outcome: AnyOutcome
    value: A_co | None = None
    detail: str = ""
    facts: Mapping[str, Any] | None = None  # Any: plain JSON values, as journalled
    cost: float = 0.0  # USD; 0 for engines that cost none


class Engine(Protocol[Q_contra, A_co]):
    """Whoever answers: HTTP, speech recognition, a language model, a script in tests."""

    @property
    def fingerprint(self) -> str:
        """What changes its answers (kind, model, version): part of the key of every question."""

    async def ask(self, question: Q_contra) -> Answer[A_co]:
        """The answer; a failure of the world is an outcome, not an exception."""
