"""The worst cases of an evaluation, to be looked at: which they are, and what is shown of each."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pixmo.evaluate.captions.rows import METRICS, Row, category_of, is_bound, judged_rows, repeats_in, statements_in

MOST_CASES = 300
MOST_TOLD = 100  # statements or lines of one metric
SCORES = ("cap_f1", "recall", "consistency")
_COLUMNS = (
    *SCORES, "image_url", "thumbnail", "caption", "transcripts", "statements", "statement_categories", "reference_statements",
    "reference_categories", *(f"{metric}_{what}" for metric in METRICS for what in ("verdicts", "outcome", "text")),
    "statements_outcome", "reference_outcome",
)  # fmt: skip
_Rank = tuple[bool, float, str, str]


class Told(NamedTuple):
    """A statement, or a line of a free answer, with its verdict in each repeat."""

    text: str
    category: str | None
    verdicts: list[str]


@dataclass(frozen=True)
class Case:
    """One judged row; `told` by metric, `left` how many more statements there are, `why` the outcomes that are not ok."""

    row: Row
    told: dict[str, list[Told]]
    left: dict[str, int]
    why: dict[str, str]


def worst_cases(out: Path, models: int, most: int = MOST_CASES) -> list[Case]:
    """The rows with the lowest cap-F1, equally many of each model, worst first; those without one come by recall, then at the end."""
    share = max(1, most // max(1, models))
    worst: dict[str, list[_Rank]] = {}
    by_model: dict[str, list[_Rank]] = {}
    for row in judged_rows(out, SCORES):
        held = by_model.setdefault(row["model"], [])
        held.append(_rank(row))
        if len(held) >= 4 * share:
            by_model[row["model"]] = heapq.nsmallest(share, held)
    worst = {model: heapq.nsmallest(share, held) for model, held in by_model.items()}
    ranks = {(picture, model): (bad, score) for found in worst.values() for bad, score, picture, model in found}
    cases = [_case(row) for row in judged_rows(out, _COLUMNS, frozenset(ranks))]
    return sorted(cases, key=lambda c: (*ranks[c.row["picture"], c.row["model"]], c.row["picture"], c.row["model"]))[
        :most
    ]


def _rank(row: Row) -> _Rank:
    scores = [row[name] for name in SCORES if row[name] is not None]
    return (not scores, scores[0] if scores else 0.0, row["picture"], row["model"])


def _case(row: Row) -> Case:
    told = {metric: list(_told(row, metric)) for metric in METRICS}
    cut = {metric: found[:MOST_TOLD] for metric, found in told.items()}
    return Case(row, cut, {m: len(told[m]) - len(cut[m]) for m in METRICS}, dict(_why(row)))


def _told(row: Row, metric: str) -> Iterator[Told]:
    repeats, texts = repeats_in(row, metric), statements_in(row, metric)
    bound = [v for v in repeats if is_bound(row, metric, v)]
    if bound or not repeats:
        for number, text in enumerate(texts):
            yield Told(text, category_of(row, metric, number), [v[number] for v in bound])
        return
    answer = (row[f"{metric}_text"] or [""])[0] or ""
    lines = [line.strip() for line in answer.split("\n") if line.strip()]
    if len(lines) == len(repeats[0]):
        yield from (Told(line, None, [verdict]) for line, verdict in zip(lines, repeats[0], strict=True))


def _why(row: Row) -> Iterator[tuple[str, str]]:
    for question in ("reference", "statements", *METRICS):
        said = row[f"{question}_outcome"]
        outcomes = [said] if isinstance(said, str) else list(said or ())
        for outcome in dict.fromkeys(outcomes):
            if outcome not in ("ok", "given", None):
                yield question, outcome
