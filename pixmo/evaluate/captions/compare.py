"""Several finished evaluations in one table, where numbers of one may stand beside numbers of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmo.errors import BadSetting
from pixmo.evaluate.captions.results import Results, setting, stamp_of
from pixmo.evaluate.captions.rows import judged_rows
from pixmo.evaluate.captions.summary import results_of
from pixmo.evaluate.captions.tally import COLUMNS, Tally
from pixmo.evaluate.statistics.resample import SAMPLES

SAME = ("protocol", "kind", "judge", "prompts", "references")
"""What must be the same; else the numbers differ by more than the captions."""


def compare(folders: Sequence[Path], samples: int = SAMPLES) -> Results:
    """The results of the models of all folders together, paired by picture; the first model of the first folder is compared with.

    Models of the same name are told apart by their folder's. Raises BadSetting for folders that differ in one of SAME or in who answered
    as the judge, BadFolder for one that is no finished evaluation.
    """
    stamps = [stamp_of(folder) for folder in folders]
    for folder, stamp in zip(folders[1:], stamps[1:], strict=True):
        for name in SAME:
            _same(name, folders[0], setting(stamps[0], name), folder, setting(stamp, name))
    tallies = [Tally().take(judged_rows(folder, COLUMNS)) for folder in folders]
    for folder, tally in zip(folders[1:], tallies[1:], strict=True):
        for question, names in tally.judges.items():
            if names and tallies[0].judges[question]:
                _same(f"judge of {question}", folders[0], sorted(tallies[0].judges[question]), folder, sorted(names))
    told = _told_apart(folders, tallies)
    rows = (
        row | {"model": told[i, row["model"]]}
        for i, folder in enumerate(folders)
        for row in judged_rows(folder, COLUMNS)
    )
    return results_of(Tally().take(rows), _common(stamps), {}, samples)


def _same(name: str, first: Path, one: Any, folder: Path, other: Any) -> None:  # Any: JSON values
    if one != other:
        raise BadSetting(
            f"{first} and {folder} differ in {name} ({_brief(one)} and {_brief(other)}), so their numbers do not compare; "
            "judge both the same way"
        )


def _brief(value: Any) -> str:  # Any: a JSON value
    told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return told if len(told) <= 120 else told[:119] + "…"


def _common(stamps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # Any: JSON values
    """What all stamps say, and how many predictions are missing altogether."""
    first = stamps[0]
    same = {name: value for name, value in first.items() if all(s.get(name) == value for s in stamps)}
    return same | {"seed": first.get("seed"), "missing": sum(int(s.get("missing") or 0) for s in stamps)}


def _told_apart(folders: Sequence[Path], tallies: Sequence[Tally]) -> dict[tuple[int, str], str]:
    often = Counter(name for tally in tallies for name in tally.models)
    taken: set[str] = set()
    found = {}
    for i, name in _models(tallies):
        told = name if often[name] == 1 else f"{folders[i].resolve().name}/{name}"
        while told in taken:
            told += "'"
        taken.add(told)
        found[i, name] = told
    return found


def _models(tallies: Sequence[Tally]) -> Iterator[tuple[int, str]]:
    for i, tally in enumerate(tallies):
        yield from ((i, name) for name in tally.models)
