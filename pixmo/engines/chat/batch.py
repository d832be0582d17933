"""A provider's Batch mode: many questions handed in as a file, answered within a day, for less money.

    async with BatchClient(settings) as client:
        for number, part in enumerate(client.parts(keyed_questions)):
            batch = await client.submit(part, name=f"captions-{number}")   # write the name down before, the id after
        while not (state := await client.poll(batch)).is_over: …
        async for key, answer in client.collect(batch, dict(part)): …      # None: not answered, ask again

Nothing is written here: the caller keeps names, ids and which keys belong to them. After a crash between sending and
writing down, `find(name)` tells whether the batch was begun.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NewType, Self

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.budget import Budget, over
from pixmo.engines.chat.client import key_of, open_client
from pixmo.engines.chat.engine import answer_of, fault_of
from pixmo.engines.chat.estimate import tokens_at_most
from pixmo.engines.chat.ledger import Ledger
from pixmo.engines.chat.question import ChatQuestion
from pixmo.engines.chat.settings import ChatSettings
from pixmo.engines.chat.shape import unfenced
from pixmo.engines.chat.wire import NoCompletion, body_of, completion_of, one_line
from pixmo.errors import BadSetting, PixmoError
from pixmo.ids import Digest

if TYPE_CHECKING:
    import openai

BatchId = NewType("BatchId", str)
Keyed = tuple[Digest, ChatQuestion]
CheckOf = Callable[[ChatQuestion, str], str]
ENDPOINT: Final = "/v1/chat/completions"
MARK = "pixmo_batch"  # the metadata a batch is found again by
WINDOW: Final = "24h"
RETRIES = 5  # of what may be repeated: all but beginning a batch
_OVER = frozenset({"completed", "failed", "expired", "cancelled"})


class BatchState(NamedTuple):
    """`status` in the provider's words; `detail` says why a batch failed."""

    id: BatchId
    status: str
    total: int
    completed: int
    failed: int
    detail: str
    files: tuple[str, ...]  # of answers and of errors

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.status in _OVER


