"""`evaluate`: predictions of models against ground truth, scored answer by answer, with intervals over pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pixmo.errors import BadSetting, BadSource
from pixmo.evaluate.statistics.formulas import columns_of, mean
from pixmo.evaluate.statistics.paired import Paired, paired
from pixmo.evaluate.statistics.resample import Estimate, Floats, estimate, resampled_sums
from pixmo.evaluate.tasks.registry import Task
from pixmo.evaluate.tasks.registry_metrics import Refused, Scored
from pixmo.evaluate.tasks.run_predictions import Answers, Given, read_given, tied
from pixmo.evaluate.tasks.truth import Example, Truth, common_key, examples, truth_digest
from pixmo.ids import Digest

SAMPLES = 10_000
MOST_DRAWS = 2**28
"""Pictures times samples: of large sets fewer samples are drawn, at least FEWEST; their intervals need no more."""
FEWEST = 1_000
OF_ALL = ("", "")
AVERAGE = "*"
"""Stands for the plain mean over the values of a field."""


@dataclass(frozen=True)
class Settings:
    """How predictions are scored."""

    legacy: bool = False  # as the official evaluators do, defects included
    allow_missing: bool = False
    seed: int = 0
    samples: int = SAMPLES
    key: tuple[str, ...] = ()  # columns that tell examples apart; () finds them
    column: str | None = None  # of the prediction; None finds it

    def __post_init__(self) -> None:
        if not 100 <= self.samples <= 1_000_000:
            raise BadSetting(f"--samples {self.samples}: from 100 to 1,000,000")


class Line(NamedTuple):
    """One score of one model over some examples."""

    group: tuple[str, str]  # (field, value); OF_ALL for all examples
    score: str
    n: int  # examples it counts
    estimate: Estimate


class Model(NamedTuple):
    """One model's answers, scored."""

    answers: Answers
    scored: Sequence[Scored | None]  # in the order of the examples; None where there is no answer
    lines: Sequence[Line]

    def line(self, score: str, group: tuple[str, str] = OF_ALL) -> Line:
        """One line by its name."""
        return next(line for line in self.lines if (line.score, line.group) == (score, group))


class Difference(NamedTuple):
    """A model less the first one in the score that is quoted, over the examples that both answered."""

    model: str
    first: str
    n: int  # examples
    paired: Paired


@dataclass(frozen=True)
class Results:
    """All there is to tell of an evaluation; the same input gives the same results."""

    task: Task
    settings: Settings
    truth: str
    origin: Mapping[str, Any] | None  # Any: plain JSON; which commit of a set was read
    digest: Digest  # of the ground truth
    key: tuple[str, ...]
    examples: Sequence[Example]
    pictures: int
    samples: int
    models: Sequence[Model]
    differences: Sequence[Difference]  # of each model but the first


