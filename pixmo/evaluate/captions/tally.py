"""One walk over judged rows: what every number of the results is made of, a few numbers per row and no text."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from pixmo.ask import ChatOutcome
from pixmo.errors import BadFolder
from pixmo.evaluate.captions.rows import METRICS, Row, category_of, is_bound, repeats_in
from pixmo.evaluate.statistics.resample import Floats
from pixmo.records.judgement import Verdict
from pixmo.stages.judge_repetition import RULE

LABELS = (Verdict.YES, Verdict.NO, Verdict.CANNOT_TELL)
"""The classes of agreement; `unscored` is no answer, and counted apart."""

NUMBERS = (
    "recall", "recall_at_10", "consistency", "cap_f1", "n_statements", "caption_words", "repeated_share", "is_repeating", "unscored_share",
)  # fmt: skip
QUESTIONS = ("statements", "recall", "consistency", "repetition")
"""What is asked about a caption; statements of people are asked about once per picture, for all models."""

COLUMNS = (
    *NUMBERS, "caption", "n_consistency_scored", "reference_categories", "statement_categories", "reference_statements", "statements",
    *(f"{q}_{end}" for q in ("reference", *QUESTIONS) for end in ("outcome", "by", "tokens_in", "tokens_out", "cost_usd")),
    *(f"{metric}_verdicts" for metric in METRICS),
)  # fmt: skip
_PLACE = {label: i for i, label in enumerate(LABELS)}


@dataclass
class Used:
    """Tokens and cost of questions; `unpriced` rows have tokens whose price or number is not known."""

    tokens_in: int = 0
    tokens_out: int = 0
    unpriced: int = 0
    usd: list[float] = field(default_factory=list)

    def add(self, row: Row, question: str) -> None:
        """What one row's question took."""
        read, written, cost = (row[f"{question}_{end}"] for end in ("tokens_in", "tokens_out", "cost_usd"))
        self.tokens_in += read or 0
        self.tokens_out += written or 0
        if cost is not None:
            self.usd.append(cost)
        elif row[f"{question}_by"] not in (None, RULE):
            self.unpriced += 1

    def __add__(self, other: Used) -> Used:
        return Used(
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.unpriced + other.unpriced,
            self.usd + other.usd,
        )

    def as_json(self) -> dict[str, Any]:  # Any: JSON values
        """Sums; `usd` is null where no price is known."""
        told = {"tokens_in": self.tokens_in, "tokens_out": self.tokens_out, "unpriced": self.unpriced}
        return told | {"usd": math.fsum(self.usd) if self.usd else None}


