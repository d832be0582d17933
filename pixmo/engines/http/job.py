"""What the fetcher is asked, what it replies, and an ask on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pixmo.ask import Outcome


class Ask(NamedTuple):
    """A question; `hops` are the URLs already visited when it was passed on after a redirect."""

    key: str
    url: str
    hops: tuple[str, ...] = ()


class Reply(NamedTuple):
    """How it went. `moved_to`: the next hop belongs to another owner, `facts["hops"]` says from where it came.

    facts, plain JSON, only what is known: status, detail, final_url (when redirected), hops, content_type, optout, size
    (bytes seen on the wire), declared, cut_at (the max_bytes it was cut at), tries (requests sent), retry_after, etag,
    last_modified. With `moved_to` the outcome is BAD_REDIRECT: what it stays if nobody goes on.
    """

    outcome: Outcome
    body: bytes | None
    moved_to: str | None
    facts: dict[str, Any]  # Any: plain JSON values


class Job:
    """An ask on its way: where it stands in a chain of redirects, and how often what was tried."""

    __slots__ = (
        "ask",
        "done",
        "facts",
        "forgiven",
        "hops",
        "host",
        "requests",
        "site",
        "started",
        "throttles",
        "tries",
        "url",
    )

    def __init__(self, ask: Ask, done: Callable[[Reply], None] | None = None) -> None:
        self.ask, self.url, self.hops = ask, ask.url, ask.hops
        self.host = self.site = ""
        self.started = 0.0
        self.requests = self.tries = self.throttles = 0
        self.forgiven = False  # one broken connection is not counted: it may have been a kept one the server had closed
        self.done = done  # ours, not the caller's: a robots.txt
        self.facts: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Job({self.url[:60]!r} requests={self.requests})"
