"""Names to vetted addresses."""

from __future__ import annotations

import asyncio

import pytest

from pixmo.engines.http.guard import Guard
from pixmo.engines.http.resolve import (
    NEGATIVE_TTL_S,
    TTL_S,
    NameCache,
    NameTrouble,
    NoSuchHost,
    RefusedAddress,
    SystemResolver,
    VettedResolver,
    addresses_now,
)


class Scripted:
    """A resolver that says what it is told and counts."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str) -> list[str]:
        self.asked += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


async def test_many_who_ask_at_once_ask_once():
    """The same name is resolved by one question, also under cancellation of who asked first."""
    resolver = Scripted(["8.8.8.8"])
    names = NameCache(resolver)
    first = asyncio.create_task(names("a.test"))
    await asyncio.sleep(0)
    others = [asyncio.create_task(names("a.test")) for _ in range(20)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [["8.8.8.8"]] * 20
    assert resolver.asked == 1


async def test_answers_are_kept_for_a_while():
    """A positive answer for five minutes, a negative one for one, by the monotonic clock."""
    now = 0.0
    resolver = Scripted(["8.8.8.8"], NoSuchHost("gone"), ["8.8.4.4"])
    names = NameCache(resolver, lambda: now)
    assert await names("a.test") == ["8.8.8.8"]
    now = TTL_S - 1
    assert await names("a.test") == ["8.8.8.8"]
    now = TTL_S + 1
    for _ in range(3):
        with pytest.raises(NoSuchHost, match="gone"):
            await names("a.test")
    assert resolver.asked == 2
    now += NEGATIVE_TTL_S + 1
    assert await names("a.test") == ["8.8.4.4"]


async def test_only_admitted_addresses_reach_the_connector():
    """A name with a public and a private address is connected to by the public one only."""
    names = NameCache(Scripted(["10.0.0.1", "8.8.8.8", "::1"]))
    resolver = VettedResolver(names, Guard(), lambda: False)
    assert [found["host"] for found in await resolver.resolve("a.test", 80)] == ["8.8.8.8"]


async def test_a_name_that_leads_home_is_refused():
    """So is one that changes its mind between two connections (rebinding): every connection is vetted anew."""
    now = 0.0
    names = NameCache(Scripted(["8.8.8.8"], ["127.0.0.1"]), lambda: now)
    resolver = VettedResolver(names, Guard(), lambda: False)
    await resolver.resolve("a.test", 80)
    now = TTL_S + 1
    with pytest.raises(RefusedAddress, match=r"127\.0\.0\.1"):
        await resolver.resolve("a.test", 80)


async def test_a_proxy_may_be_private():
    """The name of a proxy is the user's own; it is not judged."""
    resolver = VettedResolver(NameCache(Scripted(["10.0.0.1"])), Guard(), lambda: True)
    assert [found["host"] for found in await resolver.resolve("proxy.intern", 3128)] == ["10.0.0.1"]


async def test_the_system_resolves():
    """getaddrinfo in a thread: a numeric name without any network, and a name that cannot exist."""
    resolve = SystemResolver()
    assert await resolve("127.0.0.1") == ["127.0.0.1"]
    with pytest.raises((NoSuchHost, NameTrouble)):
        await resolve("no.such.name.invalid")


def test_a_label_too_long_is_no_host():
    """What IDNA refuses does not exist."""
    with pytest.raises(NoSuchHost):
        addresses_now("a" * 70 + ".test")


async def test_closing_gives_up_questions():
    """Closing the cache leaves no task behind."""

    async def never(host: str) -> list[str]:
        await asyncio.sleep(3600)
        return []

    names = NameCache(never)
    waiting = asyncio.create_task(names("a.test"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await names.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(asyncio.all_tasks()) == 1
