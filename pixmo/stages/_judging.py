"""What the stages that ask a judge share: their settings, how a question is put in either protocol, and how an answer is told in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import pyarrow as pa

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.client import key_of
from pixmo.engines.chat.question import ChatQuestion, Message
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import BadSetting
from pixmo.judge.ai2_prompts import Ai2Prompts, read_ai2_prompts
from pixmo.judge.asks import ASKS, IMAGE, VIDEO, Ask
from pixmo.stage import effort, meaning

PIXMO, AI2 = "pixmo", "ai2"
NO_JUDGE = "none"  # stands in for a name where no judge is asked
MOST_CHARS = 60_000  # of a caption, or of a picture's transcripts; longer ones are not sent

# outcomes of a row that is not asked, beside those of an answer
GIVEN = "given"  # the statements came with the references
EMPTY_CAPTION = "empty_caption"  # the model said nothing
TOO_LONG = "too_long"  # over MOST_CHARS
NO_TRANSCRIPTS = "no_transcripts"  # nothing was said of the picture
NO_STATEMENTS = "no_statements"  # there is nothing to give verdicts on

USED = (("tokens_in", pa.int64()), ("tokens_out", pa.int64()), ("cost_usd", pa.float64()))
TEXTS = pa.list_(pa.string())


@dataclass(frozen=True)
class JudgeStage:
    """A stage that asks a judge `ask_name`. All have the same engine: their `chat_settings` are equal."""

    version: ClassVar[int] = 1
    asks: ClassVar[str] = "chat"
    optional: ClassVar[tuple[str, ...]] = ()
    ask_name: ClassVar[str] = ""

    protocol: str = meaning(
        "pixmo", "how the judge is asked: pixmo (answers with a structure) or ai2 (free text, read as Ai2 does)"
    )
    kind: str = meaning("image", "what was captioned: image or video")
    judge: str = meaning("", "the language model that judges, as its endpoint calls it; required")
    base_url: str = meaning("https://api.openai.com/v1", "address of the judge's endpoint, OpenAI-compatible")
    temperature: float = meaning(0.0, "how freely the judge chooses its words")
    max_tokens: int = meaning(4096, "longest answer of the judge, in tokens")
    seed: int | None = meaning(None, "seed sent with each question, for endpoints that take one")
    structured: str = meaning(
        "json_schema", "how the endpoint enforces the answer's shape: json_schema, json_object or none"
    )
    prompts: str = meaning("", "text of a TOML file of prompts, for protocol ai2; none: ours")
    chat_concurrency: int = effort(64, "requests to the judge in flight")
    requests_per_min: int = effort(0, "requests to the judge per minute; 0 is no limit")
    tokens_per_min: int = effort(0, "tokens per minute, read and written; 0 is no limit")
    chat_timeout_s: float = effort(120.0, "seconds one request to the judge may take")
    chat_retries: int = effort(8, "further tries of a question that may pass")
    key_env: str = effort("OPENAI_API_KEY", "environment variable that holds the judge's key")
    usd_per_mtok_in: float | None = effort(None, "what you pay for a million tokens read, in USD")
    usd_per_mtok_out: float | None = effort(None, "what you pay for a million tokens written, in USD")
    budget_usd: float | None = effort(None, "USD one run may cost at the very most; needs both prices; 0 is no limit")
    batch: bool = effort(False, "hand the questions in together, in the provider's batch mode: cheaper, within a day")
    batch_poll_s: float = effort(60.0, "seconds between two looks at a batch")
    replay: bool = effort(False, "ask nobody: take the answers at hand, and stop where one is missing")
    ai2_cache: str = effort("", "folder of answers that Ai2's script kept, looked into before anybody is asked")

    def __post_init__(self) -> None:
        _one_of("protocol", self.protocol, (PIXMO, AI2))
        _one_of("kind", self.kind, (IMAGE, VIDEO))
        if not self.batch_poll_s > 0:
            raise BadSetting(f"batch_poll_s must be above 0, not {self.batch_poll_s!r}")
        if self.is_ai2 and self.kind == VIDEO:
            raise BadSetting("protocol ai2 judges captions of pictures; for video take protocol pixmo")
        if self.prompts and not self.is_ai2:
            raise BadSetting("prompts of your own belong to protocol ai2; protocol pixmo has its own, of known digests")
        read_ai2_prompts(self.prompts)
        ChatSettings(**self.chat_settings())  # raises BadSetting here

    @property
    def is_ai2(self) -> bool:
        """Whether answers are free text."""
        return self.protocol == AI2

    def content(self) -> list[str]:
        """The prompts as they are: another text is another stage."""
        return [self.prompt_id]

    @property
    def prompt_id(self) -> str:
        """name@digest of the prompt the questions are made with."""
        return self.free_prompts.id(self.ask_name) if self.is_ai2 else self.ask.prompt.id

    @property
    def ask(self) -> Ask:
        """The kind of question, in protocol pixmo."""
        return ASKS[self.kind][self.ask_name]

    @property
    def free_prompts(self) -> Ai2Prompts:
        """The prompts of protocol ai2."""
        return read_ai2_prompts(self.prompts)

    def chat_settings(self) -> dict[str, Any]:  # Any: plain values
        """The settings of the engine that answers: the same for all stages of a judge."""
        told = {f.name: getattr(self, f.name) for f in fields(ChatSettings) if hasattr(self, f.name)}
        return told | {
            "model": self.judge or NO_JUDGE, "budget_usd": self.budget_usd or None, "concurrency": self.chat_concurrency,
            "timeout_s": self.chat_timeout_s, "retries": self.chat_retries,
        }  # fmt: skip

    def check(self) -> None:
        """Raises a PixmoError now for a judge that cannot be asked (no name, no key); a replay needs no key."""
        if not self.judge:
            raise BadSetting("who judges the captions? Give `judge` (--judge NAME), a language model")
        if not self.replay:
            key_of(ChatSettings(**self.chat_settings()))

    def check_answer(self, question: ChatQuestion, text: str) -> str:
        """Why a text cannot be used at all, for one repair; '' when it can. Parts of verdicts are looked at later."""
        return ""

    def question(self, data: Mapping[str, Any], draw: int = 0) -> ChatQuestion:  # Any: plain JSON
        """The stage's question about the data, in protocol pixmo; verdicts are looked at in parts when they come."""
        ask = self.ask
        messages = tuple(Message(*m) for m in ask.messages(data))
        return ChatQuestion(
            messages, ask.schema, ask.name, draw=draw, strict=not ask.labels, prompt=ask.prompt.id
        )  # fmt: skip

    def free_question(self, draw: int = 0, **values: str) -> ChatQuestion:
        """The stage's question in protocol ai2: one user message, an answer of free text."""
        text = self.free_prompts.text(self.ask_name, **values)
        return ChatQuestion((Message("user", text),), draw=draw, prompt=self.prompt_id)


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:  # Any: column values
    """The rows as dictionaries."""
    yield from batch.to_pylist()


