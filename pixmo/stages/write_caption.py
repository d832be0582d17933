"""Write one caption per picture from what was said of it, by a language model or by rules; each sentence cites the speech."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pyarrow as pa

from pixmo.ask import Answer, ChatOutcome
from pixmo.audio.heard import Segment, Word
from pixmo.engines.chat.client import key_of
from pixmo.engines.chat.question import ChatQuestion, Message
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import BadSetting
from pixmo.stage import World, arrow_type, effort, meaning
from pixmo.text.caption_parse import Draft, parse
from pixmo.text.caption_prompt import SCHEMA, SCHEMA_NAME, load_prompt, messages_of, told_units
from pixmo.text.caption_rules import BY, write
from pixmo.text.caption_units import Timed, Unit, units_of

if TYPE_CHECKING:
    from pixmo.text.caption_prompt import Prompt

LLM, RULES = "llm", "rules"
NO_TRANSCRIPTS = "no_transcripts"  # nothing was said of the picture, or nothing that passed
NO_SENTENCES = "no_sentences"  # the rules found nothing but fillers
NO_MODEL = "none"  # stands in for a name where no model is asked


class Support(NamedTuple):
    """A stretch of speech: characters `start` to `end` of transcripts[transcript], and its seconds where they are known."""

    transcript: int
    start: int
    end: int
    start_s: float | None
    end_s: float | None


class Sentence(NamedTuple):
    """One sentence of a caption and what it rests on."""

    text: str
    spans: list[Support]


class Omission(NamedTuple):
    """A stretch of speech that the writer left out on purpose, and why (`pixmo.text.caption_prompt.REASONS`)."""

    transcript: int
    start: int
    end: int
    reason: str


ADDS = pa.schema(
    [
        ("caption", pa.string()), ("caption_sentences", pa.list_(arrow_type(Sentence))),
        ("caption_omitted", pa.list_(arrow_type(Omission))), ("caption_outcome", pa.string()),
        ("caption_detail", pa.string()), ("caption_by", pa.string()), ("caption_prompt", pa.string()),
        ("caption_tokens_in", pa.int64()), ("caption_tokens_out", pa.int64()), ("caption_cost_usd", pa.float64()),
    ]
)  # fmt: skip
NEEDS = pa.schema(
    [
        ("transcripts", pa.list_(pa.string())), ("transcript_recording", pa.list_(pa.int64())),
        ("recording_sha256", pa.list_(pa.string())), ("heard_words", pa.list_(pa.list_(arrow_type(Word)))),
        ("heard_segments", pa.list_(pa.list_(arrow_type(Segment)))),
    ]
)  # fmt: skip


class _Told(NamedTuple):
    """A row: its units, and the recordings that were heard."""

    units: list[Unit]
    about: tuple[str, ...]


@dataclass(frozen=True)
class WriteCaption:
    """Asks the `chat` engine once per row that has transcripts; `rules` cleans the longest transcript and asks nobody."""

    version: ClassVar[int] = 1
    asks: ClassVar[str] = "chat"
    optional: ClassVar[tuple[str, ...]] = ("transcript_recording", "recording_sha256", "heard_words", "heard_segments")

    writer: str = meaning(
        "llm", "who writes: llm, a language model, or rules, which clean the longest transcript and ask nobody"
    )
    model: str = meaning("", "the language model, as its endpoint calls it; needed unless rules write")
    base_url: str = meaning("https://api.openai.com/v1", "address of the language model's endpoint, OpenAI-compatible")
    temperature: float = meaning(0.0, "how freely the model chooses its words")
    max_tokens: int = meaning(2048, "longest answer of the language model, in tokens")
    seed: int | None = meaning(None, "seed sent with each question, for endpoints that take one")
    structured: str = meaning(
        "json_schema", "how the endpoint enforces the answer's shape: json_schema, json_object or none"
    )
    merge_prompt: str = meaning("merge-1", "name of the prompt where a picture has several transcripts")
    clean_prompt: str = meaning("clean-1", "name of the prompt where it has one")
    target_words_least: int = meaning(150, "words the model is asked for at least, where so much was said")
    target_words_most: int = meaning(250, "words the model is asked not to pass")
    chat_concurrency: int = effort(64, "requests to the language model in flight")
    requests_per_min: int = effort(0, "requests to the language model per minute; 0 is no limit")
    tokens_per_min: int = effort(0, "tokens per minute, read and written; 0 is no limit")
    chat_timeout_s: float = effort(120.0, "seconds one request to the language model may take")
    chat_retries: int = effort(8, "further tries of a question that may pass")
    key_env: str = effort("OPENAI_API_KEY", "environment variable that holds the language model's key")
    usd_per_mtok_in: float | None = effort(None, "what you pay for a million tokens read, in USD")
    usd_per_mtok_out: float | None = effort(None, "what you pay for a million tokens written, in USD")
    budget_usd: float | None = effort(None, "USD one run may cost at the very most; needs both prices; 0 is no limit")
    batch: bool = effort(False, "hand the questions in together, in the provider's batch mode: cheaper, within a day")
    batch_poll_s: float = effort(60.0, "seconds between two looks at a batch")

    def __post_init__(self) -> None:
        if self.writer not in (LLM, RULES):
            raise BadSetting(f"writer {self.writer!r} is none of {LLM}, {RULES}")
        if not 0 < self.target_words_least <= self.target_words_most:
            raise BadSetting("target_words_least must be above 0 and not above target_words_most")
        if not self.batch_poll_s > 0:
            raise BadSetting(f"batch_poll_s must be above 0, not {self.batch_poll_s!r}")
        load_prompt(self.merge_prompt), load_prompt(self.clean_prompt)
        ChatSettings(**self.chat_settings())  # raises BadSetting here

    @property
    def needs(self) -> pa.Schema:
        """The transcripts; words and segments of the recordings they are of, where there are such."""
        return NEEDS

    @property
    def adds(self) -> pa.Schema:
        """The caption and how it came about."""
        return ADDS

    def content(self) -> list[str]:
        """The prompts as they are: another text is another stage."""
        return [] if self.writer == RULES else [load_prompt(p).id for p in (self.merge_prompt, self.clean_prompt)]

    def chat_settings(self) -> dict[str, Any]:  # Any: plain values
        """The settings of the engine that answers."""
        told = {f.name: getattr(self, f.name) for f in fields(ChatSettings) if hasattr(self, f.name)}
        return told | {
            "model": self.model or NO_MODEL, "budget_usd": self.budget_usd or None, "concurrency": self.chat_concurrency,
            "timeout_s": self.chat_timeout_s, "retries": self.chat_retries,
        }  # fmt: skip

    def check(self) -> None:
        """Raises a PixmoError now for a writer that cannot write (no model, no key), rather than after all was heard."""
        if self.writer == RULES:
            return
        if not self.model:
            raise BadSetting(
                'who writes the captions? Give `model` (--model NAME), or `writer = "rules"` (--writer rules)'
            )
        key_of(ChatSettings(**self.chat_settings()))

    def questions(self, batch: pa.RecordBatch) -> list[ChatQuestion]:
        """What is asked over these rows, in order."""
        return [] if self.writer == RULES else [self._question(row) for row in _rows(batch) if row.units]

    def check_answer(self, question: ChatQuestion, text: str) -> str:
        """Why a model's text is no caption with its sources, for one repair; '' when it is one."""
        try:
            parse(text, told_units(question.messages[-1].content))
        except ValueError as error:
            return str(error)
        return ""

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """One caption per row that has transcripts."""
        rows = list(_rows(batch))
        asked = [self._question(row) for row in rows if row.units] if self.writer == LLM else []
        answers = iter(await world.ask("chat", asked) if asked else ())
        told = [
            _nothing(NO_TRANSCRIPTS) if not row.units
            else _by_rules(row.units) if self.writer == RULES
            else self._by_model(row.units, next(answers))
            for row in rows
        ]  # fmt: skip
        return pa.RecordBatch.from_pylist(told, ADDS)

    def _prompt(self, units: Sequence[Unit]) -> Prompt:
        return load_prompt(self.merge_prompt if units[0].transcript != units[-1].transcript else self.clean_prompt)

    def _question(self, row: _Told) -> ChatQuestion:
        prompt = self._prompt(row.units)
        messages = messages_of(prompt, row.units, self.target_words_least, self.target_words_most)
        return ChatQuestion(
            tuple(Message(*m) for m in messages), SCHEMA, SCHEMA_NAME, prompt=prompt.id, about=row.about
        )

    def _by_model(self, units: list[Unit], answer: Answer[Any]) -> dict[str, Any]:  # Any: column values
        facts = answer.facts or {}
        told = _nothing(str(answer.outcome), answer.detail) | {
            "caption_by": facts.get("model") or self.model, "caption_prompt": facts.get("prompt") or self._prompt(units).id,
            "caption_tokens_in": facts.get("tokens_in"), "caption_tokens_out": facts.get("tokens_out"),
            "caption_cost_usd": facts.get("cost_usd"),
        }  # fmt: skip
        if answer.outcome is not ChatOutcome.OK:
            return told
        try:
            draft = parse(facts.get("text") or "", {u.id for u in units})
        except ValueError as error:  # an answer of an engine that checks less, or of an earlier version
            return told | {"caption_outcome": str(ChatOutcome.UNPARSABLE), "caption_detail": str(error)}
        return told | _drafted(draft, units)


