"""The words and numbers of an open answer of MMMU, in the forms they are compared in.

Every pattern reads a text once: a number is looked for at its first digit only, which finds the same numbers as the original's patterns
and none of their quadratic time.
"""

from __future__ import annotations

import re

from pixmo.evaluate.tasks.chart import LONGEST

_BEFORE_ANSWERS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_TRIVIAL = frozenset(":,.!?;'")
_SENTENCE_OR_LINE = re.compile(r"\.\s(?=[A-Z])|\n")
_THOUSANDS = re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b")
_SCIENTIFIC = re.compile(r"(?:-|(?<!\d))\d++(?:\.\d++)?[eE][+-]?\d+")
_END = r"(?![eE][+-]?\d)(?![,\d])"
_PLAIN = re.compile(rf"(?:-|(?<!\d))(?:\d++\.\d++|\d++\b){_END}|-?\.\d++{_END}")


def parse_open(text: str, *, legacy: bool = False) -> list[str | float]:
    """What an answer tells, without repeats: of each sentence that has one the shortest end after a word such as `is`, and its numbers.

    An answer without any such word is taken whole.
    """
    keys = _keys(text.strip().strip("."), legacy)
    numbers = (number for key in keys for number in _numbers(key))
    return list(dict.fromkeys(form for part in (*keys, *numbers) for form in normal_forms(part)))


def _keys(text: str, legacy: bool) -> list[str]:
    sentences = _SENTENCE_OR_LINE.split(text.lower() if legacy else text)
    found = []
    for number, sentence in enumerate(sentences):
        marks = (*_BEFORE_ANSWERS, "=") if number == len(sentences) - 1 else _BEFORE_ANSWERS
        if (shortest := _shortest_end(sentence.lower(), marks)) and shortest not in _TRIVIAL:
            found.append(shortest)
    return found or [text.lower()]


def _shortest_end(sentence: str, marks: tuple[str, ...]) -> str:
    """The shortest of the ends after these words; an empty one counts until another comes, as in the original."""
    shortest = ""
    for mark in marks:
        _, there, after = sentence.rpartition(mark)
        if there and (not shortest or len(after.strip()) < len(shortest)):
            shortest = after.strip()
    return shortest


def _numbers(text: str) -> list[str]:
    return [*_THOUSANDS.findall(text), *_SCIENTIFIC.findall(text), *_PLAIN.findall(text)]


def normal_forms(text: str) -> list[str | float]:
    """A number to two decimals; or small letters, a single one with a space on either side, so that it is not found within words."""
    text = text.strip()
    number = _number(text.replace(",", ""))
    if number is not None:
        return [round(number, 2)]
    small = text.lower()
    return [f" {small}", f"{small} "] if len(small) == 1 else [small]


def _number(text: str) -> float | None:
    try:
        return float(text) if len(text) <= LONGEST else None
    except ValueError:
        return None
