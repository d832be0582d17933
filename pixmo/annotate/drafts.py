"""Draft answers of a language model: asked once, kept, paid within a budget that holds over all starts.

The model reads text alone: what the list tells about the picture, the question, and the drafts that were rejected with the reasons. It
runs on a loop of its own, so that its connections outlast a request of a browser.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from pixmo.annotate.answers import check_token
from pixmo.annotate.store import Store
from pixmo.ask import ChatOutcome
from pixmo.engines.chat.engine import ChatEngine
from pixmo.engines.chat.question import ChatQuestion, Message
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import PixmoError
from pixmo.web.refused import Refused

_log = logging.getLogger(__name__)
_FIELDS = "id, question, draft, model, coalesce(reason, '')"
MOST_REJECTED = 5  # drafts that a model is reminded of
SYSTEM = (
    "You answer a question about a picture that you cannot see; what others wrote about it is given to you. Answer the question "
    "as if you saw the picture, plainly and correctly, and do not mention the notes. Where they do not tell, say that it cannot be seen."
)


class Draft(NamedTuple):
    """A draft with its number, and whose it is; `reason` says why it was rejected, and is empty as long as it was not."""

    id: int
    question: str
    text: str
    model: str
    reason: str


class Drafts:
    """The drafts of a collection; `engine` is none where no model is asked."""

    def __init__(self, store: Store, engine: Engine | None) -> None:
        self._store, self._engine = store, engine
        self._model = engine.model if engine else ""

    @property
    def can_ask(self) -> bool:
        """Whether there is a model."""
        return self._engine is not None

    def of(self, person: str, picture: int) -> list[Draft]:
        """All that somebody was given for a picture, the oldest first."""
        told = f"SELECT {_FIELDS} FROM drafts WHERE person = ? AND picture = ? ORDER BY id"
        return [Draft(*row) for row in self._store.rows(told, person, picture)]

    def known(self, person: str, picture: int, token: str) -> Draft | None:
        """What was given for a request already."""
        check_token(token)
        told = f"SELECT {_FIELDS} FROM drafts WHERE person = ? AND picture = ? AND token = ?"
        found = self._store.one(told, person, picture, token)
        return Draft(*found) if found else None

    def reject(self, person: str, picture: int, number: int, reason: str) -> None:
        """Notes why somebody rejected a draft; the first reason stays. Refused with 409 when it is not theirs."""
        with self._store.change():
            if all(one.id != number for one in self.of(person, picture)):
                raise Refused(409, "this draft is not yours")
            self._store.do("UPDATE drafts SET reason = ? WHERE id = ? AND reason IS NULL", reason, number)

    def put(self, person: str, picture: int, token: str, question: str, text: str, key: str) -> Draft:
        """Keeps a draft; that of the same token where there is one."""
        with self._store.change():
            self._store.do(
                "INSERT OR IGNORE INTO drafts (picture, person, token, question, draft, model, key, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                picture, person, token, question, text, self._model, key, time.time(),
            )  # fmt: skip
            found = self.known(person, picture, token)
        if found is None:
            raise Refused(409, "this was asked for another picture")
        return found

    async def ask(self, told: str, question: str, rejected: list[Draft]) -> tuple[str, str]:
        """What the model says, and the key it is kept under. Refused with 503 when it says nothing."""
        if self._engine is None:
            raise Refused(503, "no model is asked here; please write the answer")
        asked = ChatQuestion((Message("system", SYSTEM), Message("user", prompt_of(told, question, rejected))))
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._engine.ask(asked), self._engine.loop))


class Engine:
    """A model that is asked from any loop. A context manager."""

    def __init__(self, store: Store, settings: ChatSettings) -> None:
        self._store, self._settings = store, settings
        self._chat = self._begun()
        self._at_work: dict[str, asyncio.Task[str]] = {}
        self.model = settings.model
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True, name="drafts")

    def _begun(self) -> ChatEngine:
        """With what is left of the budget."""
        settings = self._settings
        if settings.budget_usd is not None:
            (spent,) = self._store.one("SELECT coalesce(sum(usd), 0) FROM chats") or (0.0,)
            settings = replace(settings, budget_usd=max(0.0, settings.budget_usd - spent))
        return ChatEngine(settings)

    def __enter__(self) -> Self:
        """Raises PixmoError where there is no key."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._chat.__aenter__(), self.loop).result()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result()
        self._stop()

    async def ask(self, question: ChatQuestion) -> tuple[str, str]:
        """The answer and its key; the same question at the same time, or ever before, is one."""
        key = self._chat.key(question)
        found = self._store.one("SELECT text FROM chats WHERE key = ?", key)
        if found is not None:
            return str(found[0]), key
        if key not in self._at_work:
            task = self.loop.create_task(self._new(key, question))
            self._at_work[key] = task
            task.add_done_callback(lambda done: self._at_work.pop(key, None))
        return await asyncio.shield(self._at_work[key]), key

    async def _new(self, key: str, question: ChatQuestion) -> str:
        try:
            answer = await self._chat.ask(question)
        except PixmoError as error:
            _log.warning("no draft: %s", error)
            await self._renew()
            raise Refused(503, f"the model cannot be asked: {self._plain(error)}") from error
        is_told = answer.outcome is ChatOutcome.OK and bool(answer.value)
        with self._store.change():  # what was paid counts, also for nothing
            text = (answer.value or "").strip()
            kept = key if is_told else f"{key} {secrets.token_hex(8)}"
            self._store.do("INSERT OR REPLACE INTO chats VALUES (?, ?, ?, ?)", kept, text, answer.cost, time.time())
        if not is_told:
            raise Refused(503, f"the model gave no answer ({answer.outcome}); ask again, or write it")
        return text

    async def _renew(self) -> None:
        """Begins anew: an engine that met an error sends nothing more, and people are at work for days."""
        if len(self._at_work) == 1:  # nothing else is under way, whose cost is not counted yet
            await self._chat.__aexit__(None, None, None)
            self._chat = self._begun()
            await self._chat.__aenter__()

    def _plain(self, error: PixmoError) -> str:
        """What browsers are told: not where the model is."""
        told = str(error)
        for where in (self._settings.base_url, urlsplit(self._settings.base_url).netloc, self._settings.host):
            told = told.replace(where, "its endpoint")
        return told

    async def _close(self) -> None:
        for task in list(self._at_work.values()):
            task.cancel()
        await asyncio.gather(*self._at_work.values(), return_exceptions=True)
        await self._chat.__aexit__(None, None, None)

    def _stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def prompt_of(told: str, question: str, rejected: list[Draft]) -> str:
    """What the model is asked."""
    parts = [f"About the picture:\n{told}", f"Question: {question}"]
    for one in rejected[-MOST_REJECTED:]:
        parts.append(f"This answer was rejected: {one.text}\nThe reason: {one.reason or 'none given'}")
    if rejected:
        parts.append("Answer the question again, and mend that.")
    return "\n\n".join(parts)
