"""Count verdicts: recall, consistency and cap-F1 of a caption, and how much of it is unscored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from pixmo.records.judgement import Verdict
from pixmo.stage import RowStage
from pixmo.text.caption_units import n_words

Verdicts = Sequence[Sequence[str]]


class CaptionScores(NamedTuple):
    """Lists have a value per repeat. `None` where nothing was scored: it is outside every mean, and never zero."""

    n_stated: list[int]
    n_recall_scored: list[int]
    n_consistent: list[int]
    n_consistency_scored: list[int]
    n_cannot_tell: list[int]
    recall: float | None
    recall_at_10: float | None
    consistency: float | None
    cap_f1: float | None
    n_statements: int
    n_reference_statements: int
    caption_words: int
    unscored_share: float | None


@dataclass(frozen=True)
class ScoreCaption(RowStage):
    """Shares are of the verdicts yes and no; `cannot_tell` and `unscored` are counted beside them. Means are over repeats."""

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = (
        "recall_verdicts",
        "consistency_verdicts",
        "statements",
        "reference_statements",
    )

    def row(
        self,
        caption: str | None,
        statements: list[str] | None,
        reference_statements: list[str] | None,
        recall_verdicts: list[list[str]] | None,
        consistency_verdicts: list[list[str]] | None,
    ) -> CaptionScores:
        """The scores of one caption."""
        stated, consistent = recall_verdicts or [], consistency_verdicts or []
        recall, consistency = _share(stated), _share(consistent)
        return CaptionScores(
            _counts(stated, Verdict.YES), _counts(stated, Verdict.YES, Verdict.NO),
            _counts(consistent, Verdict.YES), _counts(consistent, Verdict.YES, Verdict.NO),
            _counts(consistent, Verdict.CANNOT_TELL),
            recall, _share(stated, most=10), consistency, harmonic(recall, consistency),
            len(statements or ()), len(reference_statements or ()), n_words(caption or ""),
            _unscored([*stated, *consistent]),
        )  # fmt: skip


def harmonic(one: float | None, other: float | None) -> float | None:
    """The harmonic mean; 0 for two zeros, None where either is missing."""
    if one is None or other is None:
        return None
    return 2 * one * other / (one + other) if one + other else 0.0


def _counts(verdicts: Verdicts, *which: Verdict) -> list[int]:
    return [sum(v in which for v in repeat) for repeat in verdicts]


def _share(verdicts: Verdicts, most: int | None = None) -> float | None:
    """Mean over repeats of yes to yes and no, both cut at `most`; repeats in which nothing was scored are left out."""
    pairs = zip(_counts(verdicts, Verdict.YES), _counts(verdicts, Verdict.YES, Verdict.NO), strict=True)
    shares = [yes / n if most is None else min(yes, most) / min(n, most) for yes, n in pairs if n]
    return sum(shares) / len(shares) if shares else None


def _unscored(verdicts: Verdicts) -> float | None:
    n = sum(map(len, verdicts))
    return sum(_counts(verdicts, Verdict.UNSCORED)) / n if n else None
