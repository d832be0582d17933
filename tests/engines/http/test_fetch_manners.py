"""How hosts are treated: retries, pacing, pauses, redirects between owners, robots.txt, and the end."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections import Counter
from itertools import pairwise

import pytest

from pixmo.ask import Outcome
from pixmo.engines.http.fetch import Ask, Fetcher, Reply
from pixmo.engines.http.site import site_of
from tests.engines.http.asking import ask, ask_all, loopback, settings
from tests.server.fixtures import JPEG


@pytest.mark.parametrize(
    ("path", "retries", "requests"),
    [
        ("/status:404", 3, 1),
        ("/status:410", 3, 1),
        ("/status:403", 3, 1),
        ("/status:501", 3, 1),
        ("/status:500", 3, 4),
        ("/unready:9/p/a.jpg", 2, 3),
        ("/cut:1000/p/a.jpg", 2, 3),
        ("/hang", 1, 2),
        ("/drip:16/p/a.jpg", 3, 2),  # too slow: once more at most
        ("/reset", 2, 4),  # the first is not counted: a kept connection may have been closed by then
        ("/status:500", 0, 1),
        ("/gzip/nothing", 3, 1),
    ],
)
async def test_only_what_may_pass_is_tried_again(trouble, path, retries, requests):
    """`retries` further tries by class; never for what cannot change."""
    reply = await ask(trouble.url(path), retries=retries)
    assert len(trouble.log) == requests
    assert reply.facts["tries"] == requests


async def test_a_waiting_retry_holds_no_place(trouble):
    """While one row waits for its next try, its site's only connection serves the others."""

    class Longest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    urls = [trouble.url("/cut:9:once/p/a.jpg")] + [trouble.url(f"/p/a.jpg?{n}") for n in range(5)]
    await ask_all(urls, per_host=1, retry_base_s=0.3, chance=Longest())
    assert [seen.path for seen in trouble.log][-1] == "/cut:9:once/p/a.jpg"


async def test_a_connection_the_server_had_closed_costs_no_try(trouble):
    """A kept connection may turn out to be closed: that one more request is paced like any, and is not a retry."""
    assert (await ask(trouble.url("/flaky:1/p/a.jpg"), retries=0)).outcome is Outcome.OK
    assert (await ask(trouble.url("/flaky:2/p/b.jpg"), retries=0)).outcome is Outcome.RESET
    assert len(trouble.log) == 4  # aiohttp itself asks nothing twice


async def test_starts_are_paced(trouble):
    """At 50 per second twelve requests take more than 200 ms and no 100 ms see more than five and one."""
    await ask_all([trouble.url(f"/p/a.jpg?{n}") for n in range(12)], requests_per_s=50, per_host=4)
    times = [seen.at for seen in trouble.log]
    assert times[-1] - times[0] > 0.2
    assert max(sum(t <= u < t + 0.1 for u in times) for t in times) <= 7  # one over: the wire's own jitter


async def test_hosts_of_one_site_share_its_limits(trouble):
    """`a.one.test` and `b.one.test` are one site: no more than two connections together."""
    urls = [trouble.url(f"/slow:0.05/p/a.jpg?{n}", host=f"{n}.one.test") for n in range(8)]
    start = time.monotonic()
    await ask_all(urls, per_host=2)
    assert time.monotonic() - start > 4 * 0.05
    assert all(site_of(seen.host) == "one.test" for seen in trouble.log)


@pytest.mark.parametrize("how", ["1", "date1"])
async def test_after_a_429_the_site_rests_as_long_as_it_asked(trouble, how):
    """No request of any row starts before the pause is over, and every picture arrives in the end."""
    urls = [trouble.url(f"/limited:8:{how}/p/a.jpg?{n}") for n in range(20)]
    replies = await ask_all(urls, per_host=4)
    assert {reply.outcome for reply in replies.values()} == {Outcome.OK}
    times = [seen.at for seen in trouble.log]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert max(pauses) > 0.9 - 0.02
    assert len(times) <= 20 + 4 * len([p for p in pauses if p > 0.8])  # after a refusal only what was under way


async def test_a_429_without_a_pause_backs_off_and_succeeds(trouble):
    """No Retry-After: the pause is ours, and refusals do not use up the row's retries."""
    urls = [trouble.url(f"/limited:8:none/p/a.jpg?{n}") for n in range(12)]
    replies = await ask_all(urls, retries=0, first_park_s=0.2)
    assert {reply.outcome for reply in replies.values()} == {Outcome.OK}


