"""Several finished evaluations in one table, where numbers of one may stand beside numbers of the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pixmo.ask import ChatOutcome
from pixmo.errors import BadSetting
from pixmo.evaluate.captions.results import Results, setting, stamp_of
from pixmo.evaluate.captions.rows import judged_rows
from pixmo.evaluate.captions.summary import in_order, results_of
from pixmo.evaluate.captions.tally import COLUMNS, Tally
from pixmo.evaluate.statistics.resample import SAMPLES
from pixmo.ids import Digest, digest_of

T = TypeVar("T")

SAME = ("protocol", "kind", "judge")
"""What the stamps must agree in, beside prompts and references; else the numbers differ by more than the captions."""
_SAID = ("transcripts", "reference_statements", "reference_outcome")


def compare(folders: Sequence[Path], samples: int = SAMPLES) -> Results:
    """The results of the models of all folders together, paired by picture; the first model of the first folder is compared with.

    Models of the same name are told apart by their folder's. Raises BadSetting for folders that differ in one of SAME, in who answered as
    the judge, in the prompt of a question that both asked, or in what people said of a picture that both have; BadFolder for one that is no
    finished evaluation.
    """
    stamps = [stamp_of(folder) for folder in folders]
    for folder, stamp in zip(folders[1:], stamps[1:], strict=True):
        for name in SAME:
            _same(name, folders[0], setting(stamps[0], name), folder, setting(stamp, name))
        prompts = _both(_prompts(stamps[0]), _prompts(stamp))
        _same("prompts", folders[0], [one for one, _ in prompts], folder, [other for _, other in prompts])
    _same_references(folders)
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
    models = [told[i, name] for i, tally in enumerate(tallies) for name in in_order(list(tally.models), stamps[i])]
    return results_of(Tally().take(rows), _common(stamps) | {"models": models}, {}, samples)


def _same(name: str, first: Path, one: Any, folder: Path, other: Any) -> None:  # Any: JSON values
    if one != other:
        raise BadSetting(
            f"{first} and {folder} differ in {name} ({_brief(one)} and {_brief(other)}), so their numbers do not compare; "
            "judge both the same way"
        )


def _prompts(stamp: Mapping[str, Any]) -> dict[str, str]:  # Any: JSON values
    """Prompts by what they ask: `recall` of `recall-1@ca5c…`."""
    return {re.sub(r"-[0-9]+$", "", prompt.partition("@")[0]): prompt for prompt in setting(stamp, "prompts") or ()}


def _same_references(folders: Sequence[Path]) -> None:
    """Whether all were judged by the same words of people, picture by picture: how they were given, and how many, does not matter."""
    first = _said(folders[0])
    for folder in folders[1:]:
        shared = _both(first, _said(folder))
        if not shared:
            raise BadSetting(f"{folders[0]} and {folder} have no picture in common, so their numbers do not compare")
        if others := sum(any(a != b for a, b in _both(one, other)) for one, other in shared):
            raise BadSetting(
                f"{folders[0]} and {folder} differ in references: people's statements or transcripts are others for {others:,} of the "
                f"{len(shared):,} pictures both have, so their numbers do not compare; judge one of them again with the other's references.jsonl"
            )


def _said(folder: Path) -> dict[str, dict[str, Digest]]:
    """Digests of what people said of each picture; without the statements where none were needed, or none could be made."""
    found: dict[str, dict[str, Digest]] = {}
    for row in judged_rows(folder, _SAID):
        if row["picture"] not in found:
            made = row["reference_outcome"] in (ChatOutcome.OK, "given")
            told = {name: row[name] for name in _SAID[: 1 + made]}
            found[row["picture"]] = {name: digest_of(value or []) for name, value in told.items()}
    return found


def _both(one: Mapping[str, T], other: Mapping[str, T]) -> list[tuple[T, T]]:
    return [(one[key], other[key]) for key in sorted(one.keys() & other.keys())]


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
