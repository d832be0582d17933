"""What a model answered: the part of a text that short-answer metrics look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pixmo.errors import BadRecord

MARK = "Answer:"


def final_answer(text: str | None, *, legacy: bool = False) -> str:
    """The text after the first `Answer:` (up to a second); else the most frequent line; else all of it. White space is collapsed.

    None is an answer without words. Of lines as frequent the first is taken. `legacy` counts empty lines as well, as the original does:
    two paragraphs with two empty lines between them then are an empty answer.
    """
    if not text:
        return ""
    text = text.strip()
    if MARK in text:
        return text.split(MARK, 2)[1].strip()
    if "\n" not in text:
        return " ".join(text.split())
    lines = Counter(" ".join(line.split()) for line in text.split("\n"))
    if not legacy:
        del lines[""]
    return lines.most_common(1)[0][0]


def require_answers(answers: Sequence[str]) -> None:
    """Raises BadRecord for no reference answers, and for one text where a list of them is meant."""
    if isinstance(answers, str):
        raise BadRecord(f"reference answers are a list of texts, not one text: {answers[:40]!r}")
    if not len(answers):
        raise BadRecord("there are no reference answers; at least one is needed to score a prediction")


def require_pairs(predictions: Sequence[object], answers: Sequence[object]) -> None:
    """Raises BadRecord for lists of different lengths."""
    if len(predictions) != len(answers):
        raise BadRecord(f"{len(predictions)} predictions for {len(answers)} examples: as many are needed")
