"""Opens whatever a SOURCE names: the front door of this room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pixmo.catalog.load import Entry, entry
from pixmo.errors import BadSetting, BadSource
from pixmo.sources.columns import Columns, find_columns
from pixmo.sources.files import FileSource
from pixmo.sources.pictures import FolderSource
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.source import Chosen, Expected, Limited, Source


class Declared(NamedTuple):
    """What the user says the rows are; by default what the catalog says, and plain columns for lists it does not know."""

    record: str | None = None  # a kind of record
    unit: str | None = None
    orientation: str | None = None
    fields: tuple[str, ...] = ()  # FIELD=COLUMN, where names differ
    grouped: bool | None = None  # one row per picture


PLAIN = Declared()


def open_source(
    spec: str | Sequence[str], *, config: str | None = None, split: str | None = None, revision: str | None = None,
    url_column: str | None = None, sha256_column: str | None = None, limit: int | None = None, rows: Declared = PLAIN,
) -> tuple[Source, Columns]:  # fmt: skip
    """The rows of a list, and which of its columns matter.

    `spec` is a file, a glob, a folder, `-`, an fsspec URL, `owner/name` on the Hub, or a short name of the catalog (see
    `pixmo.sources.resolve`); or several files, read one after the other. Raises BadSource or UnknownName.
    """
    if limit is not None and limit < 1:
        raise BadSetting(f"--limit {limit}: give a number of rows, 1 or more")
    source, known = _open([spec] if isinstance(spec, str) else list(spec), config, split, revision)
    if limit is not None:
        source = Limited(source, limit)
    columns = find_columns(source, url_column, sha256_column, pictures_needed=known is None or known.media != "none")
    return Chosen(source, columns), columns


def open_folder(folder: Path) -> tuple[Source, Columns]:
    """One's own pictures in a folder, with the captions beside them: see `pixmo.sources.pictures`."""
    source = FolderSource(folder)
    return source, Columns(None, None, source.digest_column, source.picture_column)


def _open(specs: list[str], config: str | None, split: str | None, revision: str | None) -> tuple[Source, Entry | None]:
    """The source, and its catalog entry when it was named by one."""
    found = [resolve(spec) for spec in specs]
    if not found:
        raise BadSource("no SOURCE given")
    if len(found) == 1 and isinstance(found[0], SetName):
        known = entry(found[0].name)
        return _hub(known.hub, known, config, split, revision), known
    if len(found) == 1 and isinstance(found[0], HubName):
        return _hub(found[0].repo, None, config, split, revision), None
    parts = []
    for spec, one in zip(specs, found, strict=True):
        if isinstance(one, (SetName, HubName)):
            raise BadSource(f"{spec}: a set cannot be read together with other lists; give it alone")
        parts += one
    for option, value in (("--config", config), ("--hub-split", split), ("--revision", revision)):
        if value is not None:
            raise BadSetting(f"{option} {value}: only sets on the Hub have that; {specs[0]!r} is a file or folder")
    name = specs[0] if len(specs) == 1 else f"{specs[0]} and {len(specs) - 1} more"
    return FileSource(parts[0].place.name if len(parts) == 1 else name, parts), None


def _hub(repo: str, known: Entry | None, config: str | None, split: str | None, revision: str | None) -> Source:
    from pixmo.sources.hub import HubSource, Wanted  # `datasets` takes a second to import

    configs = (config,) if config else (known.configs or None) if known else None
    whole = config is None and split is None
    expected = None
    if known is not None:
        expected = (
            Expected(known.rows, known.pictures, known.picture_bytes)
            if whole
            else Expected(None, None, known.picture_bytes)
        )
    return HubSource(Wanted(repo, configs, split, revision), expected)


__all__ = ["Columns", "Declared", "Expected", "Source", "open_folder", "open_source"]
