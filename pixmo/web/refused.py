"""A request that is not granted."""

from __future__ import annotations


class Refused(Exception):
    """Raised in a handler; answered as `status` with `why` and `facts` as JSON. A wrong request of a browser's, not a bug."""

    def __init__(self, status: int, why: str, **facts: int | str) -> None:
        self.status = status
        self.why = why
        self.facts = facts
        super().__init__(why)
