"""Judged rows to results: every mean with its interval, the models compared, the judge's agreement with itself and with people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pixmo.evaluate.captions.results import Agreed, Difference, ModelResults, Number, Results, setting
from pixmo.evaluate.captions.rows import Row
from pixmo.evaluate.captions.tally import QUESTIONS, Agreement, Model, Tally, Used
from pixmo.evaluate.statistics.formulas import agreement, columns_of, f1_of_means, harmonic, kappa, mean
from pixmo.evaluate.statistics.paired import detectable, paired, pictures_needed
from pixmo.evaluate.statistics.resample import SAMPLES, Floats, Statistic, estimate, resampled

MEANS = {
    "recall": "recall", "recall_at_10": "recall_at_10", "consistency": "consistency", "cap_f1_per_picture": "cap_f1",
    "n_statements": "n_statements", "caption_words": "caption_words", "repeated_share": "repeated_share", "is_repeating": "is_repeating",
    "unscored_share": "unscored_share",
}  # fmt: skip
"""Means over pictures by their name in the results, and the column each is of."""

CAP_F1 = "cap_f1"
COMPARED = (CAP_F1, "recall", "recall_at_10", "consistency", "cap_f1_per_picture")
TO_SEE = (0.01, 0.02, 0.05)
"""Differences for which the number of pictures needed is told."""

Blocks = dict[tuple[str, ...], Floats]


def summarise(
    rows: Iterable[Row],
    *,
    stamp: Mapping[str, Any] | None = None,  # Any: JSON values
    human: Mapping[str, Agreement] | None = None,
    samples: int = SAMPLES,
) -> Results:
    """The results of judged rows (`judged_rows` with `tally.COLUMNS`).

    `stamp` says how they came about: its `seed` draws the samples, and with protocol `ai2` Ai2's own aggregates are told too.
    """
    return results_of(Tally().take(rows), stamp or {}, human or {}, samples)


def results_of(tally: Tally, stamp: Mapping[str, Any], human: Mapping[str, Agreement], samples: int) -> Results:
    """The results of rows that are counted."""
    draws = _Draws(tally, stamp, human, samples)
    used = _costs(tally)
    names = in_order(list(tally.models), stamp)
    sampled = max(len(tally.pictures), int(stamp.get("pictures") or 0))
    return Results(
        stamp=dict(stamp),
        pictures=len(tally.pictures),
        samples=samples,
        repeats=dict(tally.repeats),
        judges={question: sorted(names) for question, names in sorted(tally.judges.items()) if names},
        models=[
            _model(name, tally.models[name], draws, sampled, setting(stamp, "protocol") == "ai2") for name in names
        ],
        differences=list(draws.differences(names)),
        self_agreement={m: draws.agreed(a, "self", m) for m, a in tally.same.items() if a.pairs or a.unscored},
        human_agreement={
            m: draws.agreed(a, "human", m) for m, a in human.items() if a.pairs or a.unmatched or a.unscored
        },
        costs={name: one.as_json() for name, one in used.items()},
        references=dict(sorted(tally.reference_outcomes.items())),
    )


def in_order(models: list[str], stamp: Mapping[str, Any]) -> list[str]:
    """Models as they were given: where predictions are missing, rows may begin with another one."""
    asked = list(stamp.get("models") or ())
    return [name for name in asked if name in models] + [name for name in models if name not in asked]


class _Draws:
    """All columns of a report and their sums over the same resampled pictures."""

    def __init__(self, tally: Tally, stamp: Mapping[str, Any], human: Mapping[str, Agreement], samples: int) -> None:
        self.pictures, self._samples, self._seed = tally.pictures, samples, int(stamp.get("seed") or 0)
        self._place = {picture: i for i, picture in enumerate(self.pictures)}
        self.blocks: Blocks = dict(self._of_models(tally))
        self.blocks |= dict(self._of_pairs(in_order(list(tally.models), stamp)))
        self.blocks |= {("self", metric): a.tables.columns(self.pictures) for metric, a in tally.same.items()}
        self.blocks |= {("human", metric): a.tables.columns(self.pictures) for metric, a in human.items()}
        self.sums = resampled(self.blocks, samples, self._seed)

    def number(self, key: tuple[str, ...], statistic: Statistic = mean) -> Number:
        """One number with its interval; `pictures` are those that are valid, for cap-F1 in either mean."""
        columns = self.blocks[key]
        valid = columns.any(axis=1)
        found = estimate(columns, self.sums[key], statistic)
        return Number(*found, int(valid.sum()))

    def agreed(self, pairs: Agreement, *key: str) -> Agreed:
        """Agreement and kappa of a table."""
        share, beyond = (self.number(key, statistic) for statistic in (agreement, kappa))
        return Agreed(share, beyond, pairs.pairs, pairs.unscored, pairs.unmatched)

    def differences(self, models: list[str]) -> Iterator[Difference]:
        """The other models against the first; metrics that no picture of both has are left out."""
        for name in models[1:]:
            for metric in COMPARED:
                found = self._difference(models[0], name, metric)
                if found.difference.value is not None:
                    yield found

    def _difference(self, first: str, name: str, metric: str) -> Difference:
        key, statistic = ("pair", name, metric), f1_of_means if metric == CAP_F1 else mean
        found = paired(self.blocks[key], self.sums[key], statistic, self._samples, self._seed)
        spread, pictures = found.spread, found.pictures
        return Difference(
            name, first, metric, Number(*found.difference, pictures), found.p, spread,
            detectable(spread, pictures) if spread is not None else None,
            {f"{size:.2f}": pictures_needed(spread, size) for size in TO_SEE} if spread is not None else {},
        )  # fmt: skip

    def _of_models(self, tally: Tally) -> Iterator[tuple[tuple[str, ...], Floats]]:
        for name, model in tally.models.items():
            rows = np.array([self._place[p] for p in model.pictures], int)
            for metric, column in (MEANS | {"lines": "lines"}).items():
                values = np.full(len(self.pictures), np.nan)
                values[rows] = model.numbers[column]
                yield ("model", name, metric), columns_of(values)
            for (metric, category), table in model.categories.items():
                yield ("category", name, metric, category), table.columns(self.pictures)

    def _of_pairs(self, models: list[str]) -> Iterator[tuple[tuple[str, ...], Floats]]:
        for name in models[1:]:
            for metric in COMPARED:
                yield ("pair", name, metric), self._pair(models[0], name, metric)
        for name in models:
            yield ("model", name, CAP_F1), self._f1(name)

    def _pair(self, first: str, name: str, metric: str) -> Floats:
        """Both models' columns, 0 for pictures that one of them has no valid value of; for cap-F1, no row of."""
        one, other = (self._f1(m) if metric == CAP_F1 else self.blocks["model", m, metric] for m in (first, name))
        both = np.asarray(one.any(axis=1) & other.any(axis=1))
        return np.where(both[:, None], np.concatenate([one, other], axis=1), 0.0)

    def _f1(self, name: str) -> Floats:
        return np.concatenate([self.blocks["model", name, m] for m in ("recall", "consistency")], axis=1)


