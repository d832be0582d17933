"""A provider's Batch mode behind the journal: questions are gathered, handed in together, polled for, and collected.

What was handed in stands in `batches/` of the store before it is sent, so that a run that died finds its batches again and pays for
none twice. A batch whose beginning was cut off is looked for by its name.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.batch import BatchClient, BatchId
from pixmo.engines.chat.question import ChatQuestion
from pixmo.engines.chat.settings import ChatSettings
from pixmo.ids import Digest, digest_of, short
from pixmo.run.chatting import about, chat_key
from pixmo.stage import AnyStage
from pixmo.storage.publish import publish_bytes
from pixmo.storage.store import Store

QUIET_S = 2.0  # no question came for so long: all that can be asked now is here
MOST_BATCHES = 3  # a question that so many batches left unanswered is given up


class Handed(NamedTuple):
    """A batch as it is written down; `id` is None while it is being begun."""

    name: str
    id: str | None
    keys: list[Digest]

    def path(self, folder: Path) -> Path:
        """Where it is written down."""
        return folder / f"{self.name}.json"


class Batching:
    """Answers `chat` for one stage, in batches."""

    width = 10**9  # all at once
    patience_s = 0.0  # a run that ends finds its batches again

    def __init__(self, stage: AnyStage, store: Store) -> None:
        self._stage, self._store, self._folder = stage, store, store.folder / "batches"
        self._settings = ChatSettings(**stage.chat_settings())
        self._waiting: dict[Digest, tuple[ChatQuestion, asyncio.Future[Answer[Any]]]] = {}
        self._left: dict[Digest, int] = {}  # how many batches came back without it
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Batching({len(self._waiting)} waiting)"

    def key(self, question: ChatQuestion) -> Digest:
        """As when it is asked alone: an answer is an answer."""
        return chat_key(self._stage, question)

    async def ask(self, question: ChatQuestion) -> Answer[Any]:
        """Its answer, when its batch is over."""
        future: asyncio.Future[Answer[Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self.key(question)] = question, future
        self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def close(self) -> None:
        """Leaves; what was handed in is found again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._cross_out()

    async def _run(self) -> None:
        try:
            async with BatchClient(self._settings) as client:
                open_batches = await self._found_again(client)
                while True:
                    await self._quiet()
                    handed = {key for batch in open_batches for key in batch.keys}
                    new = [(key, q) for key, (q, _) in self._waiting.items() if key not in handed]
                    for part in client.parts(new):
                        open_batches.append(await self._hand_in(client, part))
                    open_batches = [b for b in open_batches if not await self._collected(client, b)]
                    self._cross_out()
                    if self._waiting and open_batches:
                        await asyncio.sleep(self._stage.batch_poll_s)
                    elif not self._waiting:
                        await self._news.wait()
        except Exception as error:  # noqa: BLE001 – the border to whoever waits: each gets it, and it is raised there
            for _, future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)
            self._task = None

    async def _quiet(self) -> None:
        """Until no more questions come."""
        while self._news.is_set():
            self._news.clear()
            await asyncio.sleep(QUIET_S)

    async def _found_again(self, client: BatchClient) -> list[Handed]:
        """The batches of earlier runs that are not collected; of one whose beginning was cut off, whether it began."""
        self._cross_out()
        found = []
        for batch in self._written_down():
            path = batch.path(self._folder)
            if batch.id is None:
                begun = await client.find(batch.name)
                if begun is None:
                    path.unlink()
                    continue
                batch = self._written(batch._replace(id=begun))
            found.append(batch)
        return found

    async def _hand_in(self, client: BatchClient, part: list[tuple[Digest, ChatQuestion]]) -> Handed:
        keys = [key for key, _ in part]
        tries = [self._left.get(key, 0) for key in keys]
        batch = self._written(Handed(f"pixmo-{short(digest_of([keys, tries]))}", None, keys))
        try:
            return self._written(batch._replace(id=await client.submit(part, batch.name)))
        except Exception:
            if await client.find(batch.name) is None:
                batch.path(self._folder).unlink()
            raise

    def _written(self, batch: Handed) -> Handed:
        self._folder.mkdir(parents=True, exist_ok=True)
        publish_bytes(batch.path(self._folder), json.dumps(batch._asdict()).encode())
        return batch

    async def _collected(self, client: BatchClient, batch: Handed) -> bool:
        """Gives out the answers of a batch that is over; what it left unanswered is asked in another, or given up."""
        assert batch.id is not None
        if not any(key in self._waiting for key in batch.keys):  # of another recipe: it is that one's to collect
            return False
        if not (await client.poll(BatchId(batch.id))).is_over:
            return False
        questions = {key: self._waiting[key][0] for key in batch.keys if key in self._waiting}
        async for key, answer in client.collect(BatchId(batch.id), questions, self._stage.check_answer):
            if answer is None and self._left.get(key, 0) + 1 < MOST_BATCHES:
                self._left[key] = self._left.get(key, 0) + 1
                self._news.set()
                continue
            question, future = self._waiting.pop(key)
            if answer is None:
                answer = Answer(ChatOutcome.SERVER_ERROR, None, f"{MOST_BATCHES} batches left it unanswered", {})
            if not future.done():
                future.set_result(about(question, answer))
        return True

    def _written_down(self) -> Iterator[Handed]:
        for path in sorted(self._folder.glob("*.json")):
            told = json.loads(path.read_bytes())
            yield Handed(told["name"], told["id"], told["keys"])

    def _cross_out(self) -> None:
        """Forgets batches whose questions all have their answer in the journal."""
        for batch in self._written_down():
            if all(map(self._is_answered, batch.keys)):
                batch.path(self._folder).unlink()

    def _is_answered(self, key: Digest) -> bool:
        """Whether nobody waits for it: a question whose answer is being tried for again has none."""
        line = self._store.journal.get(key)
        return line is not None and not line.get("open")
