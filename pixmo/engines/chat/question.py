"""A question to a language model."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple


class Message(NamedTuple):
    """`role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """Messages to complete. With `schema`, the text of a JSON Schema object, the answer is to be JSON of that shape."""

    messages: tuple[Message, ...]
    schema: str = ""
    schema_name: str = "answer"
    _: KW_ONLY
    draw: int = 0  # asked so often before: the same question again, for another answer
    # no part of the key:
    strict: bool = True  # False: any JSON will do, and whoever asked looks at its parts
    prompt: str = ""  # name@digest of the prompt file the messages were made with: told in the answer
    about: tuple[str, ...] = ()  # sha256 of what the messages were made of, so that the answer can be forgotten with it
