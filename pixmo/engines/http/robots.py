"""robots.txt of the origins seen so far, and who waits to hear of one."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from pixmo.ask import Outcome
from pixmo.engines.http.consent import Robots

ORIGINS = 4096  # remembered

T = TypeVar("T")

# RFC 9309, 2.3.1: a 4xx, or a redirect that leads nowhere, means there is none; a server that fails means not now
_SAYS_ALL = frozenset({
    Outcome.OK, Outcome.EMPTY, Outcome.NOT_FOUND, Outcome.GONE, Outcome.FORBIDDEN, Outcome.CLIENT_ERROR,
    Outcome.BAD_REDIRECT,
})  # fmt: skip


class RobotsMemory(Generic[T]):
    """What each origin (scheme://host:port) allows to `agent`, and the jobs put aside until that is known."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._known: OrderedDict[str, Robots] = OrderedDict()
        self._aside: dict[str, list[T]] = {}

    def __repr__(self) -> str:
        return f"RobotsMemory({len(self._known)} origins known, {len(self._aside)} being asked)"

    def knows(self, origin: str) -> bool:
        """Whether this origin's rules are known."""
        return origin in self._known

    def allows(self, origin: str, url: str) -> bool | None:
        """Whether the URL may be asked; None: not known yet."""
        rules = self._known.get(origin)
        return None if rules is None else rules.allows(url, self._agent)

    def put_aside(self, origin: str, job: T) -> bool:
        """Keeps a job until the origin's rules are known; true for the first, who has to ask for them."""
        waiting = self._aside.setdefault(origin, [])
        waiting.append(job)
        return len(waiting) == 1

    def learn(self, origin: str, outcome: Outcome, body: bytes | None) -> list[T]:
        """Notes how the question for robots.txt went, and gives back the jobs that waited."""
        if outcome in _SAYS_ALL:
            self._known[origin] = Robots(body)
            if len(self._known) > ORIGINS:
                self._known.popitem(last=False)
        return self._aside.pop(origin, [])