class BatchClient:
    """See the module. `most_requests` and `most_bytes` bound one batch."""

    def __init__(self, settings: ChatSettings, most_requests: int = 50_000, most_bytes: int = 190_000_000) -> None:
        self.settings = settings
        self.budget = Budget(settings.budget_usd)
        self._most_requests, self._most_bytes = most_requests, most_bytes
        self._holds: dict[BatchId, float] = {}
        self._secret = ""
        self._opened: openai.AsyncOpenAI | None = None

    def __repr__(self) -> str:
        return f"BatchClient({self.settings.model!r} at {self.settings.host}, {self.budget!r})"

    async def __aenter__(self) -> Self:
        self._secret = key_of(self.settings)
        self._opened = open_client(self.settings, self._secret)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._opened = self._opened, None
        if client is not None:
            await client.close()

    def parts(self, keyed: Iterable[Keyed]) -> Iterator[list[Keyed]]:
        """Parts in order, each small enough for one batch. Raises BadSetting for a question that no batch can take."""
        part: list[Keyed] = []
        size = 0
        for key, question in keyed:
            more = len(self._line(key, question))
            if more > self._most_bytes:
                raise BadSetting(f"question {key[:16]} has {more} bytes, a batch takes {self._most_bytes}")
            if part and (len(part) == self._most_requests or size + more > self._most_bytes):
                yield part
                part, size = [], 0
            part.append((key, question))
            size += more
        if part:
            yield part

    async def submit(self, part: Sequence[Keyed], name: str) -> BatchId:
        """Uploads the questions and begins their batch. Raises BudgetSpent before, when all at their worst do not fit."""
        worst = sum(self._worst(question) for _, question in part)
        if not self.budget.fits(worst):
            raise over(self.budget, worst)
        self.budget.hold(worst)
        try:
            begun = await self._begin(part, name)
        except BaseException:
            self.budget.give_back(worst)
            raise
        self._holds[begun] = worst
        return begun

    async def _begin(self, part: Sequence[Keyed], name: str) -> BatchId:
        import openai

        data = b"".join(self._line(key, question) for key, question in part)
        try:
            file = await self._patient.files.create(file=("questions.jsonl", data), purpose="batch")
        except openai.OpenAIError as error:
            raise self._told(error) from None
        try:
            batch = await self._client.batches.create(
                input_file_id=file.id, endpoint=ENDPOINT, completion_window=WINDOW, metadata={MARK: name}
            )
            return BatchId(batch.id)
        except openai.APIConnectionError as error:  # it may have begun all the same
            found = await self.find(name)
            if found is None:
                raise self._told(error) from None
            return found
        except openai.OpenAIError as error:
            raise self._told(error) from None

    async def find(self, name: str) -> BatchId | None:
        """The batch that was begun under this name, if there is one."""
        import openai

        try:
            async for batch in self._patient.batches.list():
                if (batch.metadata or {}).get(MARK) == name:
                    return BatchId(batch.id)
        except openai.OpenAIError as error:
            raise self._told(error) from None
        return None

    async def poll(self, batch: BatchId) -> BatchState:
        """How far it is."""
        import openai

        try:
            said = await self._patient.batches.retrieve(batch)
        except openai.OpenAIError as error:
            raise self._told(error) from None
        counts = said.request_counts
        why = said.errors.data[0].message if said.errors and said.errors.data else ""
        files = tuple(f for f in (said.output_file_id, said.error_file_id) if f)
        total, completed, failed = (counts.total, counts.completed, counts.failed) if counts else (0, 0, 0)
        return BatchState(batch, said.status, total, completed, failed, self._clean(why or ""), files)

    async def cancel(self, batch: BatchId) -> None:
        """Asks for its end; what is answered already can be collected once it is over."""
        import openai

        try:
            await self._patient.batches.cancel(batch)
        except openai.OpenAIError as error:
            raise self._told(error) from None

    async def collect(
        self, batch: BatchId, questions: Mapping[Digest, ChatQuestion], check: CheckOf | None = None
    ) -> AsyncIterator[tuple[Digest, Answer[str] | None]]:
        """Each of the batch's questions once: its answer, or None for one that has none and may be asked again.

        To be called when the batch is over. There is no repair here: an answer of another shape is UNPARSABLE.
        """
        state = await self.poll(batch)
        if not state.is_over:
            raise PixmoError(f"batch {batch} is not over but {state.status}: collect it later")
        left = dict(questions)
        held = self._holds.pop(batch, None)
        for file in state.files:
            async for line in self._lines(file):
                found = self._answer(line, left, batch, check)
                if found is None:
                    continue
                del left[found[0]]
                held = self._pay(held, found[1].cost)
                yield found
        if held is not None:
            self.budget.give_back(held)
        for key in left:
            yield key, None

    def _answer(
        self, line: bytes, questions: Mapping[Digest, ChatQuestion], batch: BatchId, check: CheckOf | None
    ) -> tuple[Digest, Answer[str]] | None:
        """The answer that a line of a file holds; None for one that holds none."""
        try:
            said = json.loads(line)
            key, response = Digest(said["custom_id"]), said.get("response") or {}
            status, body = response.get("status_code"), response.get("body")
            question = questions.get(key)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        if question is None or not isinstance(status, int) or status == 429 or status >= 500:
            return None  # not ours, or to be asked again
        ledger = Ledger(self.settings, tries=1)
        if status != 200:
            outcome = ChatOutcome.FORBIDDEN if status in (401, 403) else ChatOutcome.CLIENT_ERROR
            return key, _of_batch(answer_of(outcome, None, self._message(status, body), ledger, question, None), batch)
        try:
            completion = completion_of(json.dumps(body).encode(), response.get("request_id"))
        except NoCompletion:
            return None
        ledger.paid(completion, self._worst(question))
        outcome, text, why = completion.outcome, None, one_line(completion.refusal)
        if outcome is ChatOutcome.OK:
            text = unfenced(completion.text) if question.schema else completion.text
            why = fault_of(text, question, (lambda t: check(question, t)) if check else None)
        if text is not None and why:
            outcome, text, why = ChatOutcome.UNPARSABLE, None, one_line(why)
        return key, _of_batch(answer_of(outcome, text, why, ledger, question, completion), batch)

    async def _lines(self, file: str) -> AsyncIterator[bytes]:
        """The lines of a file as it comes. Cut at line feeds only: JSON may hold other line separators."""
        import openai

        rest = b""
        try:
            async with self._patient.files.with_streaming_response.content(file) as response:
                async for chunk in response.iter_bytes(2**16):
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        yield self._without_secret(line)
        except openai.OpenAIError as error:
            raise self._told(error) from None
        if rest.strip():
            yield self._without_secret(rest)

    def _line(self, key: Digest, question: ChatQuestion) -> bytes:
        body = body_of(self.settings, question, question.messages)
        return json.dumps({"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body}).encode() + b"\n"

    def _worst(self, question: ChatQuestion) -> float:
        tokens = tokens_at_most(question.messages, question.schema)
        return self.settings.usd(tokens, self.settings.max_tokens) or 0.0

    def _pay(self, held: float | None, usd: float) -> float | None:
        if held is None:  # begun by another process
            self.budget.spent += usd
            return None
        return self.budget.spend(held, usd)

    def _message(self, status: int, body: Any) -> str:  # Any: whatever the file says
        error = body.get("error") if isinstance(body, dict) else None
        said = error.get("message") if isinstance(error, dict) else body
        return one_line(f"{status}: {said}")

    def _told(self, error: Exception) -> PixmoError:
        from pixmo.engines.chat.verdicts import of_exception

        failure = of_exception(error, self.settings, self._secret)
        if failure is not None and failure.ends:
            return PixmoError(failure.ends)
        said = failure.detail if failure else self._clean(str(error))
        return PixmoError(
            f"the Batch mode of {self.settings.host} does not answer as it should ({said}); try again later"
        )

    def _clean(self, text: str) -> str:
        return one_line(text.replace(self._secret, "[key]") if self._secret else text)

    def _without_secret(self, line: bytes) -> bytes:
        return line.replace(self._secret.encode(), b"[key]") if self._secret else line

    @property
    def _client(self) -> openai.AsyncOpenAI:
        assert self._opened is not None, "use the client in `async with`"
        return self._opened

    @property
    def _patient(self) -> openai.AsyncOpenAI:
        return self._client.with_options(max_retries=RETRIES)


def _of_batch(answer: Answer[str], batch: BatchId) -> Answer[str]:
    return Answer(answer.outcome, answer.value, answer.detail, {**(answer.facts or {}), "batch": batch}, answer.cost)
