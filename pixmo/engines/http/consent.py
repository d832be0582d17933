"""What a publisher has said about machine use: response headers, and robots.txt.

Headers that reserve a picture, case and spacing aside:
- `X-Robots-Tag: noai` (also `noimageai`, `noml`, `noimageml`), for all or after our own name (`pixmo: noai`);
- `TDM-Reservation: 1` (TDMRep, W3C community group report 2024);
- `Content-Usage: train-ai=n` (IETF aipref drafts).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from multidict import istr

if TYPE_CHECKING:
    from protego import Protego

_TAG, _TDM, _USAGE = istr("X-Robots-Tag"), istr("TDM-Reservation"), istr("Content-Usage")  # looked up faster than str
_RESERVING = frozenset({"noai", "noimageai", "noml", "noimageml"})
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})  # directive: value
ROBOTS_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB must be read


def optout(headers: Callable[[str, tuple[str, ...]], Iterable[str]], agent: str) -> str | None:
    """The header that reserves rights, as `name: value` as sent, or None. `headers` is a multidict's getall."""
    for value in headers(_TAG, ()):
        if reserves(value, agent):
            return f"X-Robots-Tag: {value}"[:200]
    for value in headers(_TDM, ()):
        if value.strip() == "1":
            return f"TDM-Reservation: {value}"[:200]
    for value in headers(_USAGE, ()):
        if re.search(r"(?:^|,)\s*train-ai\s*=\s*n\s*(?:$|[,;])", value, re.IGNORECASE):
            return f"Content-Usage: {value}"[:200]
    return None


def reserves(tag: str, agent: str) -> bool:
    """Whether one X-Robots-Tag value speaks to us and says noai or the like.

    `name: directive, directive` holds for that name until another name comes; `*` and no name are everybody.
    """
    to_us = True
    for part in tag.lower().split(","):
        name, colon, rest = part.partition(":")
        if colon and name.strip() in _VALUED:
            continue
        if colon:
            to_us = name.strip() in (agent, "*")
            part = rest
        if to_us and part.strip() in _RESERVING:
            return True
    return False


class Robots:
    """One origin's robots.txt, as told by its body; None: there is none, everything is allowed."""

    def __init__(self, body: bytes | None) -> None:
        self._rules = _parse(body[:ROBOTS_BYTES]) if body else None

    def allows(self, url: str, agent: str) -> bool:
        """Whether `agent` may ask for this URL."""
        return self._rules is None or bool(self._rules.can_fetch(url, agent))


def _parse(body: bytes) -> Protego:
    from protego import Protego  # only with --robots

    return Protego.parse(body.decode("utf-8", "replace"))
