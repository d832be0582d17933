"""Ground truth out of sets: of the catalog, of the Hub, of a finished folder. Typed rows are read a record each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixmo.dataset.load import load
from pixmo.errors import UnknownName
from pixmo.evaluate.tasks.truth import Truth
from pixmo.evaluate.tasks.truth_files import Row, without_pictures
from pixmo.sources.hub import HubSource, Wanted
from pixmo.sources.open import Declared, open_source
from pixmo.sources.resolve import HubName, SetName
from pixmo.sources.source import Source


def set_rows(found: HubName | SetName, split: str | None) -> Truth:
    """The rows of one split; those of a set of the catalog have the names and units of its records."""
    name = found.name if isinstance(found, SetName) else found.repo
    source: Source
    if isinstance(found, SetName):
        source, _ = open_source(found.name, split=split, rows=Declared(grouped=False))
    else:
        source = HubSource(Wanted(found.repo, None, split, None))
    rows = [row for batch in source.batches() for row in without_pictures(batch).to_pylist()]
    return Truth(f"{name}:{split}" if split else name, rows, dict(source.identity()))


def folder_rows(folder: Path, split: str | None) -> Iterator[Row]:
    """The records of a finished folder as plain values; plain rows where its rows are no records."""
    rows = load(folder, split)
    if split is not None and split not in rows.splits:
        raise UnknownName("split", split, rows.splits, str(folder))
    if rows.kind is None:
        for batch in rows.batches():
            yield from without_pictures(batch).to_pylist()
        return
    for row in rows:
        yield from (_plain(asdict(record)) for record in row.records)


def _plain(value: Any) -> Any:  # Any: a record's values
    """Lists for tuples and text for names: what the same record is in a file."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, str) else value
