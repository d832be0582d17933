"""Conversations inside a question: `[USER] … [ASSISTANT] … [USER] … [ASSISTANT]`, as cap-qa publishes them."""

from __future__ import annotations

import re

_MARK = re.compile(r"\[(USER|ASSISTANT)\]")


def turns(question: str) -> tuple[str, ...] | None:
    """The turns before the answer, user first, white space around them off; None where it is no conversation.

    It begins with [USER], ends with [ASSISTANT], the marks take turns, and none has nothing to say.
    """
    before, *rest = _MARK.split(question)
    marks, texts = rest[::2], [text.strip() for text in rest[1::2]]
    if before.strip() or len(marks) % 2 or not marks or texts[-1]:
        return None
    if any(mark != ("ASSISTANT" if i % 2 else "USER") for i, mark in enumerate(marks)) or not all(texts[:-1]):
        return None
    return tuple(texts[:-1])


def is_marked(question: str) -> bool:
    """Whether a text means to be a conversation: it begins with the one mark or ends with the other."""
    return question.lstrip().startswith("[USER]") or question.rstrip().endswith("[ASSISTANT]")
