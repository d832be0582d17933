"""What a language model answered, as a draft of a caption; what is wrong with it in words that it can act on."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any, NamedTuple

from pixmo.text.caption_prompt import REASONS


class DraftSentence(NamedTuple):
    """One sentence and the ids of the units it rests on, in the order they were named."""

    text: str
    units: tuple[str, ...]


class Draft(NamedTuple):
    """A caption; `omitted` are (unit, reason) of what was left out on purpose."""

    sentences: tuple[DraftSentence, ...]
    omitted: tuple[tuple[str, str], ...] = ()

    @property
    def caption(self) -> str:
        """The sentences as one text."""
        return " ".join(s.text for s in self.sentences)


def parse(answer: str, units: Container[str]) -> Draft:
    """The draft; `units` are the ids that exist. Raises ValueError that says what is wrong, fit for asking once more."""
    try:
        told = json.loads(answer)
        sentences = tuple(_sentence(n, s, units) for n, s in enumerate(told["sentences"], 1))
        omitted = tuple(_omission(o, units) for o in told["omitted"])
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError('it is not {"sentences": [{"text", "units"}], "omitted": [{"unit", "reason"}]}') from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not sentences:
        raise ValueError("`sentences` is empty: write at least one sentence")
    return Draft(sentences, omitted)


def _sentence(number: int, told: dict[str, Any], units: Container[str]) -> DraftSentence:  # Any: JSON of a stranger
    text = " ".join(told["text"].split())
    if not any(c.isalnum() for c in text):
        raise ValueError(f"sentence {number} has no words")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(f"sentence {number} holds half a character (a lone surrogate)")
    ids = tuple(dict.fromkeys(told["units"]))
    if not ids:
        raise ValueError(f"sentence {number} names no unit: name those that say it, or leave the sentence out")
    return DraftSentence(text, tuple(_known(i, f"sentence {number}", units) for i in ids))


def _omission(told: dict[str, str], units: Container[str]) -> tuple[str, str]:
    if told["reason"] not in REASONS:
        raise ValueError(f"`reason` must be one of {', '.join(REASONS)}, not {told['reason']!r}")
    return _known(told["unit"], "`omitted`", units), told["reason"]


def _known(unit: str, where: str, units: Container[str]) -> str:
    if not isinstance(unit, str) or unit not in units:
        raise ValueError(f"{where} names unit {str(unit)[:20]!r}, which does not exist")
    return unit
