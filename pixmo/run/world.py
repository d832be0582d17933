"""What stages may ask in a run on this machine: the journal first, then pictures at hand (`--reuse`), then the owners.

A question is asked once however many rows of however many shards want it; an answered one is not asked again unless its
round is open, its bytes are gone, or its facts do not suffice for the present settings.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from pixmo.ask import Answer, Outcome
from pixmo.ids import Digest, digest
from pixmo.run.owners import Owners, Question
from pixmo.storage.journal_writer import Line
from pixmo.storage.pack_writer import Location
from pixmo.storage.store import Store

HTTP = "http/1"  # the engine's fingerprint: part of every question's key


class Reuse(Protocol):
    """Pictures somebody already has."""

    def get(self, url: str, sha256: str | None) -> Any:
        """The bytes, or None."""


def http_key(url: str) -> Digest:
    """The key of the question `url`."""
    return digest(f"{HTTP}\n{url}".encode(errors="surrogatepass"))


class _Wait:
    """The answers one call waits for."""

    __slots__ = ("_world", "answers", "done", "missing")

    def __init__(self, world: LocalWorld, size: int) -> None:
        self._world = world
        self.answers: list[Answer[str] | bytes | None] = [
            None
        ] * size  # bytes: a journal line, smaller than what it says
        self.missing = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fill(self, at: int, answer: Answer[str] | bytes) -> None:
        self.answers[at] = answer
        self.missing -= 1
        self._world.filled += 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)


class LocalWorld:
    """Implements `pixmo.stage.World` for one run; `counts` are the outcomes of questions asked in it."""

    def __init__(
        self, store: Store, enough: Callable[[Line], bool], start_owners: Callable[[LocalWorld], Owners],
        reuse: Reuse | None = None,
    ) -> None:  # fmt: skip
        self.store = store
        self.counts: Counter[str] = Counter()
        self.asked = 0
        self.filled = 0  # rows that have their answer
        self.bytes_received = 0
        self._enough = enough
        self._reuse = reuse
        self._start_owners = start_owners
        self._owners: Owners | None = None
        self._waiting: dict[str, list[tuple[_Wait, int]]] = {}

    def __repr__(self) -> str:
        return f"LocalWorld({len(self._waiting)} questions in flight, {self.asked} asked)"

    @property
    def in_flight(self) -> int:
        """Questions without an answer yet."""
        return len(self._waiting)

    @property
    def failed(self) -> asyncio.Future[None] | None:
        """Set to an exception when the owners cannot go on."""
        return self._owners.failed if self._owners else None

    async def ask(self, engine: str, questions: Sequence[str]) -> list[Answer[Any]]:
        """See `pixmo.stage.World.ask`; the one engine of this world is `http`."""
        assert engine == "http"
        wait = _Wait(self, len(questions))
        for at, url in enumerate(questions):
            self._ask(url, wait, at)
            if at % 256 == 255:
                await asyncio.sleep(0)  # let answers in: a shard has thousands of questions
        if wait.missing:
            await self._until(wait.done)
        return [answer_of(json.loads(a)) if isinstance(a, bytes) else a for a in wait.answers if a is not None]

    async def close(self) -> None:
        """Ends the owners."""
        if self._owners:
            await self._owners.close()

    def put(self, data: bytes) -> Digest:
        """Keeps bytes that a stage made of a picture."""
        return self.store.put(data)

    async def _until(self, done: asyncio.Future[None]) -> None:
        failed = self.failed
        if failed is None:
            return await done
        await asyncio.wait({done, failed}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            failed.result()
        return None

    def _ask(self, url: str, wait: _Wait, at: int) -> None:
        key = http_key(url)
        waiters = self._waiting.get(key)
        if waiters is not None:
            waiters.append((wait, at))
            return
        if self.store.is_buried(url):
            wait.fill(at, Answer(Outcome.FORGOTTEN, detail="taken down"))
            return
        line = self.store.journal.get(key)
        if line is not None and self._answers(line):
            wait.fill(at, answer_of(line))
            return
        rnd = 0 if line is None else int(line["round"])
        if line is not None and not line.get("open"):
            rnd += 1
            self.store.journal.void(line, "the answer does not suffice any more")
        if self._reuse is not None and (reused := self._from_reuse(key, rnd, url)) is not None:
            wait.fill(at, answer_of(reused))
            return
        self._waiting[key] = [(wait, at)]
        self.asked += 1
        if self._owners is None:
            self._owners = self._start_owners(self)
        self._owners.ask(Question(key, rnd, url))

    def _answers(self, line: Line) -> bool:
        if line.get("open") or not self._enough(line):
            return False
        return "sha256" not in line or self.store.locate(line["sha256"]) is not None

    def _from_reuse(self, key: Digest, rnd: int, url: str) -> Line | None:
        assert self._reuse is not None
        found = self._reuse.get(url, None)
        if found is None:
            return None
        line = self.store.answer(key, rnd, found.data, found.origin)
        self.counts["reused"] += 1
        return line

    def on_answer(self, line: Line, raw: bytes, path: Path, offset: int) -> None:
        """An owner answered: remember it and wake whoever waits."""
        self.store.journal.note(line, path, offset)
        if "sha256" in line:
            self.store.packs.note(line["sha256"], Location(line["pack"], line["offset"], line["size"]))
            self.bytes_received += line["size"]
        self.counts[line["outcome"]] += 1
        for wait, at in self._waiting.pop(line["key"], ()):
            wait.fill(at, raw)


def answer_of(line: Line) -> Answer[str]:
    """A journal line as an answer; its value is the digest of the bytes."""
    return Answer(Outcome(line["outcome"]), line.get("sha256"), line.get("detail") or "", line)
