"""Ties predictions to references: by which column, and which caption belongs to which picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pixmo.errors import BadSource
from pixmo.sources.place import one_line
from pixmo.sources.predictions import Predictions, stem
from pixmo.sources.references import KEYS, References, listed


class Tied(NamedTuple):
    """One model's captions by what ties them; `nulls` are the ties of those that were null, `extra` is what tied to nothing."""

    name: str
    captions: dict[str, str]
    nulls: set[str]
    extra: int
    duplicates: int


def tie(refs: References, models: Sequence[Predictions], key: str | None) -> str:
    """The column that ties all models: `key`, or the first of KEYS with values that meet. Raises BadSource when none does."""
    columns = [c for c in ([key] if key else KEYS) if refs.ties_by(c)]
    if key and not columns:
        raise BadSource(
            f"{refs.name}: has no column {key!r} to tie by (--picture-key); it has {listed(refs.columns())}"
        )
    left: Predictions = models[0]
    for column in columns:
        wanted = {t.strip() for t in refs.ties(column) if t}
        unmet = next((m for m in models if not _meets(m, column, wanted)), None)
        if unmet is None:
            return column
        left = unmet
    raise BadSource(_apart(refs, left, columns, key))


def tied(model: Predictions, column: str, ties: Sequence[str]) -> Tied:
    """The captions of the pictures with these ties. Raises BadSource for two captions of one picture."""
    of = _owners(model, ties)
    captions: dict[str, str] = {}
    nulls: set[str] = set()
    extra = duplicates = 0
    for value, caption in zip(model.ties(column), model.captions(), strict=True):
        owner = of.get((value or "").strip())
        if owner is None:
            extra += 1
        elif owner not in captions:
            captions[owner] = caption or ""
            if caption is None:
                nulls.add(owner)
        elif captions[owner] == (caption or ""):
            duplicates += 1
        else:
            raise BadSource(f"{model.path}: has two captions for {one_line(owner)}; keep one of them")
    return Tied(model.name, captions, nulls, extra, duplicates)


def _owners(model: Predictions, ties: Sequence[str]) -> dict[str, str]:
    """Which tie of the references a value of the predictions belongs to."""
    if not model.by_stem:
        return {t: t for t in ties}
    whole = set(model.ties(""))
    out: dict[str, str] = {}
    for t in ties:
        value = t if t in whole else stem(t)
        if value in whole and value in out:
            raise BadSource(
                f"{model.path}: text {value!r} is named after two pictures, {out[value]} and {t}; use a list instead"
            )
        out[value] = t
    return out


def _meets(model: Predictions, column: str, wanted: set[str]) -> bool:
    if model.by_stem:
        have = set(model.ties(column))
        return any(t in have or stem(t) in have for t in wanted)
    return any((value or "").strip() in wanted for value in model.ties(column))


def _apart(refs: References, model: Predictions, columns: Sequence[str], key: str | None) -> str:
    shared = [c for c in columns if model.by_stem or model.ties(c)]
    if not shared and key:
        return f"{model.path}: has no column {key!r} to tie by (--picture-key); it has {listed(model.columns)}"
    if not shared:
        return (
            f"{model.path}: no column ties its captions to {refs.name} ({', '.join(KEYS)}); it has {listed(model.columns)}; "
            f"the references have {listed(refs.columns())}; name one that both have with --picture-key"
        )
    here, there = (next((v for v in vs if v), None) for vs in (model.ties(shared[0]), refs.ties(shared[0])))
    return (
        f"{model.path}: no picture of it is in {refs.name}: both have {', '.join(shared)}, but no value is the same "
        f"({shared[0]}: {one_line(str(here), 60)!r} here, {one_line(str(there), 60)!r} there)"
    )
