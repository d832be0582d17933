"""The rows that are asked about: of a finished set, of any table or list, of a folder of pictures. Read when their turn comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pixmo.dataset.load import load
from pixmo.dataset.load_files import data_files
from pixmo.dataset.rows import CHUNK_ROWS, Rows
from pixmo.errors import BadRecord, BadSetting, BadSource
from pixmo.evaluate.tasks.truth_files import file_rows
from pixmo.records.base import Record
from pixmo.sources.pictures import SUFFIXES, walk

PATHS = ("image", "image_path", "file_path", "file_name", "image_file", "picture_file", "picture", "file", "imgname")
"""Columns of a list in which the path of a picture is looked for, from the list's own folder on."""
_LISTS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")


@dataclass(frozen=True)
class Given:
    """A row as it was found: its place among all, its columns, its records if it is typed, and its pictures on request."""

    number: int
    id: str
    columns: Mapping[str, Any]  # Any: column values
    read_pictures: Callable[[], Sequence[bytes | None]]
    read_records: Callable[[], Sequence[Record]]


class Table(Protocol):
    """Rows by their places."""

    name: str
    is_typed: bool

    def __len__(self) -> int: ...

    def rows(self, places: range) -> Iterator[Given]:
        """The rows at these places, in order."""
        ...


def open_rows(data: str | Path, split: str | None = None) -> Table:
    """What `pixmo.load` reads, a list (JSONL, CSV …) beside its pictures, or a folder of pictures. Raises BadSource and the like."""
    path = Path(data).expanduser()
    table: Table
    if path.is_file() and path.suffix.lower() in _LISTS:
        table = Listed(path)
    elif path.is_dir() and not (path / "manifest.json").exists() and _holds_pictures(path):
        table = Folder(path)
    else:
        return Loaded(data, split)
    if split is not None:
        raise BadSetting(f"--split {split}: {data} has no splits")
    return table


def _holds_pictures(folder: Path) -> bool:
    return not (folder / ".pixmo").is_dir() and any(path.suffix.lower() in SUFFIXES for path in walk(folder))


class Loaded:
    """A finished set, or Parquet and Arrow files."""

    def __init__(self, data: str | Path, split: str | None) -> None:
        self._rows: Rows = load(data, split)
        self.name, self.is_typed = Path(data).name, self._rows.kind is not None
        self._paths: _Paths | None = None
        if self._rows.layout.picture is None:
            beside = Path(data_files(data, split)[0].path).parent
            self._paths = _Paths(str(data), beside, self._rows.columns)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, places: range) -> Iterator[Given]:
        """Some hundred are read at a time, pictures included."""
        for start in range(0, len(places), CHUNK_ROWS):
            some = places[start : start + CHUNK_ROWS]
            for number, row in zip(some, self._rows.take(list(some), pictures=True), strict=True):
                pictures = self._paths.reading(row.columns) if self._paths else _constant(row.pictures_bytes)
                yield Given(number, row.id, row.columns, pictures, lambda row=row: row.records)  # type: ignore[misc]


class Listed:
    """A list of rows with the paths of their pictures."""

    is_typed = False

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._rows = list(file_rows(str(path) if path.is_absolute() else f"./{path}"))
        if not self._rows:
            raise BadSource(f"{path}: has no rows")
        self._paths = _Paths(str(path), path.parent, list(self._rows[0]))

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, places: range) -> Iterator[Given]:
        """Each with the bytes of its picture."""
        for number in places:
            row = self._rows[number]
            yield Given(number, f"{self.name}:{number}", row, self._paths.reading(row), _nothing)


class Folder:
    """A folder of pictures: a row for each file, by path."""

    is_typed = False

    def __init__(self, folder: Path) -> None:
        self.name, self._folder = folder.name, folder
        self._files = [path for path in walk(folder) if path.suffix.lower() in SUFFIXES]

    def __len__(self) -> int:
        return len(self._files)

    def rows(self, places: range) -> Iterator[Given]:
        """Each with the bytes of its picture; its path is its id."""
        for number in places:
            path = self._files[number]
            name = os.fsencode(path.relative_to(self._folder).as_posix()).decode(errors="backslashreplace")
            yield Given(number, name, {"image": name}, _of_path(path), _nothing)


class _Paths:
    """The column with the paths of pictures, and where they lead."""

    def __init__(self, source: str, beside: Path, columns: Sequence[str]) -> None:
        found = next((name for name in PATHS if name in columns), None)
        if found is None:
            urls = next(
                (f"; of {name} `pixmo download` makes a set" for name in ("image_url", "url") if name in columns), ""
            )
            raise BadSource(
                f"{source}: has neither pictures nor a column with their paths ({', '.join(PATHS[:4])} …){urls}"
            )
        self._column, self._beside = found, beside

    def reading(self, row: Mapping[str, Any]) -> Callable[[], Sequence[bytes | None]]:  # Any: column values
        """Reads the picture of a row; BadRecord, when called, for what is no path of a file."""
        value = row.get(self._column)
        if value is None or value == "":
            return _constant(())
        if not isinstance(value, str) or "\0" in value:
            return _raising(f"{self._column} is {str(value)[:60]!r}, not the path of a picture")
        if "://" in value:
            return _raising(f"{self._column} is an address, {value[:80]}; `pixmo download` makes a set of such")
        return _of_path(self._beside / value)


def _of_path(path: Path) -> Callable[[], Sequence[bytes | None]]:
    def read() -> Sequence[bytes | None]:
        try:
            if path.exists() and not path.is_file():  # a pipe or a device might never end
                raise BadRecord("the path of its picture is no file")
            return (path.read_bytes(),)
        except OSError as error:
            raise BadRecord(f"its picture cannot be read: {error.strerror or error}") from error

    return read


def _constant(pictures: Sequence[bytes | None]) -> Callable[[], Sequence[bytes | None]]:
    return lambda: pictures


def _raising(told: str) -> Callable[[], Sequence[bytes | None]]:
    def read() -> Sequence[bytes | None]:
        raise BadRecord(told)

    return read


def _nothing() -> Sequence[Record]:
    return ()
