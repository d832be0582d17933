"""Tokens and money before anything is asked.

No tokenizer is loaded: the model's own is seldom known. Two counts are made of the characters instead.
- *at most*: no tokenizer in use makes more tokens than there are UTF-8 bytes; with an allowance for what chat templates
  add. Budgets hold this much, so they cannot be passed.
- *typical*: four ASCII characters or one other character to a token. Good to some 20 % for prose; for telling people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pixmo.engines.chat.question import ChatQuestion, Message
from pixmo.engines.chat.settings import ChatSettings

PER_MESSAGE = 16  # tokens a template puts around a message, at most
PER_REQUEST = 128  # around all of them: a default system prompt, our sentence about the schema
REASON_CHARS = 500  # of what a repair is told
REASON_TOKENS = 2 * PER_MESSAGE + 4 * REASON_CHARS + 200  # UTF-8 has at most four bytes a character; and our words


@dataclass(frozen=True, slots=True)
class Estimate:
    """What questions may take: tokens and USD (None without a price). `*_at_most` count every answer full and repaired."""

    questions: int
    tokens_in: int  # typical, each asked once
    tokens_out: int  # with `usual_out` tokens an answer
    usd: float | None
    tokens_in_at_most: int
    tokens_out_at_most: int
    usd_at_most: float | None  # without tries that are charged and yet fail, such as time-outs


def estimate(questions: Iterable[ChatQuestion], settings: ChatSettings, usual_out: int | None = None) -> Estimate:
    """The cost of asking them all; `usual_out` is the usual length of an answer in tokens, else max_tokens is taken."""
    count = typical = most_in = 0
    for question in questions:
        count += 1
        typical += typical_tokens(question)
        bound = tokens_at_most(question.messages, question.schema)
        most_in += bound + repair_tokens_at_most(bound, settings.max_tokens)
    out = count * min(settings.max_tokens if usual_out is None else usual_out, settings.max_tokens)
    most_out = 2 * count * settings.max_tokens
    usd, most_usd = settings.usd(typical, out), settings.usd(most_in, most_out)
    return Estimate(count, typical, out, usd, most_in, most_out, most_usd)


def tokens_at_most(messages: Sequence[Message], schema: str = "") -> int:
    """No fewer tokens than any tokenizer in use makes of these messages."""
    said = sum(len(m.content.encode("utf-8", "replace")) + PER_MESSAGE for m in messages)
    return said + len(schema.encode("utf-8", "replace")) + PER_REQUEST


def repair_tokens_at_most(tokens_in: int, max_tokens: int) -> int:
    """The same for the repair of an answer: all that was said, the answer, and the reason."""
    return tokens_in + max_tokens + REASON_TOKENS


def typical_tokens(question: ChatQuestion) -> int:
    """About as many tokens as a question has; see the module."""
    texts = [m.content for m in question.messages] + [question.schema]
    ascii_chars = sum(len(t) if t.isascii() else len(t.encode("ascii", "ignore")) for t in texts)
    return round(ascii_chars / 4) + sum(map(len, texts)) - ascii_chars + 4 * len(question.messages)
