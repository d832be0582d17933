"""Money is held before it is spent, and never passed."""

from __future__ import annotations

import asyncio
import random

import pytest

from pixmo.engines.chat.budget import Budget, BudgetSpent, Hold, Purse


def purse(usd: float) -> Purse:
    """One with this much."""
    return Purse(Budget(usd))


async def test_a_question_waits_until_others_have_settled():
    """0.6 of 1.0 are held: another 0.6 wait, and go when only 0.1 were spent."""
    money = purse(1.0)
    one, other = Hold(money), Hold(money)
    await one.at_least(0.6)
    waiting = asyncio.create_task(other.at_least(0.6))
    await asyncio.sleep(0)
    assert not waiting.done()
    one.spend(0.1)
    one.close()
    await waiting
    assert (money.budget.spent, money.budget.held) == (0.1, 0.6)


async def test_what_can_never_fit_is_refused_while_others_run():
    """Of 1.0 are 0.5 spent: 0.6 are refused at once, whatever the others give back."""
    money = purse(1.0)
    one = Hold(money)
    await one.at_least(0.9)
    one.spend(0.5)
    with pytest.raises(BudgetSpent, match=r"the budget of 1 USD is spent.*raise budget_usd"):
        await Hold(money).at_least(0.6)


async def test_who_waits_is_refused_when_the_others_spend_it():
    """A wait ends with BudgetSpent when what it waits for is gone."""
    money = purse(1.0)
    one = Hold(money)
    await one.at_least(0.9)
    waiting = asyncio.create_task(Hold(money).at_least(0.6))
    await asyncio.sleep(0)
    one.spend(0.9)
    one.close()
    with pytest.raises(BudgetSpent):
        await waiting


async def test_two_that_want_more_do_not_wait_for_each_other():
    """Each holds half and wants three quarters: one gives back first, so both end."""
    money = purse(1.0)

    async def grow() -> None:
        hold = Hold(money)
        await hold.at_least(0.5)
        await asyncio.sleep(0)
        await hold.at_least(0.75)
        hold.spend(0.25)
        hold.close()

    async with asyncio.timeout(5):
        await asyncio.gather(grow(), grow())
    assert money.budget.spent == 0.5


async def test_leaving_at_any_moment_leaves_nothing_held():
    """Cancelled before, in and after the wait: all is free again and the next in the row comes in."""
    for ticks in range(6):
        money = purse(1.0)
        one = Hold(money)
        await one.at_least(0.9)

        async def ask(money: Purse = money) -> None:
            hold = Hold(money)
            try:
                await hold.at_least(0.5)
                await asyncio.sleep(10)
            finally:
                hold.close()

        leaving = asyncio.create_task(ask())
        for tick in range(ticks):
            await asyncio.sleep(0)
            if tick == 2:
                one.close()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        one.close()
        async with asyncio.timeout(5):
            await Hold(money).at_least(1.0)
        assert (money.budget.held, money.budget.holders) == (1.0, 1)


async def test_many_at_random_never_pass_the_limit():
    """200 askers that hold, spend less or all, top up: spent and held together stay within the budget at each moment."""
    money, chance = purse(1.0), random.Random(3)
    refused = 0

    async def ask() -> None:
        nonlocal refused
        hold, worst = Hold(money), chance.uniform(0.01, 0.1)
        try:
            for _ in range(chance.randint(1, 3)):
                await hold.at_least(worst)
                assert money.budget.spent + money.budget.held <= 1.0 + 1e-9
                await asyncio.sleep(0)
                hold.spend(chance.choice((worst, worst / 10)))
        except BudgetSpent:
            refused += 1
        finally:
            hold.close()

    async with asyncio.timeout(10):
        await asyncio.gather(*(ask() for _ in range(200)))
    assert 0.8 < money.budget.spent <= 1.0
    assert refused > 0
    assert (money.budget.held, money.budget.holders) == (0.0, 0)