async def test_who_asks_for_an_hour_is_left_alone(trouble):
    """The site is closed for this run: one request, all its rows THROTTLED, other sites untouched."""
    there = [trouble.url(f"/status:429?Retry-After=3600&{n}", host="busy.test") for n in range(50)]
    other = trouble.url("/p/a.jpg", host="idle.test")
    replies = await ask_all([*there, other], per_host=1)
    assert Counter(seen.host for seen in trouble.log) == {"busy.test": 1, "idle.test": 1}
    assert {replies[url].outcome for url in there} == {Outcome.THROTTLED}
    assert all(replies[url].facts["retry_after"] == 3600 for url in there)
    assert "3600 s" in replies[there[7]].facts["detail"]
    assert replies[other].outcome is Outcome.OK


@pytest.mark.parametrize("value", ["-1", "9999999999999999999999", "soon", "Fri, 99 Foo 9999 99:99:99 GMT"])
async def test_hostile_pauses_end_the_run_all_the_same(trouble, value):
    """Negative, endless or unreadable Retry-After: the rows are answered in bounded time."""
    urls = [trouble.url(f"/status:429?Retry-After={value}&{n}") for n in range(30)]
    replies = await ask_all(urls, max_park_s=0.1)
    assert {reply.outcome for reply in replies.values()} == {Outcome.THROTTLED}
    assert len(trouble.log) < 30 * 20


async def test_503_is_tried_again_like_any_5xx_but_with_a_pause_like_a_429(trouble):
    """Without Retry-After it uses up tries; with it, it does not."""
    assert (await ask(trouble.url("/unready:3/p/a.jpg"), retries=1)).outcome is Outcome.SERVER_ERROR
    assert (await ask(trouble.url("/unready:2:1/p/a.jpg"), retries=0)).outcome is Outcome.OK


async def test_a_dead_host_is_given_up(trouble):
    """After ten failed connections the rest of its rows are answered at once, without trying."""
    urls = [f"http://dead.test:1/{n}" for n in range(500)]
    replies = await ask_all([*urls, trouble.url("/p/a.jpg", host="live.test")], retries=0, per_host=2)
    assert {replies[url].outcome for url in urls} == {Outcome.CONNECT}
    assert sum("tries" in replies[url].facts for url in urls) < 15
    assert replies[urls[-1]].facts["detail"].startswith("host given up")


async def test_a_host_that_does_not_exist_is_asked_for_once():
    """NXDOMAIN answers all its rows, paced or not."""
    asked = Counter[str]()

    async def resolve(host: str) -> list[str]:
        asked[host] += 1
        return list(await loopback(host))

    replies = await ask_all([f"http://no.invalid/{n}" for n in range(300)], resolve=resolve, requests_per_s=5)
    assert {reply.outcome for reply in replies.values()} == {Outcome.NO_SUCH_HOST}
    assert asked == {"no.invalid": 1}


async def test_a_redirect_to_another_owner_is_passed_on(trouble):
    """The next hop is named with the hops so far, and is not asked here."""
    there = trouble.url("/p/a.jpg", host="b.test")
    start = trouble.url(f"/to?u={there}", host="a.test")
    replies = await ask_all([start], owns=lambda site: site == "a.test")
    assert replies[start].moved_to == there
    assert replies[start].facts["hops"] == [start]
    assert [seen.host for seen in trouble.log] == ["a.test"]


async def test_hops_made_elsewhere_count(trouble):
    """A chain passed on from another owner keeps its length and its memory of loops."""
    replies: list[Reply] = []
    url = trouble.url("/redirect:2/p/a.jpg")
    asks = [
        Ask("long", url, tuple(f"http://{n}.test/" for n in range(9))),
        Ask("loop", trouble.url("/to?u=http://x.test/"), ("http://x.test/",)),
    ]
    async with Fetcher(settings(), lambda _, reply: replies.append(reply), resolve=loopback) as fetcher:
        fetcher.submit(asks)
        await fetcher.idle()
    assert sorted(reply.facts["detail"] for reply in replies) == ["loop", "more than 10 hops"]


