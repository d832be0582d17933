"""Conversations: who speaks, how turns are written for a model, and how cap-qa keeps earlier turns inside a question.

Turns are plain texts, the user's first, then by turns: even ones are the user's.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pixmo.errors import BadRecord
from pixmo.records.conversation import is_marked, turns
from pixmo.records.qa import QuestionAnswer

USER_MARK, ASSISTANT_MARK = "[USER]", "[ASSISTANT]"


class Role(enum.StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"


class Message(NamedTuple):
    """One turn and whose it is."""

    role: Role
    text: str


class Layout(enum.StrEnum):
    """How turns are written for a model."""

    NONE = "none"  # as they are: captioners, whose prompt is only a style
    ROLE = "role"  # Molmo v1: `User: … Assistant:`, answers as they are
    CHAT = "chat"  # Molmo2: `<|im_start|>user … <|im_end|>`, answers as they are


def messages_of(texts: Iterable[str]) -> list[Message]:
    """The texts with their roles."""
    return [Message(Role.ASSISTANT if i % 2 else Role.USER, text) for i, text in enumerate(texts)]


def laid_out(texts: Iterable[str], layout: Layout, *, always_start_with_space: bool = True) -> list[str]:
    """Each turn as the model reads it; tokenised one by one and put behind each other they are the whole text.

    Outside `CHAT` a space goes before each turn, before the first only if asked for. No text ends an answer: the tokenizer appends
    its end-of-text id to each.
    """
    told = list(enumerate(messages_of(texts)))
    if layout is Layout.CHAT:
        return [_chat(i, message) if message.role is Role.USER else message.text for i, message in told]
    spaced = [" " if i or always_start_with_space else "" for i, _ in told]
    return [space + _said(message, layout) for space, (_, message) in zip(spaced, told, strict=True)]


def _said(message: Message, layout: Layout) -> str:
    return f"User: {message.text} Assistant:" if (message.role, layout) == (Role.USER, Layout.ROLE) else message.text


def _chat(index: int, message: Message) -> str:
    # What the model was trained on has the mark of the answer's end twice here: this one, and the id that ends every answer.
    before = "<|im_end|>\n" if index else ""
    return f"{before}<|im_start|>user\n{message.text}<|im_end|>\n<|im_start|>assistant\n"


def media_marks(pictures: int = 0, *, video: bool = False) -> str:
    """What stands before a Molmo2 chat for its pictures or its video; in v1 nothing does, the picture is put first anyway."""
    if video:
        return "<|video|>"
    return "<|image|>" if pictures == 1 else "".join(f"Image {i}<|image|>" for i in range(1, pictures + 1))


def conversation_of(record: QuestionAnswer) -> tuple[str, ...]:
    """All turns of a record, the last one its answer.

    They are those of `question` with `answer`: every revision of a set has these. A question without marks is the one turn it is,
    its text as published. Raises BadRecord where there are marks, but no conversation.
    """
    if not is_marked(record.question):
        return (record.question, record.answer)
    earlier = turns(record.question)
    if earlier is None:
        told = record.question[:60]
        raise BadRecord(f"question is no conversation of {USER_MARK} and {ASSISTANT_MARK} turns: {told!r}")
    return (*earlier, record.answer)


def first_difference(record: QuestionAnswer) -> int | None:
    """The first turn in which `messages` is not what `question` and `answer` say; None where they agree, or there are no messages.

    Raises BadRecord where `question` cannot be read.
    """
    if record.messages is None:
        return None
    told, published = conversation_of(record), record.messages
    for i, (one, other) in enumerate(zip(told, published, strict=False)):
        if one != other:
            return i
    return None if len(told) == len(published) else min(len(told), len(published))


def question_of(texts: Sequence[str]) -> tuple[str, str]:
    """`question` and `answer` as cap-qa would publish a conversation: the way back from `conversation_of`.

    Raises BadRecord for turns that would not come back: an even number of them at least 2, none empty, none with a mark inside or
    white space around it.
    """
    if not texts or len(texts) % 2:
        raise BadRecord(f"{len(texts)} turns; a conversation has an answer to each question")
    for i, text in enumerate(texts[:-1]):
        if not text or text != text.strip() or USER_MARK in text or ASSISTANT_MARK in text:
            raise BadRecord(f"turn {i} cannot stand between {USER_MARK} and {ASSISTANT_MARK}: {text[:60]!r}")
    marks = [ASSISTANT_MARK if i % 2 else USER_MARK for i in range(len(texts))]
    earlier = [f"{mark} {text}" for mark, text in zip(marks, texts[:-1], strict=False)]
    return " ".join([*earlier, ASSISTANT_MARK]), texts[-1]
