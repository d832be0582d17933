"""How well the people of a collection agree: what `agreement.json` holds, and the owner's page shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, groupby
from typing import Any, TypeAlias

from pixmo.annotate.agreement import LEAST_PX, SHARE_OF_DIAGONAL, Agreed, agreed
from pixmo.annotate.answers import Answers

Compared: TypeAlias = dict[tuple[int, int], Agreed]
"""What two submissions, by their numbers, have in common; kept, since submissions never change."""


def agreement_of(answers: Answers, compared: Compared) -> dict[str, Any]:  # Any: JSON
    """Means over all pairs of people who had the same task, and each pair, the worst first."""
    found = list(pairs(answers, compared))
    people = sorted({who for one in found for who in one["annotators"]})
    return {
        "matched_within": {"share_of_diagonal": SHARE_OF_DIAGONAL, "at_least_px": LEAST_PX},
        "pairs": len(found),
        "f1": _mean([one["f1"] for one in found]),
        "same_count": _mean([float(one["counts"][0] == one["counts"][1]) for one in found]),
        "count_difference": _mean([float(abs(one["counts"][0] - one["counts"][1])) for one in found]),
        "annotators": {p: _mean([one["f1"] for one in found if p in one["annotators"]]) for p in people},
        "tasks": sorted(found, key=lambda one: one["f1"]),
    }


def pairs(answers: Answers, compared: Compared) -> Iterator[dict[str, Any]]:  # Any: JSON
    """Each two people who had the same task."""
    for (file, label), group in groupby(answers.all(), lambda one: (one.file, one.label)):
        for a, b in combinations(group, 2):
            if a.person == b.person or a.value["label"].casefold() != b.value["label"].casefold():
                continue
            if (a.id, b.id) not in compared:
                size = a.value["width_px"], a.value["height_px"]
                compared[a.id, b.id] = agreed(a.value["points"], b.value["points"], *size)
            found = compared[a.id, b.id]
            yield {
                "image": file,
                "label": label or a.value["label"],
                "annotators": [a.person, b.person],
                **_told(found),
            }


def _told(found: Agreed) -> dict[str, Any]:  # Any: JSON
    distance = None if found.distance_px is None else round(found.distance_px, 2)
    return {"f1": round(found.f1, 4), "counts": list(found.counts), "matched": found.matched, "distance_px": distance}


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
