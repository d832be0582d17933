"""The number that an answer to a counting question tells."""

from __future__ import annotations

import re

_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_NUMBERS = {word: number for number, word in enumerate(_WORDS)}
_TOTAL = re.compile(r"a total of ([0-9]++)")
_NONE = re.compile(r"\bnone\b")
LONGEST = 18
"""Digits of the longest number there is: 18 fit into 64 bits, and Python refuses to read thousands."""


def parse_count(text: str, *, legacy: bool = False) -> int | None:
    """The last word of an answer as a number (`3`, `twelve`), else the number in `a total of 3`, else 0 if it says `none`; None if none.

    Words go up to twenty. `legacy`: `none` is no number, as in the original, whose rule for it never fired.
    """
    answer = text.strip().lower().rstrip(".")
    last = answer.split()[-1] if answer.split() else ""
    for number in (whole(last), _NUMBERS.get(last), _total(answer)):
        if number is not None:
            return number
    return 0 if not legacy and _NONE.search(answer) else None


def _total(answer: str) -> int | None:
    found = _TOTAL.search(answer)
    return whole(found[1]) if found else None


def whole(word: str) -> int | None:
    """A whole number, or None for anything else and for numbers of more than 18 digits."""
    try:
        return int(word) if len(word) <= LONGEST else None
    except ValueError:
        return None