async def test_robots_txt_is_asked_once_per_origin_and_obeyed(trouble):
    """Rows wait for it aside; what it forbids is REFUSED_ROBOTS and not asked for."""
    trouble.robots["a.test"] = "User-agent: pixmo\nDisallow: /p/private\n"
    urls = [trouble.url(f"/p/{name}.jpg?{n}", host="a.test") for n in range(10) for name in ("a", "private")]
    other = trouble.url("/p/a.jpg", host="b.test")
    replies = await ask_all([*urls, other], robots=True)
    assert [replies[url].outcome for url in urls[:2]] == [Outcome.OK, Outcome.REFUSED_ROBOTS]
    assert Counter(replies[url].outcome for url in urls) == {Outcome.OK: 10, Outcome.REFUSED_ROBOTS: 10}
    assert Counter(seen.host for seen in trouble.asked("/robots.txt")) == {"a.test": 1, "b.test": 1}
    assert trouble.asked("private") == []
    assert replies[other].outcome is Outcome.OK  # there is none: everything is allowed


async def test_a_robots_txt_that_cannot_be_had_is_the_rows_trouble(trouble):
    """Not knowing what is allowed is not being allowed; the rows may be tried again another day."""

    async def resolve(host: str) -> list[str]:
        return ["127.0.0.1"]

    url = "http://a.test:1/p/a.jpg"
    reply = await ask(url, robots=True, resolve=resolve)
    assert reply.outcome is Outcome.CONNECT
    assert reply.facts["detail"].startswith("robots.txt: ")


async def test_a_connection_is_used_again(trouble):
    """Twenty pictures of one host take as many connections as it has places; error pages do not cost one."""
    urls = [trouble.url(f"/{'p/a.jpg' if n % 2 else 'status:404'}?{n}") for n in range(20)]
    await ask_all(urls, per_host=2)
    assert trouble.connections == 2


async def test_idle_hosts_do_not_hold_sockets(trouble, monkeypatch):
    """However many hosts were visited, only so many keep a connection open."""
    monkeypatch.setattr("pixmo.engines.http.connector.IDLE_HOSTS", 16)
    urls = [trouble.url("/p/a.jpg", host=f"{n}.h{n}.test") for n in range(100)]
    async with Fetcher(settings(), lambda ask, reply: None, resolve=loopback) as fetcher:
        fetcher.submit(Ask(url, url) for url in urls)
        await fetcher.idle()
        await asyncio.sleep(0.1)
        assert trouble.connections == 100
        assert trouble.open <= 17


async def test_large_bodies_take_turns(trouble):
    """Ten bodies of 1.5 MB arrive whole though only three at a time are read beyond the first megabyte."""
    trouble.pictures["big.jpg"] = big = b"\xff\xd8" + bytes(1_500_000)
    replies = await ask_all([trouble.url(f"/{how}p/big.jpg?{n}") for n in range(5) for how in ("", "chunked/")])
    assert {reply.body == big for reply in replies.values()} == {True}


async def test_bandwidth_is_bounded(trouble):
    """Twenty pictures of 20 kB at 8 Mbit/s take at least 300 ms."""
    start = time.monotonic()
    replies = await ask_all([trouble.url(f"/p/a.jpg?{n}") for n in range(20)], max_mbit=8)
    assert {reply.outcome for reply in replies.values()} == {Outcome.OK}
    assert time.monotonic() - start > 0.3


