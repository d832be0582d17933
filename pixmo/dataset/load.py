"""`pixmo.load`: a finished set as typed rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as pt

from pixmo.dataset.load_files import data_files
from pixmo.dataset.load_groups import Groups
from pixmo.dataset.rows import Rows
from pixmo.dataset.rows_chunk import Layout, is_picture
from pixmo.errors import BadSetting, UnknownName
from pixmo.records.arrow import label_of
from pixmo.records.kinds import KINDS, kind_named
from pixmo.storage.sidecar import ROW_ID

if TYPE_CHECKING:
    from pixmo.catalog.typed import Mapping as Typing

_ROW_IDS = (ROW_ID, f"pixmo_{ROW_ID}")


def load(
    path: str | Path | Sequence[str | Path],
    split: str | None = None,
    columns: Sequence[str] | None = None,
    *,
    as_: str | None = None,
    unit: str | None = None,
    orientation: str | None = None,
) -> Rows:
    """The rows of a finished folder, a Parquet or Arrow file, several of them, a glob or a folder of them; none is read yet.

    `split` chooses one, else all follow each other. `columns` are those that are read; by default all are, pictures when asked
    for. Files that pixmo made say what their rows are; of others, `as_` does (a kind of record, with the `unit` of its points).
    Raises BadSource, BadFolder, BadSetting or UnknownName.
    """
    groups = Groups(data_files(path, split))
    schema = groups.schema
    for name in columns or ():
        if name not in schema.names:
            raise UnknownName("column", name, schema.names)
    label = label_of(schema) if as_ is None else None
    mapping = _declared(groups.files[0].path, as_, schema, unit, orientation) if as_ is not None else None
    if as_ is None and (unit or orientation):
        raise BadSetting(f"unit {unit or orientation!r}: say what the rows are as well, as_='points'")
    wanted = [n for n in schema.names if columns is None or mapping is not None or n in columns]
    row_id = next((n for n in _ROW_IDS if n in schema.names and pt.is_string(schema.field(n).type)), None)
    if row_id and row_id not in wanted:
        wanted.insert(0, row_id)
    picture = next((n for n in wanted if is_picture(schema.field(n).type)), None)
    kind = kind_named(as_) if as_ else KINDS[label.record] if label else None
    names = tuple(n for n in wanted if n != picture)
    return Rows(groups, Layout(kind, bool(label and label.grouped), mapping, names, picture, row_id))


def _declared(path: str, kind: str, schema: pa.Schema, unit: str | None, orientation: str | None) -> Typing:
    from pixmo.catalog.typed import declared

    kind_named(kind)
    return declared(kind, schema, unit=unit, orientation=orientation, source=path)
