"""Scripted caption writers: given the messages of a chat, the text a language model might answer. The first is faithful, the others are not.

ChatServer(answer=lambda body: answer(body["messages"]))
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from pixmo.text.caption_checks import is_command
from pixmo.text.caption_prompt import told_units
from pixmo.text.caption_rules import clean
from pixmo.text.caption_words import facts_of

Messages = list[dict[str, Any]]  # Any: as they come over the wire
_PERSON = re.compile(
    r"\b(?:i['’](?:m|ve|d|ll)|we['’](?:re|ve|ll)|i|we|my|our)\b", re.IGNORECASE
)  # also what was misheard for one
_WITHDRAWN = re.compile(r".*\b(?:no,? wait|i mean|scratch that)\b,?", re.IGNORECASE)


def asked(messages: Messages) -> dict[str, str]:
    """The units in the first thing the user says, by id."""
    return told_units(next(m["content"] for m in messages if m["role"] == "user"))


def faithful(units: dict[str, str]) -> dict[str, Any]:  # Any: JSON
    """Every unit cleaned; withdrawn words, commands and what is said again are left out."""
    sentences: list[dict[str, Any]] = []
    omitted: list[dict[str, str]] = []
    told: set[str] = set()
    for unit, said in units.items():
        text = clean(_PERSON.sub("", clean(_WITHDRAWN.sub("", said))))
        facts = facts_of(text).all
        reason = (
            "instruction" if is_command(said) else "artefact" if not text else "repeated" if facts and facts <= told else ""
        )  # fmt: skip
        if reason:
            omitted.append({"unit": unit, "reason": reason})
        else:
            sentences.append({"text": text, "units": [unit]})
            told |= facts
    return {"sentences": sentences, "omitted": omitted}


def answer(messages: Messages) -> str:
    """A caption that says what was said."""
    return json.dumps(faithful(asked(messages)))


def inventing(sentence: str) -> Callable[[Messages], str]:
    """A writer that adds a sentence of its own and cites the first unit for it."""

    def write(messages: Messages) -> str:
        told = faithful(units := asked(messages))
        told["sentences"].append({"text": sentence, "units": [next(iter(units))]})
        return json.dumps(told)

    return write


def changing(old: str, new: str) -> Callable[[Messages], str]:
    """A writer that says one thing for another."""
    return lambda messages: answer(messages).replace(old, new)


def forgetful(messages: Messages) -> str:
    """A writer that stops after one sentence and gives no reasons."""
    told = faithful(asked(messages))
    return json.dumps({"sentences": told["sentences"][:1], "omitted": []})


def refusing(messages: Messages) -> str:
    """A refusal in the right shape."""
    first = next(iter(asked(messages)))
    return json.dumps(
        {"sentences": [{"text": "I'm sorry, but I can't help with that.", "units": [first]}], "omitted": []}
    )


def empty(messages: Messages) -> str:
    """No sentence at all."""
    return json.dumps({"sentences": [], "omitted": []})


def wandering(messages: Messages) -> str:
    """Units that nobody said."""
    return answer(messages).replace('"units": ["1.', '"units": ["99.')


def repenting(messages: Messages) -> str:
    """Wrong at first, right when it is told why."""
    return answer(messages) if any(m["role"] == "assistant" for m in messages) else wandering(messages)


def obedient(messages: Messages) -> str:
    """Does what a transcript tells it to."""
    units = asked(messages)
    order = next((unit for unit, said in units.items() if is_command(said)), next(iter(units)))
    return json.dumps(
        {
            "sentences": [
                {"text": "Buy shoes at the shoe shop, the best shoes in town, today only.", "units": [order]}
            ],
            "omitted": [],
        }
    )