class Tables:
    """Counts in columns, per picture: cells of an agreement table, or yes and all of a category."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._cells: dict[str, Floats] = {}

    def add(self, picture: str, cell: int, n: float = 1) -> None:
        """Counts in one column of a picture."""
        self._cells.setdefault(picture, np.zeros(self.width))[cell] += n

    def columns(self, pictures: list[str]) -> Floats:
        """(pictures, width), in this order."""
        nothing = np.zeros(self.width)
        return np.array([self._cells.get(p, nothing) for p in pictures]).reshape(len(pictures), self.width)


@dataclass
class Agreement:
    """Pairs of answers about the same statement; `unscored` pairs lack one, `unmatched` answers have no partner."""

    tables: Tables = field(default_factory=lambda: Tables(len(LABELS) ** 2))
    pairs: int = 0
    unscored: int = 0
    unmatched: int = 0

    def add(self, picture: str, one: str, other: str, both_ways: bool = False) -> None:
        """One pair; `both_ways` where neither comes first."""
        if one not in _PLACE or other not in _PLACE:
            self.unscored += 1
            return
        self.pairs += 1
        self.tables.add(picture, _PLACE[Verdict(one)] * len(LABELS) + _PLACE[Verdict(other)])
        if both_ways:
            self.tables.add(picture, _PLACE[Verdict(other)] * len(LABELS) + _PLACE[Verdict(one)])


@dataclass
class Model:
    """What the rows of one model come to."""

    pictures: list[str] = field(default_factory=list)
    numbers: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in (*NUMBERS, "lines")})
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    verdicts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    categories: dict[tuple[str, str], Tables] = field(default_factory=lambda: defaultdict(lambda: Tables(2)))
    used: dict[str, Used] = field(default_factory=lambda: {q: Used() for q in QUESTIONS})
    empty: int = 0
    refused: int = 0
    failed: int = 0


@dataclass
class Tally:
    """What judged rows come to; models in the order they were met, pictures sorted when asked for."""

    models: dict[str, Model] = field(default_factory=dict)
    references: Used = field(default_factory=Used)
    reference_outcomes: Counter[str] = field(default_factory=Counter)
    judges: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    repeats: dict[str, int] = field(default_factory=lambda: dict.fromkeys(METRICS, 0))
    same: dict[str, Agreement] = field(default_factory=lambda: {metric: Agreement() for metric in METRICS})
    _seen: set[str] = field(default_factory=set)
    _rows: set[tuple[str, str]] = field(default_factory=set)

    @property
    def pictures(self) -> list[str]:
        """All pictures, sorted."""
        return sorted(self._seen)

    def take(self, rows: Iterable[Row]) -> Tally:
        """Counts rows in; itself."""
        for row in rows:
            self.add(row)
        return self

    def add(self, row: Row) -> None:
        """Counts one row in. Raises BadFolder for a picture that a model has twice."""
        picture, name = row["picture"], row["model"]
        if (picture, name) in self._rows:
            raise BadFolder(f"model {name!r} has two rows of the picture {picture!r}")
        self._rows.add((picture, name))
        self._reference(row)
        model = self.models.setdefault(name, Model())
        model.pictures.append(picture)
        _numbers(model, row)
        _outcomes(model, row)
        for question in QUESTIONS:
            model.used[question].add(row, question)
            self.judges[question] |= {row[f"{question}_by"]} - {None}
        for metric in METRICS:
            self._verdicts(model, row, metric)

    def _reference(self, row: Row) -> None:
        """Statements of people are shared by all models: each picture's count once."""
        if row["picture"] not in self._seen:
            self._seen.add(row["picture"])
            self.references.add(row, "reference")
            self.reference_outcomes[row["reference_outcome"] or "none"] += 1
            self.judges["references"] |= {row["reference_by"]} - {None}

    def _verdicts(self, model: Model, row: Row, metric: str) -> None:
        repeats, picture = repeats_in(row, metric), row["picture"]
        self.repeats[metric] = max(self.repeats[metric], len(repeats))
        for verdicts in repeats:
            model.verdicts[metric].update(verdicts)
            if is_bound(row, metric, verdicts):
                _categories(model, row, metric, verdicts)
        for one, other in combinations(repeats, 2):
            if len(one) != len(other):  # lines of free answers: nobody knows which belongs to which
                self.same[metric].unmatched += max(len(one), len(other))
                continue
            for first, second in zip(one, other, strict=True):
                self.same[metric].add(picture, first, second, both_ways=True)


def _numbers(model: Model, row: Row) -> None:
    for name in NUMBERS:
        known = row[name] is not None and (name != "n_statements" or row["statements_outcome"] in _STATED)
        model.numbers[name].append(float(row[name]) if known else math.nan)
    lines = [n for n in row["n_consistency_scored"] or () if n]
    model.numbers["lines"].append(sum(lines) / len(lines) if lines else math.nan)


def _outcomes(model: Model, row: Row) -> None:
    told = {question: row[f"{question}_outcome"] or [] for question in QUESTIONS}
    lists = {question: [o] if isinstance(o, str) else list(o) for question, o in told.items()}
    for question, outcomes in lists.items():
        model.outcomes[question].update(outcomes)
    found = {outcome for outcomes in lists.values() for outcome in outcomes}
    model.empty += not (row["caption"] or "").strip()
    model.refused += str(ChatOutcome.REFUSED) in found
    model.failed += bool(found & _FAILED)


def _categories(model: Model, row: Row, metric: str, verdicts: list[str]) -> None:
    for number, verdict in enumerate(verdicts):
        category = category_of(row, metric, number)
        if category and verdict in (Verdict.YES, Verdict.NO):
            table = model.categories[metric, category]
            table.add(row["picture"], 0, verdict == Verdict.YES)
            table.add(row["picture"], 1)


_STATED = ("ok", "given", "empty_caption")
_FAILED = {str(o) for o in ChatOutcome if o not in (ChatOutcome.OK, ChatOutcome.REFUSED)} | {"too_long"}
