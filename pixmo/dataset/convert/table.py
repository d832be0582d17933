"""CSV: one record a row, a column for each field; lists and parts stand as JSON in their cells.

An empty cell is a null; of a field that is never null, an empty text. Numbers are written so that they come back to the last bit, NaN
and infinity included. Coordinates are of the unit in the column `unit`: a table of points without one is refused.
"""

from __future__ import annotations

import csv
import json
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pixmo.dataset.convert.carry import record_of
from pixmo.dataset.convert.items import Item, Loss, Settings, short
from pixmo.dataset.convert.lines import RECORD
from pixmo.errors import BadRecord, BadSource
from pixmo.records.base import Part, Record, Shape, shapes
from pixmo.records.kinds import KINDS, kind_named

_LARGEST_CELL = 2**31 - 1
_BOOLEANS = {"true": True, "false": False}


def read(path: Path, told: Settings) -> Iterator[Item | Loss]:
    """The records of all rows. Raises BadSource for a table whose first line does not fit the kind."""
    csv.field_size_limit(_LARGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            yield from _rows(rows, str(path), told)
    except UnicodeDecodeError as error:
        raise BadSource(f"{path}: is not UTF-8 (near byte {error.start:,})") from None
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {error.strerror}") from error


def _rows(rows: Any, name: str, told: Settings) -> Iterator[Item | Loss]:  # Any: csv has no name for its reader
    try:
        head = next(rows, None) or []
        kind = _kind_of(head, name, told)
        yield from ((Loss("column_left", "every row", c, "")) for c in _left(head, kind))
        for cells in rows:
            if cells:
                yield _row(
                    dict(zip(head, cells, strict=False)), len(cells) == len(head), f"line {rows.line_num}", kind, told
                )
    except csv.Error as error:
        raise BadSource(f"{name}:{rows.line_num}: is not CSV: {error}") from None


def _kind_of(head: list[str], name: str, told: Settings) -> type[Record] | None:
    """The kind all rows are of; None where each says its own. Raises BadSource where the columns are not enough."""
    twice = next((c for c in head if head.count(c) > 1), None)
    if twice is not None:
        raise BadSource(f"{name}:1: two columns are called {twice!r}")
    if told.record is None:
        if RECORD not in head:
            raise BadSource(
                f"{name}:1: has no column {RECORD!r} that says what the rows are; --set record=KIND says it"
            )
        return None
    kind = kind_named(told.record)
    there = {*head, *_said(told)}
    for shape in shapes(kind):
        if not shape.optional and shape.name not in there:
            remedy = f"; --set {shape.name}=…" if shape.name in ("unit", "orientation") else ""
            raise BadSource(f"{name}:1: has no column {shape.name!r}, which {kind.KIND} needs{remedy}")
    return kind


def _said(told: Settings) -> dict[str, str]:
    """The fields that are the same in every row because the user says so."""
    return {k: str(v) for k, v in (("unit", told.unit), ("orientation", told.orientation)) if v is not None}


def _left(head: list[str], kind: type[Record] | None) -> list[str]:
    known = {s.name for k in ([kind] if kind else KINDS.values()) for s in shapes(k)} | {RECORD}
    return [c for c in head if c not in known]


def _row(cells: dict[str, str], is_whole: bool, where: str, kind: type[Record] | None, told: Settings) -> Item | Loss:
    if not is_whole:
        return Loss("unreadable", where, "", f"has {len(cells)} cells, not as many as the first line")
    named = kind.KIND if kind else cells.get(RECORD, "")
    if named not in KINDS:
        return Loss("unreadable", where, RECORD, f"{short(named)}, should be one of {', '.join(KINDS)}")
    chosen = KINDS[named]
    said = _said(told)
    try:
        values = {s.name: _value(s, cells.get(s.name, said.get(s.name, ""))) for s in shapes(chosen)}
        return Item(where, record_of(chosen, values))
    except BadRecord as error:
        return Loss("not_a_record", where, "", str(error))


def _value(shape: Shape, cell: str) -> Any:  # Any: a plain value
    if cell == "" and (shape.optional or shape.hint is not str):
        return None
    if _is_nested(shape):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            raise BadRecord(f"{shape.name} is {short(cell)}, should be JSON") from None
    if shape.hint is bool:
        return _BOOLEANS.get(cell.lower(), cell)
    if shape.hint in (int, float):
        try:
            return shape.hint(cell)
        except ValueError:
            return cell  # which the record then refuses by name
    return cell


def _is_nested(shape: Shape) -> bool:
    return typing.get_origin(shape.hint) is tuple or issubclass(shape.hint, Part)


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes a table of one kind of records, that of the first unless the settings say; gives what could not be carried."""
    kind = kind_named(told.record) if told.record else None
    with out.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        if kind is not None:
            table.writerow(_head(kind))
        for item in items:
            if kind is None:
                kind = type(item.record)
                table.writerow(_head(kind))
            yield from _written(item, kind, table)
        if kind is None:
            raise BadSource("nothing was read that could be written; say what the table should hold: --set record=KIND")


def _head(kind: type[Record]) -> list[str]:
    return [RECORD, *(s.name for s in shapes(kind))]


def _written(item: Item, kind: type[Record], table: Any) -> Iterator[Loss]:  # Any: csv has no name for its writer
    if type(item.record) is not kind:
        yield item.loss("other_kind", "", f"{item.record.KIND}, but the table holds {kind.KIND}")
        return
    plain = item.record.to_dict()
    cells = [kind.KIND, *(_cell(s, plain[s.name]) for s in shapes(kind))]
    try:
        "".join(cells).encode()
    except UnicodeEncodeError as error:
        yield item.loss("cannot_hold", "", f"text with {error.object[error.start]!r}, which is no character")
        return
    table.writerow(cells)
    for shape in shapes(kind):
        if shape.optional and plain[shape.name] == "":
            yield item.loss("no_place", shape.name, "an empty text; an empty cell is a null")


def _cell(shape: Shape, value: Any) -> str:  # Any: a plain value
    if value is None:
        return ""
    if _is_nested(shape):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else str(value)