async def test_a_proxy_is_asked_for_what_is_not_exempt(trouble, monkeypatch):
    """http_proxy and no_proxy; a name that leads home here is refused all the same, an unknown one is the proxy's."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", trouble.url("/", host="localhost"))
    monkeypatch.setenv("no_proxy", "direct.test")

    async def resolve(host: str) -> list[str]:
        if host.endswith(".invalid"):
            return list(await loopback(host))
        return ["127.0.0.1"] if host in ("localhost", "home.test", "direct.test") else ["8.8.8.8"]

    public, home, unknown = "http://a.test/p/a.jpg", "http://home.test/p/a.jpg", "http://b.invalid/p/a.jpg"
    direct = trouble.url("/p/a.jpg?direct", host="direct.test")
    replies = await ask_all(
        [public, home, unknown, direct, "http://127.0.0.1/x"],
        trust_env=True, resolve=resolve, allow_hosts=("direct.test",),
    )  # fmt: skip
    assert [replies[url].body for url in (public, unknown, direct)] == [JPEG] * 3
    assert replies[home].outcome is Outcome.REFUSED_ADDRESS
    assert replies["http://127.0.0.1/x"].outcome is Outcome.REFUSED_ADDRESS
    assert {seen.host for seen in trouble.log} == {"a.test", "b.invalid", "direct.test"}


async def test_leaving_cancels_what_is_in_flight(trouble):
    """Within a second, with nothing left behind: no task, no connection, and no further reply."""
    replies: list[Reply] = []
    paths = ["/hang", "/stall:10/p/a.jpg", "/drip:50/p/a.jpg", "/endless", "/unready:9/p/a.jpg"]
    before = asyncio.all_tasks()
    async with Fetcher(
        settings(first_byte_timeout_s=60, idle_timeout_s=60, max_bytes=10**12, retry_base_s=60, total_timeout_s=60),
        lambda _, reply: replies.append(reply),
        resolve=loopback,
    ) as fetcher:
        fetcher.submit(Ask(f"{n}{path}", trouble.url(f"{path}?{n}")) for n in range(20) for path in paths)
        await asyncio.sleep(0.3)
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 1
    assert asyncio.all_tasks() == before
    count = len(replies)
    gc.collect()  # what was not closed would warn now, and warnings are errors
    await asyncio.sleep(0.1)
    assert len(replies) == count
    assert trouble.open == 0


@pytest.mark.parametrize("after_s", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1])
async def test_leaving_at_any_moment_is_clean(trouble, after_s):
    """Cancellation from outside, at whatever await it hits, leaves nothing behind."""

    async def work() -> None:
        async with Fetcher(settings(), lambda ask, reply: None, resolve=loopback) as fetcher:
            fetcher.submit(Ask(str(n), trouble.url(f"/redirect:2/slow:0.01/p/a.jpg?{n}")) for n in range(50))
            await fetcher.idle()

    task = asyncio.create_task(work())
    await asyncio.sleep(after_s)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gc.collect()
    assert len(asyncio.all_tasks()) == 1


async def test_what_deliver_raises_is_raised(trouble):
    """A failure of the caller's own function is not an outcome: it ends the wait and comes out."""

    def deliver(ask: Ask, reply: Reply) -> None:
        raise RuntimeError("disk on fire")

    async def work(url: str) -> None:
        async with Fetcher(settings(), deliver, resolve=loopback) as fetcher, asyncio.timeout(5):
            fetcher.submit([Ask("1", url)])
            await fetcher.idle()

    for url in (trouble.url("/p/a.jpg"), "no url"):
        with pytest.raises(RuntimeError, match="disk on fire"):
            await work(url)


async def test_more_may_be_asked_while_answers_come(trouble):
    """`submit` from inside `deliver`, and before the block is entered."""
    got: list[str] = []

    def deliver(ask: Ask, reply: Reply) -> None:
        got.append(ask.key)
        if len(got) < 5:
            fetcher.submit([Ask(str(len(got)), trouble.url(f"/p/a.jpg?{len(got)}"))])

    fetcher = Fetcher(settings(), deliver, resolve=loopback)
    fetcher.submit([Ask("0", trouble.url("/p/a.jpg"))])
    async with fetcher, asyncio.timeout(5):
        await fetcher.idle()
    assert got == ["0", "1", "2", "3", "4"]


async def test_a_long_list_of_one_host_is_cheap_to_hold():
    """Fifty thousand queued rows take little over what their URLs take."""
    import tracemalloc

    asks = [Ask(str(n), f"http://a.test/{n}.jpg") for n in range(50_000)]
    fetcher = Fetcher(settings(), lambda ask, reply: None, resolve=loopback)
    tracemalloc.start()
    fetcher.submit(asks)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fetcher.pending == 50_000
    assert used / len(asks) < 500


async def test_the_wall_clock_does_not_matter(trouble, monkeypatch):
    """A wall clock that jumps by a day in mid-run changes nothing."""
    monkeypatch.setattr("time.time", iter(range(0, 10**12, 86_400)).__next__)
    urls = [trouble.url(f"/limited:8:1/p/a.jpg?{n}") for n in range(12)]
    replies = await ask_all(urls, per_host=2)
    assert {reply.outcome for reply in replies.values()} == {Outcome.OK}
