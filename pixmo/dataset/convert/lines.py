"""pixmo's own records as JSON lines: `{"record": "points", …}`, one record a line, kinds mixed as they come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pixmo.dataset.convert.carry import record_of, unfit
from pixmo.dataset.convert.items import Item, Loss, Settings, short
from pixmo.errors import BadRecord, BadSource
from pixmo.records.arrow import ANNOTATIONS
from pixmo.records.kinds import KINDS, PICTURE_FIELDS, kind_named

RECORD = "record"

Json = dict[str, Any]  # Any: JSON of unknown origin


def read(path: Path, told: Settings) -> Iterator[Item | Loss]:
    """The records of all lines, those of grouped rows annotation by annotation.

    A line that is no record is a loss. Raises BadSource where the first line says that this is another kind of file.
    """
    default = kind_named(told.record).KIND if told.record else None
    try:
        with path.open("rb") as file:
            is_first = True
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = _row(line)
                    kind = _kind(row, default)
                except BadRecord as error:
                    if is_first:
                        raise BadSource(f"{path}:{number}: {error}") from None
                    yield Loss("unreadable", f"line {number}", "", str(error))
                    continue
                is_first = False
                yield from _records(row, kind, f"line {number}")
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {error.strerror}") from error


def _row(line: bytes) -> Json:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except RecursionError:
        raise BadRecord("is nested too deeply") from None
    except ValueError as error:  # no UTF-8, no JSON, a number of thousands of digits
        raise BadRecord(f"is not a JSON object of one line: {' '.join(str(error).split())[:100]}") from None
    if not isinstance(row, dict):
        raise BadRecord(f"is {short(row)}, not an object")
    return row


def _kind(row: Json, default: str | None) -> str:
    kind = row.pop(RECORD, default)
    if not isinstance(kind, str) or kind not in KINDS:
        told = f"{RECORD!r} is {short(kind)}" if kind is not None else f"has no {RECORD!r}"
        raise BadRecord(f"{told}; it should say what the row is ({', '.join(KINDS)}), or --set record=KIND")
    return kind


def _records(row: Json, kind: str, where: str) -> Iterator[Item | Loss]:
    rows: list[tuple[str, Any]] = [(where, row)]  # Any: JSON of unknown origin
    inside = row.get(ANNOTATIONS)
    if isinstance(inside, list):
        picture = {k: row[k] for k in PICTURE_FIELDS if k in row}
        rows = [
            (f"{where} {ANNOTATIONS}[{i}]", picture | one if isinstance(one, dict) else one)
            for i, one in enumerate(inside)
        ]
        for name in sorted(set(row) - {ANNOTATIONS, *PICTURE_FIELDS}):
            yield Loss("no_place", where, name, short(row[name]))
    for place, told in rows:
        try:
            yield Item(place, record_of(KINDS[kind], told))
        except BadRecord as error:
            yield Loss("not_a_record", place, "", str(error))


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes a line for each record; gives what could not be carried."""
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for item in items:
            row = {RECORD: item.record.KIND} | item.record.to_dict()
            loss = unfit(item, row)
            if loss is None:
                file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            else:
                yield loss
