"""How many requests at once, how many in a minute, how long to wait before the next try: plain decisions."""

from __future__ import annotations

import random

LONGEST_BACKOFF_S = 30.0
LONGEST_RETRY_AFTER_S = 300.0  # an endpoint that asks for more patience than this is given up
PRESSED_SHARE = 0.25  # of the last answers: that is a burst; single refusals come and go
FEWEST_SEEN = 16


class Width:
    """How many requests may be in flight: halved when a quarter of the last ones was refused for haste or came to no
    end, and widened by one with each round of answers. What was sent before a cut says nothing about what came of it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.cuts = 0
        self._limit = float(most)
        self._seen = self._pressed = 0

    def __repr__(self) -> str:
        return f"Width({self.limit} of {self.most}, {self.cuts} cuts)"

    @property
    def limit(self) -> int:
        """So many may be in flight now."""
        return int(self._limit)

    def note(self, *, pressed: bool, sent_at_cuts: int) -> bool:
        """Learns how a request went that was sent when there had been so many cuts; whether this was a cut."""
        if sent_at_cuts != self.cuts:
            return False
        lately = max(FEWEST_SEEN, self.limit)
        self._seen += 1
        self._pressed += pressed
        if pressed and self._pressed >= lately * PRESSED_SHARE:
            self.cuts += 1
            self._limit = max(1.0, self._limit / 2)
            self._seen = self._pressed = 0
            return True
        if not pressed:
            self._limit = min(self.most, self._limit + 1 / self._limit)
        if self._seen >= lately:
            self._seen = self._pressed = 0
        return False


class Pace:
    """Spreads something over time: at no moment was more started than the rate allows, and one."""

    def __init__(self, per_min: int) -> None:
        self._per_s = per_min / 60
        self._free_at = 0.0

    def due(self, amount: int, now: float) -> float:
        """Takes its place in the row; seconds until it may start."""
        if not self._per_s:
            return 0.0
        start = max(self._free_at, now)
        self._free_at = start + amount / self._per_s
        return start - now

    def give_back(self, amount: int) -> None:
        """It was less (or, below zero, more) than was taken."""
        if self._per_s:
            self._free_at -= amount / self._per_s


def backoff_s(failed: int, base_s: float, chance: random.Random) -> float:
    """Seconds before the next try, after so many failed ones: doubling from `base_s`, the latter half of it drawn."""
    longest = min(LONGEST_BACKOFF_S, base_s * 2.0 ** min(failed - 1, 16))
    return longest * (0.5 + chance.random() / 2)