def evaluate(task: Task, predictions: Sequence[str], truth: Truth, settings: Settings = Settings()) -> Results:
    """The models' answers, scored. Raises BadSource or BadSetting for what does not fit together."""
    given = read_given(predictions, settings.column)
    if not given:
        raise BadSetting("no PREDICTIONS given; a file with an id and a prediction in each row")
    found, keys = _examples(task, truth, given, settings)
    ids = [e.id for e in found]
    answers = [tied(one, ids, key, settings.allow_missing) for one, key in zip(given, keys, strict=True)]
    pictures = {picture: i for i, picture in enumerate(dict.fromkeys(e.picture for e in found))}
    samples = min(settings.samples, max(FEWEST, MOST_DRAWS // len(pictures)))
    place = np.array([pictures[e.picture] for e in found])
    models = [_model(task, found, one, place, settings, samples) for one in answers]
    differences = [_difference(models[0], other, place, settings.seed, samples) for other in models[1:]]
    return Results(
        task, settings, truth.name, truth.origin, truth_digest(found), keys[0], found, len(pictures), samples, models,
        differences,
    )  # fmt: skip


def _examples(
    task: Task, truth: Truth, given: Sequence[Given], settings: Settings
) -> tuple[list[Example], list[tuple[str, ...]]]:
    """The examples, and the columns that name them in each file; all files are told apart by the same ones."""
    keys = [common_key(task.keys, truth.rows, g.rows, (truth.name, g.source), settings.key) for g in given]
    for one, key in zip(given, keys, strict=True):
        if key.here != keys[0].here:
            raise BadSetting(
                f"{given[0].source} goes by {', '.join(keys[0].here)}, {one.source} by {', '.join(key.here)}; "
                "give both the same columns"
            )
    return examples(truth.rows, task.fields, task.groups, keys[0].here, truth.name), [key.there for key in keys]


def _model(
    task: Task, found: Sequence[Example], answers: Answers, place: Any, settings: Settings, samples: int
) -> Model:
    scored = _scored(task, found, answers, settings.legacy)
    nothing = (None,) * len(task.scores)
    values = np.array([one.scores if one else nothing for one in scored], np.float64).reshape(len(found), -1)
    return Model(answers, scored, _lines(task, found, values, place, settings.seed, samples))


def _difference(first: Model, other: Model, place: Any, seed: int, samples: int) -> Difference:
    values = np.array([[s.scores[0] if s else None for s in model.scored] for model in (first, other)], np.float64).T
    both = np.isfinite(values).all(axis=1)
    columns = _sums(values[both], place[both], int(place.max()) + 1)
    drawn = resampled_sums(columns, samples, seed)
    found = paired(columns, drawn, mean, samples, seed)
    return Difference(other.answers.model, first.answers.model, int(both.sum()), found)


def _scored(task: Task, found: Sequence[Example], answers: Answers, legacy: bool) -> list[Scored | None]:
    """What the metric gives each answer; None for an example without one."""
    there = [i for i, text in enumerate(answers.texts) if text is not None]
    try:
        scored = task.metric([answers.texts[i] or "" for i in there], [found[i].truth for i in there], legacy=legacy)
    except Refused as error:
        raise BadSource(f"ground truth of {found[there[error.place]].id[:120]!r}: {error}") from error
    by_place = dict(zip(there, map(_finite, scored), strict=True))
    return [by_place.get(i) for i in range(len(found))]


def _finite(one: Scored) -> Scored:
    """nan: the official evaluator fails here, so that it has no score to give."""
    return one._replace(scores=tuple(None if s is None or math.isnan(s) else s for s in one.scores))


def _lines(task: Task, found: Sequence[Example], values: Floats, place: Any, seed: int, samples: int) -> list[Line]:
    """Every score over all examples and over each group, with intervals from the same draws."""
    groups = _groups(task, found)
    columns = np.concatenate([_sums(values[members], place[members], int(place.max()) + 1) for _, members in groups], 1)
    drawn = resampled_sums(columns, samples, seed)
    lines = []
    for k, score in enumerate(task.scores):
        for i, (group, members) in enumerate(groups):
            at = slice(2 * (i * len(task.scores) + k), 2 * (i * len(task.scores) + k) + 2)
            counted = values[members, k][np.isfinite(values[members, k])]
            found_ = estimate(
                columns[:, at], drawn[:, at], mean
            )  # its value stands on a grid; the mean itself does not
            exact = float(np.mean(counted)) if len(counted) else None
            lines.append(Line(group, score, len(counted), found_._replace(value=exact)))
        for field in task.averaged:
            of_field = [i for i, (group, _) in enumerate(groups) if group[0] == field]
            at_ = [2 * (i * len(task.scores) + k) + side for i in of_field for side in (0, 1)]
            if of_field:
                both = columns[:, at_], drawn[:, at_]
                lines.append(Line((field, AVERAGE), score, len(of_field), estimate(*both, mean_of_means)))
    return lines


def _sums(values: Floats, place: Any, pictures: int) -> Floats:
    """(pictures, 2 · scores): what each picture adds to the sum of a score and to the number it is of."""
    sums = np.zeros((pictures, 2 * values.shape[1]))
    for k in range(values.shape[1]):
        np.add.at(sums[:, 2 * k : 2 * k + 2], place, columns_of(values[:, k]))
    return sums


def mean_of_means(sums: Floats) -> Floats:
    """The plain mean over groups of their means, from (…, 2 · groups); groups without an example are left out."""
    means = mean(sums.reshape(*sums.shape[:-1], -1, 2))
    there = np.isfinite(means)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, means, 0.0).sum(-1) / there.sum(-1))


def _groups(task: Task, found: Sequence[Example]) -> list[tuple[tuple[str, str], Any]]:
    """(group, places of its examples): all of them first, then field by field, values in their natural order."""
    members: dict[tuple[str, str], list[int]] = {}
    for i, example in enumerate(found):
        for group in example.groups:
            members.setdefault(group, []).append(i)
    order = {field.name: i for i, field in enumerate(task.groups)}
    names = sorted(members, key=lambda g: (order[g[0]], not g[1].isdigit(), int(g[1]) if g[1].isdigit() else 0, g[1]))
    return [(OF_ALL, np.arange(len(found))), *((name, np.array(members[name])) for name in names)]
