"""Asks a language model behind an OpenAI-compatible endpoint.

    async with ChatEngine(ChatSettings(model="…", base_url="http://localhost:8000/v1")) as engine:
        answer = await engine.ask(ChatQuestion((Message("user", "…"),)))

Ask as many as you like at once: they wait here for money, for a place, for their time. A failure of the world is an
outcome. A PixmoError means that no question can be answered: no key, a wrong one, no such model, nobody there, a web
page, the budget spent; it is about the run and never about the row.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.budget import Budget, Hold, Purse
from pixmo.engines.chat.client import key_of, open_client
from pixmo.engines.chat.estimate import repair_tokens_at_most, tokens_at_most
from pixmo.engines.chat.gate import Gate
from pixmo.engines.chat.ledger import Ledger
from pixmo.engines.chat.limits import LONGEST_RETRY_AFTER_S, backoff_s
from pixmo.engines.chat.question import ChatQuestion
from pixmo.engines.chat.settings import ChatSettings
from pixmo.engines.chat.shape import json_fault, unfenced
from pixmo.engines.chat.wire import Completion, NoCompletion, body_of, completion_of, one_line, repair
from pixmo.errors import PixmoError
from pixmo.ids import Digest, digest_of

if TYPE_CHECKING:
    import openai

    from pixmo.engines.chat.verdicts import Failure

Check = Callable[[str], str]
FIRST_TRIES = 3  # of a question while nobody has ever answered: then the address is wrong
ANY_JSON = "{}"
VERSION = 1  # of how questions are put to the model


class ChatEngine:
    """See the module."""

    def __init__(self, settings: ChatSettings) -> None:
        self.settings = settings
        self.budget = Budget(settings.budget_usd)
        self._purse, self._gate = Purse(self.budget), Gate(settings)
        self._chance = random.Random()  # jitter
        self._fingerprint = fingerprint_of(settings)
        self._client: openai.AsyncOpenAI | None = None
        self._secret = b""
        self._reached = False  # somebody answered, whatever
        self._spoke = False  # there was a completion
        self._ended: PixmoError | None = None  # why no question can be answered: nothing more is sent

    def __repr__(self) -> str:
        return f"ChatEngine({self.settings.model!r} at {self.settings.host}, {self._gate!r}, {self.budget!r})"

    @property
    def fingerprint(self) -> str:
        """Model, host and all parameters that change answers."""
        return self._fingerprint

    @property
    def width(self) -> int:
        """How many questions to ask at once: more than there are places, since some are waiting for their next try."""
        return 2 * self.settings.concurrency

    def key(self, question: ChatQuestion) -> Digest:
        """The question's name in a journal: equal questions to the same model have the same."""
        messages = [[m.role, m.content] for m in question.messages]
        shape = {"schema": question.schema, "schema_name": question.schema_name} if question.schema else {}
        again = {"draw": question.draw} if question.draw else {}
        return digest_of({"engine": self._fingerprint, "messages": messages} | shape | again)

    async def __aenter__(self) -> Self:
        key = key_of(self.settings)
        self._secret = key.encode()
        self._client = open_client(self.settings, key)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, question: ChatQuestion, check: Check | None = None) -> Answer[str]:
        """The model's text. `check` says '' or why a text is not what was asked; then it is asked once more, with the reason."""
        ledger, hold = Ledger(self.settings), Hold(self._purse)
        try:
            return await self._ask(question, check, ledger, hold)
        finally:
            hold.close()

    async def _ask(self, question: ChatQuestion, check: Check | None, ledger: Ledger, hold: Hold) -> Answer[str]:
        first_in = tokens_at_most(question.messages, question.schema)
        repair_in = repair_tokens_at_most(first_in, self.settings.max_tokens)
        messages, tokens_in, later = question.messages, first_in, self._usd(repair_in)
        while True:
            said = await self._said(body_of(self.settings, question, messages), tokens_in, later, ledger, hold)
            if not isinstance(said, Completion):
                return answer_of(said.outcome, None, said.detail, ledger, question, None)
            if said.outcome is not ChatOutcome.OK:
                return answer_of(said.outcome, None, one_line(said.refusal), ledger, question, said)
            text = unfenced(said.text) if question.schema else said.text
            why = fault_of(text, question, check)
            if not why:
                return answer_of(ChatOutcome.OK, text, "", ledger, question, said)
            if ledger.repaired:
                return answer_of(ChatOutcome.UNPARSABLE, None, one_line(why), ledger, question, said)
            ledger.repaired = True
            messages, tokens_in, later = repair(messages, said.text, why), repair_in, 0.0

    async def _said(
        self, body: dict[str, Any], tokens_in: int, later: float, ledger: Ledger, hold: Hold
    ) -> Completion | Failure:
        """What came of one body, after as many tries as it takes; `later` USD are kept for what may follow."""
        worst = self._usd(tokens_in)
        failed = 0
        while True:
            await hold.at_least(worst + later)
            ledger.tries += 1
            said = await self._send(body, tokens_in, worst, ledger, hold)
            if isinstance(said, Completion):
                return said
            failed += 1
            if not said.again or failed > self.settings.retries or said.retry_after_s > LONGEST_RETRY_AFTER_S:
                return said
            if not self._reached and failed >= FIRST_TRIES:
                from pixmo.engines.chat.verdicts import unreachable

                self._ended = unreachable(self.settings, said.detail)
                raise self._ended
            pause = backoff_s(failed, self.settings.retry_base_s, self._chance)
            await asyncio.sleep(max(pause, said.retry_after_s))

    async def _send(
        self, body: dict[str, Any], tokens_in: int, worst: float, ledger: Ledger, hold: Hold
    ) -> Completion | Failure:
        """One request through the gate, entered into the ledger and paid, also when it is cancelled in mid-flight."""
        tokens = tokens_in + self.settings.max_tokens
        ticket = await self._gate.enter(tokens, begun=ledger.tries > 1)
        if self._ended is not None:
            self._gate.leave(ticket, pressed=False, tokens_unused=tokens)
            raise self._ended
        said: Completion | Failure | None = None
        try:
            said = await self._try(body)
        finally:
            if isinstance(said, Completion):
                hold.spend(ledger.paid(said, worst))
                unused = tokens - (said.tokens_in or tokens_in) - (said.tokens_out or self.settings.max_tokens)
                self._gate.leave(ticket, pressed=False, tokens_unused=unused)
            else:
                if said is None or said.charged:
                    hold.spend(ledger.unsure_of(worst))
                pressed, pause = (said.pressed, said.retry_after_s) if said else (False, 0.0)
                self._gate.leave(ticket, pressed=pressed, pause_s=min(pause, LONGEST_RETRY_AFTER_S))
        if not isinstance(said, Completion) and said.ends:
            self._ended = PixmoError(said.ends)
            raise self._ended
        return said

    async def _try(self, body: dict[str, Any]) -> Completion | Failure:
        from pixmo.engines.chat.verdicts import Failure, of_exception, speaks_html

        assert self._client is not None, "use the engine in `async with`"
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                # as extra_body: the client would look through every message and schema, a third of a call's CPU
                raw = await self._client.chat.completions.with_raw_response.create(
                    model=self.settings.model, messages=(), extra_body=body
                )
            self._reached = True
            said = completion_of(self._without_secret(raw.content), raw.headers.get("x-request-id"))
        except NoCompletion as error:
            if str(error) == "HTML" and not self._spoke:
                self._ended = speaks_html(self.settings)
                raise self._ended from None
            return Failure(ChatOutcome.SERVER_ERROR, f"not a completion but {error}", again=True, charged=True)
        except Exception as error:  # the border to the client: what it raises becomes an outcome, or goes on
            failure = of_exception(error, self.settings, self._secret.decode())
            if failure is None:
                raise
            self._reached = self._reached or failure.outcome is not ChatOutcome.CONNECT
            return failure
        self._spoke = True
        return said

    def _without_secret(self, body: bytes) -> bytes:
        """An endpoint may repeat the key; it goes no further."""
        return body.replace(self._secret, b"[key]") if self._secret and self._secret in body else body

    def _usd(self, tokens_in: int) -> float:
        return self.settings.usd(tokens_in, self.settings.max_tokens) or 0.0


def fingerprint_of(settings: ChatSettings) -> Digest:
    """What changes answers. The host is part of it, its port is not: a server that is started again is the same."""
    told = ("model", "host", "temperature", "top_p", "max_tokens", "seed", "structured")
    return digest_of({"kind": "chat", "version": VERSION, "settings": {name: getattr(settings, name) for name in told}})


def fault_of(text: str, question: ChatQuestion, check: Check | None) -> str:
    """Why a text is not what was asked; '' when it is."""
    if not text.strip():
        return "it is empty"
    why = json_fault(text, question.schema if question.strict else ANY_JSON) if question.schema else ""
    return why or (check(text) if check else "")


def answer_of(
    outcome: ChatOutcome,
    value: str | None,
    detail: str,
    ledger: Ledger,
    question: ChatQuestion,
    completion: Completion | None,
) -> Answer[str]:
    """How a question ended, with its facts."""
    facts = ledger.facts(question, completion)
    if value is not None:
        facts["text"] = value  # as it is used: without a code fence around it
    return Answer(outcome, value, detail, facts, ledger.cost + ledger.unsure)
