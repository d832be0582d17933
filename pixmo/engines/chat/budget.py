"""Money: what may still be sent. Each question holds its worst case before it is sent, and pays from that.

    hold = Hold(purse)
    await hold.at_least(0.02)     # waits while others hold too much; BudgetSpent when it can never fit
    hold.spend(0.004)
    hold.close()                  # what was not spent is free again

`spent + held` never passes the limit, as long as nothing costs more than its worst case.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque

from pixmo.errors import PixmoError


class BudgetSpent(PixmoError):
    """The next question may cost more than is left."""


class Budget:
    """The plain sums, in USD."""

    def __init__(self, limit_usd: float | None) -> None:
        self.limit = math.inf if limit_usd is None else limit_usd
        self.spent = 0.0
        self.held = 0.0
        self.holders = 0

    def __repr__(self) -> str:
        return f"Budget({self.spent:.6f} spent, {self.held:.6f} held by {self.holders}, of {self.limit:g})"

    def fits(self, usd: float) -> bool:
        """Whether so much more may be held now."""
        return self.spent + self.held + usd <= self.limit

    def can_fit(self, usd: float) -> bool:
        """Whether it might, were all that is held given back."""
        return self.spent + usd <= self.limit

    def hold(self, usd: float) -> None:
        """Sets it aside."""
        self.held += usd
        self.holders += 1

    def give_back(self, usd: float) -> None:
        """Frees what one holder had left."""
        self.holders -= 1
        self.held = self.held - usd if self.holders else 0.0  # sums of floats would drift

    def spend(self, held: float, usd: float) -> float:
        """Pays from what is held; what is left of that."""
        self.spent += usd
        paid = min(held, usd)
        self.held -= paid
        return held - paid


class Purse:
    """A budget that can be waited for, first come first served."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    async def hold(self, usd: float) -> None:
        """Sets it aside as soon as it fits. Raises BudgetSpent when it never will."""
        if not self._waiting and self.budget.fits(usd):
            self.budget.hold(usd)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((usd, turn))
        self.settle()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.budget.give_back(usd)  # it was granted in the moment of leaving
            self.settle()
            raise

    def settle(self) -> None:
        """Lets those in whom there is room for now, in their turn."""
        while self._waiting:
            usd, turn = self._waiting[0]
            if not turn.done() and self.budget.can_fit(usd):
                if not self.budget.fits(usd):
                    return
                self.budget.hold(usd)
                turn.set_result(None)
            elif not turn.done():
                turn.set_exception(over(self.budget, usd))
            self._waiting.popleft()


class Hold:
    """What one question has set aside."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._usd: float | None = None  # None: nothing is held

    async def at_least(self, usd: float) -> None:
        """Tops up. Where there is no room it gives all back first: who waits holds nothing, so nobody waits for ever."""
        if self._usd is not None and self._usd >= usd:
            return
        self.close()
        await self._purse.hold(usd)
        self._usd = usd

    def spend(self, usd: float) -> None:
        """Pays, from what is held."""
        assert self._usd is not None  # nothing is sent without a hold
        self._usd = self._purse.budget.spend(self._usd, usd)

    def close(self) -> None:
        """Frees what is left."""
        if self._usd is not None:
            self._purse.budget.give_back(self._usd)
            self._usd = None
            self._purse.settle()


def over(budget: Budget, usd: float) -> BudgetSpent:
    """What to say when it does not fit."""
    return BudgetSpent(
        f"the budget of {budget.limit:g} USD is spent: {budget.spent:.4f} USD are counted and the next question may cost "
        f"{usd:.4f}; raise budget_usd and run again, answers so far are kept"
    )
