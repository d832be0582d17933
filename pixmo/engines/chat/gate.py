"""Where requests wait until they may be sent: places in flight, pauses after a burst of refusals, rates per minute."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from pixmo.engines.chat.limits import Pace, Width
from pixmo.engines.chat.settings import ChatSettings

SOFT_START_S = (
    0.25  # the first requests are spread over this: no burst of connections, and answers do not come in bursts either
)


class Gate:
    """`enter` before a request, `leave` after it."""

    def __init__(self, settings: ChatSettings) -> None:
        self.width = Width(settings.concurrency)
        self.in_flight = 0
        self._requests, self._tokens = Pace(settings.requests_per_min), Pace(settings.tokens_per_min)
        self._paused_until = 0.0
        self._started = 0  # how many of the first places were taken
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __repr__(self) -> str:
        return f"Gate({self.in_flight} in flight, {len(self._waiting)} waiting, {self.width!r})"

    async def enter(self, tokens: int, *, begun: bool = False) -> int:
        """Waits for a place, then for its time; returns what `leave` wants to know. What was begun before goes first."""
        await self._place(begun)
        try:
            while (pause := self._paused_until - time.monotonic()) > 0:  # noqa: ASYNC110 – it may be made longer meanwhile
                await asyncio.sleep(pause)
            if self._started < self.width.most:
                self._started += 1
                await asyncio.sleep(SOFT_START_S * (self._started - 1) / self.width.most)
            now = time.monotonic()
            if (wait := max(self._requests.due(1, now), self._tokens.due(tokens, now))) > 0:
                await asyncio.sleep(wait)
        except BaseException:
            self._free()
            raise
        return self.width.cuts

    def leave(self, ticket: int, *, pressed: bool, tokens_unused: int = 0, pause_s: float = 0.0) -> None:
        """Gives the place back. `pressed`: it was refused for haste or timed out; `pause_s`: the wait the endpoint asked for."""
        if self.width.note(pressed=pressed, sent_at_cuts=ticket):
            self._paused_until = max(self._paused_until, time.monotonic() + pause_s)
        self._tokens.give_back(tokens_unused)
        self._free()

    async def _place(self, first: bool) -> None:
        if not self._waiting and self.in_flight < self.width.limit:
            self.in_flight += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(turn)
        else:
            self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free()  # it was given in the moment of leaving
            raise

    def _free(self) -> None:
        self.in_flight -= 1
        while self._waiting and self.in_flight < self.width.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
