"""One's own pictures: a folder walked in order, with the captions kept beside them.

A row is `file` (the path within the folder), `caption` (null where there is none), the fields of JSON and metadata files by
name, and the picture itself, read when its row is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from pixmo.errors import BadSource
from pixmo.ids import digest_of, is_digest
from pixmo.sources.captions import CAPTION, FILE, METADATA, Fields, fields_beside, metadata_of
from pixmo.sources.place import one_line
from pixmo.sources.reader import BATCH_BYTES
from pixmo.sources.schemas import Clash, merged
from pixmo.sources.source import Expected

SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".gif",
        ".webp",
        ".bmp",
        ".tif",
        ".tiff",
        ".ico",
        ".avif",
        ".heic",
        ".jp2",
        ".ppm",
        ".pgm",
        ".pbm",
    ]
)
"""A file of such a name is a row, whatever is in it; another one is, when it begins like a picture."""

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*")
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class _Found(NamedTuple):
    file: str
    size: int
    mtime_ns: int


class FolderSource:
    """The pictures of a folder as rows, sorted by path."""

    splits: tuple[str, ...] = ()
    licence: str | None = None

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BadSource(
                f"{folder}: {'is not a folder' if folder.exists() else 'no such folder'}; pictures are imported from one"
            )
        self.name = str(folder)
        self._folder = folder
        try:
            self._found = list(_pictures(folder))
        except OSError as error:
            raise BadSource(f"{error.filename or folder}: cannot be read: {error.strerror}") from error
        if not self._found:
            raise BadSource(f"{folder}: holds no pictures ({' '.join(sorted(SUFFIXES)[:6])} …)")
        self._metadata: dict[str, dict[str, Fields]] = {}
        self._fields = self._schema_of_fields()
        taken = {FILE, CAPTION, *self._fields.names}
        self.picture_column = next(n for n in ("image", "picture", "file_bytes", "pixmo_picture") if n not in taken)
        self.digest_column = self._digest_column()
        sizes = [found.size for found in self._found]
        self.expected: Expected | None = Expected(len(sizes), len(sizes), sum(sizes) // len(sizes))

    def __repr__(self) -> str:
        return f"FolderSource({self.name!r}, {len(self._found)} pictures)"

    def schema(self) -> pa.Schema:
        """`file`, `caption`, all fields found beside any picture, and the picture."""
        others = [f for f in self._fields if f.name != CAPTION]
        return pa.schema([(FILE, pa.string()), (CAPTION, pa.string()), *others, (self.picture_column, PICTURE)])

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """Where it is, and a digest of every file's path, size and date, those beside the pictures included."""
        files = [[str(p.relative_to(self._folder)), *stamp(p)] for p in walk(self._folder) if _is_ours(p)]
        return {"folder": str(self._folder.absolute()), "files": digest_of([list(map(list, self._found)), files])}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The rows in order, with the bytes of their pictures; about 64 MB at a time."""
        held: list[dict[str, Any]] = []  # Any: column values
        size = 0
        for found in self._found:
            data = read_picture(self._folder, found.file)
            held.append(self._row(found.file) | {self.picture_column: {"bytes": data, "path": found.file}})
            size += len(data)
            if len(held) >= batch_rows or size >= BATCH_BYTES:
                yield pa.RecordBatch.from_pylist(held, self.schema())
                held, size = [], 0
        if held:
            yield pa.RecordBatch.from_pylist(held, self.schema())

    def _row(self, file: str) -> Fields:
        path = self._folder / file
        told = self._told(path.parent).get(path.name) or self._told(self._folder).get(file) or {}
        return {FILE: file} | fields_beside(path, told)

    def _told(self, folder: Path) -> dict[str, Fields]:
        key = str(folder)
        if key not in self._metadata:
            self._metadata[key] = metadata_of(folder)
        return self._metadata[key]

    def _schema_of_fields(self) -> pa.Schema:
        """The union of all fields. Raises BadSource naming the picture whose field has another type than those before."""
        fields = pa.schema([(CAPTION, pa.string())])
        for found in self._found:
            row = self._row(found.file)
            row.pop(FILE)
            if row.keys() <= {CAPTION} and isinstance(row.get(CAPTION, ""), str):
                continue
            try:
                fields = merged(fields, pa.Table.from_pylist([row]).schema, gaps=True)
            except Clash as clash:
                raise BadSource(
                    f"{self._folder / found.file}: its field {clash.column!r} is {clash.there}, before it was {clash.here}; "
                    "write it one way for all pictures"
                ) from clash
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise BadSource(f"{self._folder / found.file}: its fields: {one_line(str(error))}") from error
        return fields

    def _digest_column(self) -> str | None:
        """`image_sha256` or `sha256`, when it is text and the first picture's is a digest."""
        first = self._row(self._found[0].file)
        names = (
            n
            for n in ("image_sha256", "sha256")
            if n in self._fields.names and self._fields.field(n).type == pa.string()
        )
        return next((n for n in names if is_digest(str(first.get(n, "")).lower())), None)


def read_picture(folder: Path, relative: str) -> bytes:
    """The bytes of a file in a folder. Raises BadSource for one that is not there or leads out of the folder."""
    try:
        return _inside(folder, folder / relative).read_bytes()
    except OSError as error:
        raise BadSource(f"{folder / relative}: cannot be read: {error.strerror}") from error


def _pictures(folder: Path) -> Iterator[_Found]:
    for path in walk(folder):
        if is_picture(path):
            _inside(folder, path)
            yield _Found(path.relative_to(folder).as_posix(), *stamp(path))


def _inside(folder: Path, path: Path) -> Path:
    """Where a path leads. Raises BadSource when that is outside of the folder."""
    real = path.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise BadSource(f"{path}: leads out of {folder} to {real}; copy it there, or import that folder too")
    return real


def walk(folder: Path, top: Path | None = None) -> Iterator[Path]:
    """Files below a folder, sorted by path, hidden ones left out.

    A link to a folder inside is not followed (its pictures are rows already, and it may lead in a circle); one that leads
    outside is refused.
    """
    top = top or folder
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.is_symlink():
                _inside(top, path)
            else:
                yield from walk(path, top)
        elif path.is_file():
            yield path
        elif path.is_symlink() and path.suffix.lower() in SUFFIXES:
            raise BadSource(f"{path}: is a broken link; remove it or bring the picture")


def stamp(path: Path) -> tuple[int, int]:
    """(size, date in nanoseconds)."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _is_ours(path: Path) -> bool:
    return path.suffix in (".txt", ".json") or path.name in METADATA


def is_picture(path: Path) -> bool:
    """By its name, else by what it begins with."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if _is_ours(path) or not stat.S_ISREG(path.stat().st_mode) or not os.access(path, os.R_OK):
        return False
    with path.open("rb") as file:
        start = file.read(16)
    return start.startswith(_MAGIC) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
