"""Opens whatever a SOURCE names: the front door of this room."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.catalog.load import Entry, entry, entry_of_hub
from pixmo.catalog.typed import Mapping, declared, mapping_of
from pixmo.errors import BadSetting, BadSource
from pixmo.sources.columns import Columns, find_columns, record_columns
from pixmo.sources.files import FileSource
from pixmo.sources.grouped import GroupedSource
from pixmo.sources.pictures import FolderSource
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.source import Chosen, Expected, Limited, Source
from pixmo.sources.typed import TypedSource


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
    scratch: Path | None = None,
) -> tuple[Source, Columns]:  # fmt: skip
    """The rows of a list, and which of its columns matter.

    `spec` is a file, a glob, a folder, `-`, an fsspec URL, `owner/name` on the Hub, or a short name of the catalog (see
    `pixmo.sources.resolve`); or several files, read one after the other. Sets of the catalog come as typed rows. `limit`
    counts rows of the list, before they are grouped; large groups are put aside in `scratch`, by default $TMPDIR. Raises BadSource or UnknownName.
    """
    if limit is not None and limit < 1:
        raise BadSetting(f"--limit {limit}: give a number of rows, 1 or more")
    source, known = _open([spec] if isinstance(spec, str) else list(spec), config, split, revision)
    pictures_needed = known is None or known.media != "none"
    mapping = _mapping(source, known, rows, url_column, sha256_column)
    if mapping is None:
        source = source if limit is None else Limited(source, limit)
        columns = find_columns(source, url_column, sha256_column, pictures_needed=pictures_needed)
        return Chosen(source, columns), columns
    source = TypedSource(source, mapping)
    source = source if limit is None else Limited(source, limit)
    if _is_grouped(known, rows):
        source = GroupedSource(source, scratch)
    columns = record_columns(source, pictures_needed=pictures_needed)
    return Chosen(source, columns), columns


def open_with(spec: str | Sequence[str], told: Table[str, Any]) -> tuple[Source, Columns]:  # Any: settings of an input
    """As `open_source`, with what a recipe says of its input: its keys are those of `open_source` and of Declared."""
    rows = Declared(**{k: v for k, v in told.items() if k in Declared._fields})
    return open_source(spec, rows=rows, **{k: v for k, v in told.items() if k not in Declared._fields})


def open_folder(folder: Path) -> tuple[Source, Columns]:
    """One's own pictures in a folder, with the captions beside them: see `pixmo.sources.pictures`."""
    source = FolderSource(folder)
    return source, Columns(None, None, source.digest_column, source.picture_column)


def _mapping(
    source: Source, known: Entry | None, rows: Declared, url: str | None, sha256: str | None
) -> Mapping | None:
    """How the columns make records; None for plain rows."""
    if rows.record is None:
        for option, value in (("--unit", rows.unit), ("--orientation", rows.orientation), ("--field", rows.fields)):
            if value:
                raise BadSetting(f"{option}: says something of records; say which kind the rows are with --as")
        if known is None or known.record is None:
            if rows.grouped:
                raise BadSetting("--grouped: say what the rows are with --as KIND; only records are grouped")
            return None
        return mapping_of(known)
    fields = dict(_field(text) for text in rows.fields)
    fields |= {"image_url": url} if url else {}
    fields |= {"image_sha256": sha256} if sha256 else {}
    return declared(
        rows.record, source.schema(), unit=rows.unit, orientation=rows.orientation, fields=fields, source=source.name
    )


def _field(text: str) -> tuple[str, str]:
    field, _, column = text.partition("=")
    if not field or not column:
        raise BadSetting(f"--field {text}: write FIELD=COLUMN, such as label=name")
    return field, column


def _is_grouped(known: Entry | None, rows: Declared) -> bool:
    if rows.grouped is not None:
        return rows.grouped
    return known is not None and known.grouped and rows.record in (None, known.record)


def _open(specs: list[str], config: str | None, split: str | None, revision: str | None) -> tuple[Source, Entry | None]:
    """The source, and its catalog entry when it was named by one."""
    found = [resolve(spec) for spec in specs]
    if not found:
        raise BadSource("no SOURCE given")
    if len(found) == 1 and isinstance(found[0], SetName):
        by_name = entry(found[0].name)
        return _hub(by_name.hub, by_name, config, split, revision), by_name
    if len(found) == 1 and isinstance(found[0], HubName):
        known = entry_of_hub(found[0].repo)
        return _hub(found[0].repo, known, config, split, revision), known
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


__all__ = ["Columns", "Declared", "Expected", "Source", "open_folder", "open_source", "open_with"]
