"""Reads a judge's structured answers. What is not exactly as it was asked for is named and left out; nothing is guessed.

read = read_verdicts('{"verdicts": [{"id": "s1", "verdict": "stated"}]}', ["s1", "s2"], STATED)
read.verdicts   # {"s1": Verdict.YES}
read.faults     # {"s2": "missing"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pixmo.judge.asks import CATEGORIES
from pixmo.records.judgement import Verdict

MOST_STATEMENTS = 500
MISSING, DOUBLED, MALFORMED, UNKNOWN = "missing", "doubled", "malformed", "unknown"


class Statements(NamedTuple):
    """What a caption, or people, state; `categories` is empty where none were asked for."""

    texts: list[str]
    categories: list[str]


class Read(NamedTuple):
    """The verdicts that can be used, by statement id, and what is wrong with the others; `faults` may name unknown ids."""

    verdicts: dict[str, Verdict]
    faults: dict[str, str]


def read_statements(text: str, has_categories: bool = False) -> Statements:
    """The statements of an answer, equal ones once. Raises ValueError, in words a model can act on, where they cannot be used."""
    told = _object(text).get("statements")
    if not isinstance(told, list):
        raise ValueError("`statements` is no list")  # noqa: TRY004 – an answer, not an argument
    if len(told) > MOST_STATEMENTS:
        raise ValueError(f"there are {len(told)} statements, more than {MOST_STATEMENTS}")
    found: dict[str, str] = {}
    for number, one in enumerate(told, 1):
        statement, category = _statement(one, number, has_categories)
        found.setdefault(statement, category)
    return Statements(list(found), list(found.values()) if has_categories else [])


def read_verdicts(text: str, ids: Sequence[str], labels: Mapping[str, Verdict]) -> Read:
    """One verdict per id, of those asked for. A verdict that is missing, given twice (also when equal) or malformed is a fault."""
    try:
        told = _object(text).get("verdicts")
    except ValueError:
        told = None
    entries = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    given: dict[str, list[object]] = {}
    for one in entries:
        if isinstance(one.get("id"), str):
            given.setdefault(one["id"], []).append(one.get("verdict"))
    read = Read({}, {})
    for at in ids:
        said = given.pop(at, [])
        label = said[0] if len(said) == 1 else None
        if isinstance(label, str) and label in labels:
            read.verdicts[at] = labels[label]
        else:
            read.faults[at] = MISSING if not said else DOUBLED if len(said) > 1 else MALFORMED
    return Read(read.verdicts, read.faults | dict.fromkeys(given, UNKNOWN))


def read_repetition(text: str) -> bool:
    """Whether the judge finds that a caption repeats itself. Raises ValueError."""
    said = _object(text).get("is_repeating")
    if not isinstance(said, bool):
        raise ValueError("`is_repeating` is neither true nor false")  # noqa: TRY004 – an answer, not an argument
    return said


def _statement(one: object, number: int, has_category: bool) -> tuple[str, str]:
    text = one.get("text") if isinstance(one, dict) else None
    if not isinstance(text, str) or not isinstance(one, dict) or not text.strip():
        raise ValueError(f"statement {number} has no text")
    category = one.get("category", "")
    if has_category and category not in CATEGORIES:
        raise ValueError(f"statement {number} has a category that is none of the list")
    return text.strip(), category


def _object(text: str) -> dict[str, Any]:
    """The JSON object an answer is. An entry that names a key twice says nothing. Raises ValueError."""
    try:
        told = json.loads(text, object_pairs_hook=_unambiguous)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(told, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 – an answer, not an argument
    return told


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    return told if len(told) == len(pairs) else {}