def _rows(batch: pa.RecordBatch) -> Iterator[_Told]:
    columns = (batch.column(name).to_pylist() for name in NEEDS.names)
    for transcripts, recordings, shas, words, segments in zip(*columns, strict=True):
        texts = transcripts or ()
        of = recordings if recordings is not None else range(len(texts))
        timings = [_timed(_nth(words, n)) or _timed(_nth(segments, n)) for n in of]
        about = dict.fromkeys(sha for n in of if (sha := _nth(shas, n)))
        yield _Told(units_of(texts, timings), tuple(about))


def _nth(values: Sequence[Any] | None, n: int | None) -> Any:  # Any: column values
    return values[n] if values is not None and n is not None and 0 <= n < len(values) else None


def _timed(stretches: Sequence[Mapping[str, Any]] | None) -> list[Timed]:  # Any: column values
    return [
        Timed(s["text"] or "", s["start_s"], s["end_s"])
        for s in stretches or ()
        if s["start_s"] is not None and s["end_s"] is not None
    ]


def _nothing(outcome: str, detail: str = "") -> dict[str, Any]:  # Any: column values
    return dict.fromkeys(ADDS.names) | {"caption_outcome": outcome, "caption_detail": detail or None}


def _drafted(draft: Draft, units: Sequence[Unit]) -> dict[str, Any]:  # Any: column values
    numbers = {u.id: n for n, u in enumerate(units)}
    sentences = [
        {"text": s.text, "spans": [span._asdict() for span in _spans(sorted(numbers[i] for i in s.units), units)]}
        for s in draft.sentences
    ]
    left = [(units[numbers[i]], reason) for i, reason in draft.omitted]
    omitted = [Omission(u.transcript, u.start, u.end, reason)._asdict() for u, reason in left]
    return {"caption": draft.caption, "caption_sentences": sentences, "caption_omitted": omitted}


def _spans(numbers: Sequence[int], units: Sequence[Unit]) -> Iterator[Support]:
    """Units that follow each other in one transcript are one stretch."""
    first = last = numbers[0]
    for n in [*numbers[1:], -1]:
        if n == last + 1 and units[n].transcript == units[last].transcript:
            last = n
            continue
        a, b = units[first], units[last]
        yield Support(a.transcript, a.start, b.end, a.start_s, b.end_s)
        first = last = n


def _by_rules(units: list[Unit]) -> dict[str, Any]:  # Any: column values
    draft = write(units)
    spoken = len({u.transcript for u in units})
    detail = f"written from the longest of {spoken} transcripts" if spoken > 1 else ""
    if not draft.sentences:
        return _nothing(NO_SENTENCES, "nothing but fillers") | {"caption_by": BY}
    return _nothing(str(ChatOutcome.OK), detail) | {"caption_by": BY} | _drafted(draft, units)
