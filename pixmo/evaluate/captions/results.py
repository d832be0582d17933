"""What an evaluation comes to, as values; `results.json` is these and nothing else. Shares are from 0 to 1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pixmo.ask import ChatOutcome, is_worth_retrying
from pixmo.errors import BadFolder

RESULTS_FILE = "results.json"
FORMAT = "pixmo-results/1"
_DIGITS = 6  # of a number in the file: what is beyond depends on nothing but the order of additions


@dataclass(frozen=True)
class Number:
    """A mean over pictures with its 95 % interval; None where no picture has a valid value, or too few for an interval."""

    value: float | None
    low: float | None
    high: float | None
    pictures: int


@dataclass(frozen=True)
class Difference:
    """A metric of a model less that of the first one, over the pictures both have."""

    model: str
    first: str
    metric: str
    difference: Number
    p: float | None
    spread: float | None
    detectable: float | None
    pictures_needed: dict[str, int | None]


@dataclass(frozen=True)
class Agreed:
    """How far two answers about the same statement agree: raw share and Cohen's kappa."""

    share: Number
    kappa: Number
    pairs: int
    unscored: int
    unmatched: int


@dataclass(frozen=True)
class ModelResults:
    """All about one model; `ai2` has Ai2's own aggregates, in per cent, where that protocol judged."""

    model: str
    pictures: int
    missing: int
    empty: int
    refused: int
    failed: int
    metrics: dict[str, Number]
    verdicts: dict[str, dict[str, int]]
    outcomes: dict[str, dict[str, int]]
    categories: dict[str, dict[str, Number]]
    costs: dict[str, dict[str, Any]]  # Any: numbers, or null for a cost that is not known
    ai2: dict[str, float | None] | None = None


@dataclass(frozen=True)
class Results:
    """Models in the order of the rows; the others are compared with the first."""

    stamp: dict[str, Any]  # Any: JSON values
    pictures: int
    samples: int
    repeats: dict[str, int]
    judges: dict[str, list[str]]
    models: list[ModelResults]
    differences: list[Difference]
    self_agreement: dict[str, Agreed]
    human_agreement: dict[str, Agreed] = field(default_factory=dict)
    costs: dict[str, dict[str, Any]] = field(default_factory=dict)  # Any: as above
    references: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """How many predictions are missing, as the stamp says or the rows show."""
        return max(int(self.stamp.get("missing") or 0), sum(m.missing for m in self.models))

    @property
    def may_pass(self) -> int:
        """How many questions ended so that asking again may end otherwise: a limit, a time-out, a broken connection."""
        ended = [self.references, *(counts for m in self.models for counts in m.outcomes.values())]
        # an answer that is of another shape twice in a row is the judge's affair, not the line's
        return sum(
            n for counts in ended for o, n in counts.items() if is_worth_retrying(o) and o != ChatOutcome.UNPARSABLE
        )

    def as_json(self) -> dict[str, Any]:  # Any: JSON values
        """Plain values, numbers rounded to six digits, so that they are the same wherever they are computed."""
        told: dict[str, Any] = _stable({"format": FORMAT, "missing": self.missing, **asdict(self)})
        return told

    def data(self) -> bytes:
        """`results.json`: sorted, without a clock; the same rows and stamp give the same bytes."""
        return (
            json.dumps(self.as_json(), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        ).encode("utf-8", "backslashreplace")


def setting(stamp: Mapping[str, Any], name: str) -> Any:  # Any: a JSON value
    """What the stamp says of a setting, beside the others or among `settings`; None when it says nothing."""
    settings = stamp.get("settings")
    return stamp.get(name, settings.get(name) if isinstance(settings, Mapping) else None)


def stamp_of(folder: Path) -> dict[str, Any]:  # Any: JSON values
    """The stamp of a finished evaluation. Raises BadFolder when the folder is none."""
    path = folder / RESULTS_FILE
    try:
        told = json.loads(path.read_bytes())
        if told["format"] != FORMAT:
            raise BadFolder(
                f"{path}: format {str(told['format'])[:40]!r} is not {FORMAT!r}; use the pixmo that wrote it"
            )
        return dict(told["stamp"])
    except FileNotFoundError:
        raise BadFolder(f"{folder}: has no {RESULTS_FILE}; it is made by `pixmo eval caption -o {folder}`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFolder(
            f"{path}: is not the {RESULTS_FILE} of an evaluation; run `pixmo eval caption` on it again"
        ) from error


def _stable(value: Any) -> Any:  # Any: JSON values
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0  # no minus zero
    if isinstance(value, Mapping):
        return {key: _stable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_stable(inner) for inner in value]
    return value
