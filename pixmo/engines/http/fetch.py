"""The fetcher: questions in, one reply each, by the rules of `politeness`. One per process, on its loop.

    async with Fetcher(settings, deliver) as fetcher:
        fetcher.submit([Ask("1", "https://example.org/a.jpg")])
        await fetcher.idle()

`deliver(ask, reply)` is called exactly once per ask, on the loop, in no particular order; on leaving the block what is
still in flight is cancelled and not delivered.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from pixmo.ask import Outcome
from pixmo.engines.http.asker import Asker, Attempt
from pixmo.engines.http.guard import Guard, Place, Refusal, Target, join, parse, place_of
from pixmo.engines.http.job import Ask, Job, Reply
from pixmo.engines.http.memory import keep_freed_memory
from pixmo.engines.http.politeness import Politeness, Rules, Signal, Verdict
from pixmo.engines.http.resolve import NameCache, Resolve, SystemResolver
from pixmo.engines.http.robots import RobotsMemory
from pixmo.engines.http.settings import HttpSettings
from pixmo.engines.http.site import site_of
from pixmo.engines.http.verdicts import may_pass, signal_of

THROTTLES = 20  # refusals by rate after which one ask is given up
LONGEST_BACKOFF_S = 30.0
MOVES_AT_ONCE = 256  # before the loop may do something else


class Fetcher:
    """See the module. `owns(site)` says whether a redirect to that site may be followed here."""

    def __init__(
        self,
        settings: HttpSettings,
        deliver: Callable[[Ask, Reply], None],
        *,
        owns: Callable[[str], bool] = lambda site: True,
        resolve: Resolve | None = None,
        clock: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._chance = chance or random.Random()  # jitter
        self._settings, self._deliver, self._owns, self._clock, self._tls = settings, deliver, owns, clock, tls
        self._guard = Guard(settings.allow_hosts)
        self._names = NameCache(resolve or SystemResolver(), clock)
        self._politeness: Politeness[Job] = Politeness(
            Rules(
                concurrency=settings.concurrency,
                per_site=settings.per_host,
                rate=settings.requests_per_s,
                max_park_s=settings.max_park_s,
                first_park_s=settings.first_park_s,
                probe_every_s=settings.probe_every_s,
            ),
            self._chance,
        )
        self._pending = 0
        self._refused: deque[tuple[Job, Refusal]] = deque()  # answered by the next pump, not inside submit
        self._robots = RobotsMemory[Job](settings.agent_token) if settings.robots else None
        self._runners: set[asyncio.Task[None]] = set()
        self._wake: asyncio.TimerHandle | asyncio.Handle | None = None
        self._wake_at = float("inf")
        self._quiet = asyncio.Event()
        self._broken: BaseException | None = None
        self._asker: Asker | None = None

    def __repr__(self) -> str:
        return f"Fetcher({self._pending} pending, {self._politeness!r})"

    @property
    def pending(self) -> int:
        """Asks submitted and not yet answered."""
        return self._pending

    async def __aenter__(self) -> Self:
        keep_freed_memory()
        self._asker = Asker(self._settings, self._guard, self._names, self._clock, self._tls)
        self._pump_soon()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asker, self._asker = self._asker, None
        if self._wake is not None:
            self._wake.cancel()
        for task in self._runners:
            task.cancel()
        try:
            await asyncio.gather(*self._runners, return_exceptions=True)
        finally:  # also when the leaving itself is cancelled
            if asker is not None:
                await asker.close()
        if self._broken is not None and error is None:
            raise self._broken

    def submit(self, asks: Iterable[Ask]) -> None:
        """Queues questions; cheap, answers come later through `deliver`."""
        now = self._clock()
        for ask in asks:
            self._pending += 1
            self._route(Job(ask), now)
        self._pump_soon()

    async def idle(self) -> None:
        """Returns when nothing is pending; raises what `deliver` raised, if it did."""
        while self._pending and self._broken is None:
            self._quiet.clear()
            await self._quiet.wait()
        if self._broken is not None:
            broken, self._broken = self._broken, None
            raise broken

    # queueing

    def _route(self, job: Job, now: float, *, first: bool = False) -> None:
        """Sends a job to its site's queue, or to be refused."""
        place = place_of(job.url)
        refusal = place if isinstance(place, Refusal) else self._guard.judge(place)
        if refusal is not None:
            self._refused.append((job, refusal))
            return
        assert isinstance(place, Place)  # what is no refusal
        if self._robots is not None and job.done is None and not self._may_crawl(job, self._robots):
            return
        job.host, job.site = place.host, site_of(place.host)
        self._politeness.add(job, now, first=first)

    def _judged(self, url: str) -> Target | Refusal:
        target = parse(url)
        return target if isinstance(target, Refusal) else self._guard.judge(target) or target

    def _may_crawl(self, job: Job, robots: RobotsMemory[Job]) -> bool:
        """Whether the job goes on; if it is not known yet what its origin allows, it waits aside, holding no place."""
        target = self._judged(job.url)
        if isinstance(target, Refusal):
            self._refused.append((job, target))
            return False
        origin = str(target.url.origin())
        allowed = robots.allows(origin, str(target.url))
        if allowed is None and robots.put_aside(origin, job):
            question = Job(Ask("", origin + "/robots.txt"), lambda reply: self._learn(robots, origin, reply))
            self._route(question, self._clock(), first=True)
        if allowed is False:
            self._refused.append((job, Refusal(Outcome.REFUSED_ROBOTS, "robots.txt")))
        return bool(allowed)

    def _learn(self, robots: RobotsMemory[Job], origin: str, reply: Reply) -> None:
        waiting = robots.learn(origin, reply.outcome, reply.body)
        now = self._clock()
        for job in waiting:
            if robots.knows(origin):
                self._route(job, now)
            else:  # not knowing what is allowed is not being allowed
                detail = f"robots.txt: {reply.facts.get('detail') or reply.outcome}"
                self._refused.append((job, Refusal(reply.outcome, detail)))
        self._pump_soon()

    # moving

    def _pump_soon(self) -> None:
        if self._asker is None or self._wake_at == float("-inf"):
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at = float("-inf")
        self._wake = asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """Makes all moves that can be made now, and sets the alarm for the next."""
        self._wake, self._wake_at = None, float("inf")
        try:
            while self._asker is not None and (job := self._next()) is not None:
                task = asyncio.create_task(self._run(job))
                self._runners.add(task)
                task.add_done_callback(self._ran)
        except Exception as error:  # noqa: BLE001  # deliver's: no caller to raise to here, so idle() and leaving do
            self._break(error)
        self._set_alarm()

    def _next(self) -> Job | None:
        """The next job to start; answers on the way what needs no asking."""
        for _ in range(MOVES_AT_ONCE):
            if self._refused:
                job, refusal = self._refused.popleft()
                self._answer(job, refusal.outcome, refusal.detail)
                continue
            move = self._politeness.next(self._clock())
            if move is None:
                return None
            job, verdict = move
            if verdict is None:
                return job
            self._condemn(job, verdict)
        self._pump_soon()
        return None

    def _set_alarm(self) -> None:
        """Makes sure the pump runs when the clock alone lets something start."""
        at = self._politeness.wake_at()
        if at is None or at >= self._wake_at or self._asker is None:
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at = at
        self._wake = asyncio.get_running_loop().call_later(max(0.0, at - self._clock()), self._pump)

    async def _run(self, job: Job | None) -> None:
        """Does one job after the other while there is one to start."""
        while job is not None:
            await self._attempt(job)
            job = self._next()
            if self._politeness.waiting:
                self._pump_soon()
            else:
                self._set_alarm()

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._runners.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        self._broken = self._broken or error
        self._quiet.set()

    # one attempt and what follows

    async def _attempt(self, job: Job) -> None:
        asker, target = self._asker, self._judged(job.url)
        assert asker is not None  # runners live only inside the block
        if isinstance(target, Refusal):
            self._politeness.ended(job, Signal.UNASKED, self._clock())
            return self._answer(job, target.outcome, target.detail)
        attempt = await asker.ask(target, heed_optout=not self._settings.ignore_optout and job.done is None)
        job.requests += 1
        job.facts = attempt.facts
        self._tell_politeness(job, attempt)
        if attempt.location is not None:
            self._redirect(job, target, attempt.location)
        elif attempt.outcome is Outcome.OK or not self._try_again(job, attempt):
            self._finish(job, target, attempt)
        return None

    def _tell_politeness(self, job: Job, attempt: Attempt) -> None:
        signal, why = signal_of(attempt.outcome, attempt.status, attempt.detail), None
        if signal is Signal.NO_SUCH_HOST:
            why = Verdict(attempt.outcome, attempt.detail)
        elif signal is not Signal.FINE:
            said = attempt.detail or str(attempt.status or attempt.outcome)
            why = Verdict(attempt.outcome, f"host given up after failing without end: {said}")
        self._politeness.ended(job, signal, self._clock(), attempt.retry_after, why)

    def _try_again(self, job: Job, attempt: Attempt) -> bool:
        """Queues another try where one is due."""
        now = self._clock()
        if attempt.outcome is Outcome.THROTTLED:
            job.throttles += 1
            if job.throttles >= THROTTLES:
                job.facts["detail"] = f"refused {THROTTLES} times"
                return False
            self._politeness.add(job, now, first=True)  # the site is parked, or closed
            return True
        if not may_pass(attempt.outcome, attempt.status):
            return False
        if attempt.outcome is Outcome.RESET and not job.forgiven:
            job.forgiven = True
            self._politeness.add(job, now, first=True)
            return True
        budget = min(self._settings.retries, 1 if attempt.outcome is Outcome.TOO_SLOW else self._settings.retries)
        if job.tries >= budget:
            return False
        longest = min(LONGEST_BACKOFF_S, self._settings.retry_base_s * 2**job.tries)
        job.tries += 1
        self._politeness.again(job, now, self._chance.uniform(0, longest))
        return True

    def _redirect(self, job: Job, target: Target, location: str) -> None:
        here = str(target.url)
        there = self._judged(join(target.url, location))
        hops = (*job.hops, here)
        job.facts["hops"] = list(hops)
        if isinstance(there, Refusal):
            ours = there.outcome in (Outcome.REFUSED_SCHEME, Outcome.REFUSED_ADDRESS)
            return self._answer(job, there.outcome if ours else Outcome.BAD_REDIRECT, there.detail or "no Location")
        url = str(there.url)
        if url in hops:
            return self._answer(job, Outcome.BAD_REDIRECT, "loop")
        if len(hops) > self._settings.max_redirects:
            return self._answer(job, Outcome.BAD_REDIRECT, f"more than {self._settings.max_redirects} hops")
        if job.done is None and not self._owns(site_of(there.host)):
            return self._reply(job, Reply(Outcome.BAD_REDIRECT, None, url, {"hops": list(hops), "tries": job.requests}))
        job.url, job.hops = url, hops
        self._route(job, self._clock(), first=True)
        if self._refused:
            self._pump_soon()
        return None

    # answering

    def _finish(self, job: Job, target: Target, attempt: Attempt) -> None:
        facts = attempt.facts
        facts["tries"] = job.requests
        if job.hops:
            facts["final_url"] = str(target.url)
            facts["hops"] = list(job.hops)
        self._reply(job, Reply(attempt.outcome, attempt.body, None, facts))

    def _condemn(self, job: Job, verdict: Verdict) -> None:
        """Answers a job whose site is closed or whose host was given up."""
        if verdict.retry_after is not None:
            job.facts["retry_after"] = verdict.retry_after
        self._answer(job, verdict.outcome, verdict.detail)

    def _answer(self, job: Job, outcome: Outcome, detail: str) -> None:
        """Answers without a body."""
        facts = job.facts
        if detail:
            facts["detail"] = detail
        if job.requests:
            facts["tries"] = job.requests
        if job.hops:
            facts.setdefault("hops", list(job.hops))
        self._reply(job, Reply(outcome, None, None, facts))

    def _reply(self, job: Job, reply: Reply) -> None:
        if job.done is not None:
            job.done(reply)
            return
        self._pending -= 1
        if not self._pending:
            self._quiet.set()
        self._deliver(job.ask, reply)


async def fetch(url: str, settings: HttpSettings | None = None, **options: Any) -> Reply:  # Any: as Fetcher's own
    """One question and its reply."""
    replies: list[Reply] = []
    async with Fetcher(settings or HttpSettings(), lambda _, reply: replies.append(reply), **options) as fetcher:
        fetcher.submit([Ask("", url)])
        await fetcher.idle()
    return replies[0]


__all__ = ["Ask", "Fetcher", "HttpSettings", "Reply", "fetch", "site_of"]