def _model(name: str, model: Model, draws: _Draws, sampled: int, is_ai2: bool) -> ModelResults:
    numbers = {metric: draws.number(("model", name, metric)) for metric in MEANS}
    numbers[CAP_F1] = draws.number(("model", name, CAP_F1), f1_of_means)
    categories: dict[str, dict[str, Number]] = {}
    for metric, category in sorted(model.categories):
        categories.setdefault(metric, {})[category] = draws.number(("category", name, metric, category))
    lines = draws.number(("model", name, "lines")).value
    return ModelResults(
        name, len(model.pictures), sampled - len(model.pictures), model.empty, model.refused, model.failed,
        numbers,
        {metric: dict(sorted(n.items())) for metric, n in sorted(model.verdicts.items())},
        {question: dict(sorted(n.items())) for question, n in sorted(model.outcomes.items()) if n},
        categories,
        {question: model.used[question].as_json() for question in QUESTIONS},
        _ai2(numbers, lines) if is_ai2 else None,
    )  # fmt: skip


def _ai2(numbers: Mapping[str, Number], lines: float | None) -> dict[str, float | None]:
    """Ai2's aggregates by Ai2's names: means over valid pictures in per cent; `avg` is what its script prints, `f1` it leaves out."""
    told = {name: numbers[name].value for name in ("recall", "recall_at_10", "consistency", "is_repeating")}
    percent = {name: None if value is None else 100 * value for name, value in told.items()}
    recall, consistency = percent["recall"], percent["consistency"]
    both = recall is not None and consistency is not None
    return percent | {
        "num_statements": lines,
        "avg": (recall + consistency) / 2 if both else None,  # type: ignore[operator]  # both are numbers
        "f1": float(harmonic(np.array(recall), np.array(consistency))) if both else None,
    }


def _costs(tally: Tally) -> dict[str, Used]:
    """What each kind of question took over all models, and all together; statements of people once per picture."""
    used = {"references": tally.references}
    for question in QUESTIONS:
        used[question] = sum((replace(m.used[question]) for m in tally.models.values()), Used())
    used["total"] = sum(used.values(), Used())
    return used
