"""What people keep beside their pictures: `x.txt` with a caption, `x.json` with fields, `metadata.csv` or `metadata.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixmo.errors import BadSource
from pixmo.sources.delimited import DelimitedReader
from pixmo.sources.jsonlines import JsonReader
from pixmo.sources.place import LocalPlace, one_line, reading

CAPTION = "caption"
FILE = "file"
METADATA = ("metadata.csv", "metadata.jsonl")
Fields = dict[str, Any]  # Any: JSON values


def fields_beside(picture: Path, told: Fields) -> Fields:
    """The fields of one picture: those of its folder's metadata, its JSON, its text. Raises BadSource where two disagree."""
    fields = dict(told)
    for path in (picture.with_suffix(".json"), Path(f"{picture}.json")):
        if path.is_file():
            _add(fields, _json(path), path)
    for path in (picture.with_suffix(".txt"), Path(f"{picture}.txt")):
        if path.is_file():
            _add(fields, {CAPTION: _text(path).strip()}, path)
    return fields


def metadata_of(folder: Path) -> dict[str, Fields]:
    """Fields by file name, relative to the folder, of its metadata file; empty when it has none. Raises BadSource."""
    found: dict[str, Fields] = {}
    for path in (folder / name for name in METADATA):
        if path.is_file():
            place = LocalPlace(path)
            reader = DelimitedReader(place, ",") if path.suffix == ".csv" else JsonReader(place, "jsonl")
            with reading(place):
                for batch in reader.batches(8192):
                    _note(found, batch.to_pylist(), path)
    return found


def _note(found: dict[str, Fields], rows: list[Fields], path: Path) -> None:
    for row in rows:
        file = row.pop("file_name", None)
        if not isinstance(file, str):
            raise BadSource(f"{path}: a row has no `file_name`, which says what picture it is about")
        if file in found:
            raise BadSource(f"{path}: describes {file} twice; keep one")
        if not (path.parent / file).is_file():
            raise BadSource(f"{path}: describes {file}, which is not there; remove the row or bring the picture")
        _check_names(row, path)
        found[file] = row


def _add(fields: Fields, more: Fields, path: Path) -> None:
    _check_names(more, path)
    for name, value in more.items():
        if fields.get(name) not in (None, value):
            raise BadSource(f"{path}: says another {name!r} than the metadata or JSON beside it; keep one of them")
        fields[name] = value


def _check_names(fields: Fields, path: Path) -> None:
    if FILE in fields:
        raise BadSource(f"{path}: has a field 'file', the name pixmo gives the picture's path; rename it")


def _json(path: Path) -> Fields:
    try:
        value = json.loads(_text(path))
    except ValueError as error:
        raise BadSource(f"{path}: is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadSource(f"{path}: is a {type(value).__name__}, not an object of fields {{…}}")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadSource(f"{path}: is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {one_line(error.strerror or str(error))}") from error