def texts_of(values: Sequence[str | None] | None) -> list[str]:
    """A list column without nulls and blanks."""
    return [v for v in values or () if v is not None and v.strip()]


def n_chars(texts: Iterable[str]) -> int:
    """Characters of all of them."""
    return sum(map(len, texts))


def usage_of(answers: Iterable[Answer[Any]], prefix: str) -> dict[str, Any]:  # Any: column values
    """Who answered (the last that did), and tokens and cost of all; unknown when one of them is, null when nobody was asked."""
    facts = [a.facts or {} for a in answers]
    who = [str(f["model"]) for f in facts if f.get("model")]
    return {f"{prefix}_by": who[-1] if who else None} | {
        f"{prefix}_{name}": _total([f.get(name) for f in facts]) for name, _ in USED
    }


def _total(values: list[Any]) -> Any:  # Any: a number, or None for an unknown one
    return sum(values) if values and None not in values else None


def outcome_of(answers: Sequence[Answer[Any]]) -> tuple[str, str | None]:
    """The first outcome that is not `ok`, and its detail."""
    for answer in answers:
        if answer.outcome is not ChatOutcome.OK:
            return str(answer.outcome), answer.detail or None
    return str(ChatOutcome.OK), None


def said_by(answer: Answer[Any]) -> str:
    """The text of an answer."""
    return str((answer.facts or {}).get("text") or "")


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise BadSetting(f"{name} {value!r} is none of {', '.join(known)}")
