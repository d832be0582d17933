"""What models said: predictions of files, tied to the examples they answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pixmo.errors import BadSetting, BadSource
from pixmo.evaluate.tasks.truth import require_key, shown
from pixmo.evaluate.tasks.truth_files import Row, file_rows
from pixmo.ids import Digest, digest_of

COLUMNS = ("prediction", "predictions", "pred", "response", "output", "generated_text", "answer")


class Given(NamedTuple):
    """The rows of one model's file."""

    model: str
    source: str
    rows: Sequence[Row]
    column: str


class Answers(NamedTuple):
    """One model's answers in the order of the examples; None where there is none."""

    model: str
    source: str
    texts: list[str | None]
    missing: list[str]  # ids of examples without one
    empty: int  # answers without a word: scored, mostly with 0
    digest: Digest  # of the answers by id, whatever file they came from


def read_given(specs: Sequence[str], column: str | None = None) -> list[Given]:
    """The files, each `path` or `name=path`. Raises BadSetting for two of a name, BadSource for what cannot be read."""
    found = [_read(*_named(spec), column) for spec in specs]
    names = [given.model for given in found]
    for name in names:
        if names.count(name) > 1:
            raise BadSetting(f"two models are called {name!r}; name them, as a={found[0].source} b={found[1].source}")
    return found


def _named(spec: str) -> tuple[str, str]:
    name, equals, path = spec.partition("=")
    if equals and name and "/" not in name and not Path(spec).exists():
        return name, path
    return Path(spec).name.split(".")[0] or spec, spec


def _read(model: str, path: str, column: str | None) -> Given:
    rows = list(file_rows(path))
    if not rows:
        raise BadSource(f"{path}: has no rows")
    have = {k for row in rows[:1000] for k in row}
    wanted = (column,) if column else COLUMNS
    found = next((name for name in wanted if name in have), None)
    if found is None:
        raise BadSource(
            f"{path}: no column {' or '.join(wanted[:1])} holds what the model said; there are {', '.join(sorted(have))} "
            "(--column says which it is)"
        )
    return Given(model, path, rows, found)


def tied(given: Given, ids: Sequence[str], key: tuple[str, ...], allow_missing: bool) -> Answers:
    """The answers of one file by example. Raises BadSource for ids twice, for ids that no example has, for examples without one."""
    by_id: dict[str, str] = {}
    twice: list[str] = []
    for number, row in enumerate(given.rows, 1):
        id_ = require_key(row, key, f"{given.source}: row {number}")
        if id_ in by_id:
            twice.append(id_)
        by_id[id_] = _text(row.get(given.column), f"{given.source}: row {number}: {given.column}")
    if twice:
        raise BadSource(
            f"{given.source}: {len(twice):,} predictions for ids ({', '.join(key)}) that have one, {shown(twice)}"
        )
    known = set(ids)
    if unknown := [i for i in by_id if i not in known]:
        raise BadSource(
            f"{given.source}: {len(unknown):,} ids ({', '.join(key)}) are not in the ground truth, {shown(unknown)}"
        )
    missing = [i for i in ids if i not in by_id]
    if missing and not allow_missing:
        raise BadSource(
            f"{given.source}: {len(missing):,} of {len(ids):,} examples have no prediction, {shown(missing)}; "
            "--allow-missing scores those that have one and says so"
        )
    texts = [by_id.get(i) for i in ids]
    empty = sum(text is not None and not text.strip() for text in texts)
    return Answers(given.model, given.source, texts, missing, empty, digest_of(sorted(by_id.items())))


def _text(value: object, where: str) -> str:
    """What was said; null is an answer without words, a list of one text is that text."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return ""
    if isinstance(value, (str, int, float)):
        return str(value).encode(errors="replace").decode()  # half a surrogate pair cannot be written
    raise BadSource(f"{where} is {str(value)[:60]!r}; a text is needed")
