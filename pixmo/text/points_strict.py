"""Reading point texts strictly: the first fault of a text, and what the readers of both models share."""

from __future__ import annotations

import re
from typing import NamedTuple

from pixmo.errors import BadRecord

_TOTAL = re.compile(r" shows a total of ([0-9]++)\.")
_THERE_ARE = re.compile(r"There are ([0-9]++) ")


class Fault(NamedTuple):
    """The first place where a text is not what the model was trained to write."""

    position: int  # characters before it
    reason: str


class BadPointText(BadRecord):
    """A text that is not in the grammar it is strictly read in; `fault` says where and why."""

    def __init__(self, position: int, reason: str) -> None:
        self.fault = Fault(position, reason)
        super().__init__(f"at character {position}: {reason}")


def up_to(text: str, at: int, before: str, after: str, what: str) -> tuple[str, int]:
    """What stands between two marks, and where the second one ends. Raises BadPointText where one is missing."""
    if not text.startswith(before, at):
        raise BadPointText(at, f"{before!r} is due")
    at += len(before)
    end = text.find(after, at)
    if end < 0:
        raise BadPointText(at, f"the {what} does not end with {after!r}")
    return text[at:end], end + len(after)


def require_count(text: str, start: int, end: int, count: int) -> None:
    """Raises BadPointText where the text is a sentence that counts what one tag points at, and tells another number."""
    before, after = text[:start], text[end:]
    total = _TOTAL.fullmatch(after) if before == "Counting the " else None
    there_are = _THERE_ARE.fullmatch(before) if after == "." else None
    for told, offset in ((total, end), (there_are, 0)):
        if told and told[1] != str(count):
            raise BadPointText(offset + told.start(1), f"it tells {told[1][:20]} and points at {count}")
