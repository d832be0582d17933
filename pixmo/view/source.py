"""A set as the viewer has it: its rows by number, the files of it that are broken, and a digest that tells it from any other.

Opening reads the footers of the files, never their rows.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pixmo.dataset.load import load
from pixmo.dataset.load_files import data_files
from pixmo.dataset.rows import Rows
from pixmo.dataset.rows_chunk import Chunk, Row
from pixmo.errors import BadFolder, BadSource, PixmoError
from pixmo.records.base import Record
from pixmo.sources.schemas import unified
from pixmo.storage.manifest import NAME
from pixmo.storage.manifest import load as manifest_of

MOST_VALUES = 5000
"""Values of a list that a page shows: a row may hold a million points, of which nobody sees more."""

LOOK_SECONDS = 2.0
"""How long a set is taken to be as it was."""

KEPT_BYTES, OPEN_FILES = 16 * 2**20, 3  # of what was read: pages are kept as they are drawn, not as rows
SUFFIXES = (".parquet", ".arrow")
_NO_SET = "holds no set: name a folder that pixmo made, or Parquet or Arrow files"


@dataclass(frozen=True)
class Broken:
    """A file of the set that cannot be read, and why, in one line."""

    file: str
    why: str


@dataclass(frozen=True)
class Unread:
    """A row that cannot be read, and why."""

    number: int
    why: str


class DataSet:
    """The rows of a path, all that can be read.

    `broken` grows when a file turns out to be broken behind its footer. `folder` is a folder that pixmo made, or None.
    """

    def __init__(
        self,
        path: str,
        rows: Rows,
        broken: Sequence[Broken] = (),
        folder: Path | None = None,
        settings: Sequence[str | None] = (),
    ) -> None:
        self.path, self.rows, self.folder, self._settings = path, rows, folder, settings
        self.digest = self._was = self._now()
        self._looked = monotonic()
        self._has_changed = False
        self.name = Path(path).name or path
        self._broken = list(broken)
        self._lock = threading.Lock()

    @property
    def kind(self) -> type[Record] | None:
        """What the rows are; None for plain ones."""
        return self.rows.kind

    @property
    def broken(self) -> tuple[Broken, ...]:
        """The files that cannot be read, or not whole."""
        return tuple(self._broken)

    def has_changed(self, after_s: float = LOOK_SECONDS) -> bool:
        """Whether files of it were replaced or removed since it was opened; looked for where that was done so long ago."""
        if not self._has_changed and monotonic() - self._looked >= after_s:
            self._has_changed = self._now() != self._was
            self._looked = monotonic()
        return self._has_changed

    def _now(self) -> str:
        return _digest([Path(f.path) for f in self.rows.groups.files], *self._settings)

    def read(self, numbers: Sequence[int]) -> list[Row | Unread]:
        """Rows by number, in that order, read together. Of lists the first 5,000 values are read: `capped` says which."""
        with self._lock:  # one page at a time: two would each hold row groups
            try:
                return list(self._rows(numbers))
            except (PixmoError, pa.ArrowException, OSError):
                return [self._one(number) for number in numbers]

    def _rows(self, numbers: Sequence[int]) -> list[Row]:
        layout, groups = self.rows.layout, self.rows.groups
        places = np.array(numbers, np.int64)
        if not len(places):
            return []
        batch = groups.take(places, layout.read)
        columns = [shortened(column, MOST_VALUES) for column in batch.columns]
        return list(Chunk(layout, pa.RecordBatch.from_arrays(columns, schema=batch.schema), places, groups).rows())

    def _one(self, number: int) -> Row | Unread:
        try:
            return self._rows([number])[0]
        except (PixmoError, pa.ArrowException, OSError) as error:
            why = " ".join(str(error).split())[:300]
            self.found_broken(Broken(self.rows.groups.file_of(number).path, why))
            return Unread(number, why)

    def found_broken(self, broken: Broken) -> None:
        """Notes a file once."""
        if all(known.file != broken.file for known in self._broken):
            self._broken.append(broken)

    def lengths(self, number: int) -> dict[str, int]:
        """How long the row's lists of more than 5,000 values are in truth, by column (`annotations[].points` within others)."""
        with suppress(PixmoError, pa.ArrowException, OSError), self._lock:
            batch = self.rows.groups.take(np.array([number], np.int64), self.rows.layout.read)
            return {
                name: size
                for field, column in zip(batch.schema, batch.columns, strict=True)
                for name, size in _longest(column, field.name)
                if size > MOST_VALUES
            }
        return {}


def shortened(column: pa.Array, most: int) -> pa.Array:
    """The column with at most so many values in each list, also in lists within; lists of numbers stay whole: masks are such."""
    kind = column.type
    if pt.is_struct(kind) and any(pt.is_nested(f.type) for f in kind):
        parts = [shortened(column.field(i), most) for i in range(kind.num_fields)]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=pc.is_null(column))
    if not _is_long(kind):
        return column
    if (pc.max(pc.list_value_length(column)).as_py() or 0) > most:
        column = pc.list_slice(column, 0, most).cast(kind)
    if not pt.is_nested(kind.value_type):
        return column
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64 if pt.is_large_list(kind) else np.int32)
    make = pa.LargeListArray if pt.is_large_list(kind) else pa.ListArray
    inner = shortened(column.flatten(), most)
    return make.from_arrays(pa.array(ends), inner, type=kind, mask=pc.is_null(column))


def _is_long(kind: pa.DataType) -> bool:
    """Whether it is a list that is made shorter."""
    return (pt.is_list(kind) or pt.is_large_list(kind)) and not pt.is_primitive(kind.value_type)


def _longest(column: pa.Array, name: str) -> list[tuple[str, int]]:
    kind = column.type
    if pt.is_struct(kind):
        return [one for i, field in enumerate(kind) for one in _longest(column.field(i), f"{name}.{field.name}")]
    if not _is_long(kind):
        return []
    own = (name, int(pc.max(pc.list_value_length(column)).as_py() or 0))
    return [own, *(_longest(column.flatten(), f"{name}[]") if pt.is_nested(kind.value_type) else [])]


def open_data(path: str, *, split: str | None = None, as_: str | None = None, unit: str | None = None) -> DataSet:
    """The set at a path: a folder that pixmo made, files, a glob, or a folder of files. A broken file leaves the others.

    Raises BadSource or BadFolder for what is no set, or none that may be read; UnknownName for a split there is not.
    """
    folder = Path(path).expanduser()
    if not path.strip():
        raise BadSource("'' is no path: name a folder that pixmo made, or Parquet or Arrow files")
    _check(path, folder)
    own = folder if (folder / NAME).is_file() else None
    broken: list[Broken] = []
    try:
        rows = load(path, split, as_=as_, unit=unit)
    except OSError as error:
        raise BadSource(f"{path}: {error.filename or 'a file of it'} cannot be read: {error.strerror}") from error
    except (BadSource, BadFolder) as error:
        files = _files(folder, own)
        if not files:
            raise
        sound, broken = _sound(files)
        if not sound:
            raise BadSource(f"{path}: no file of it can be read: {broken[0].why}") from error
        rows = load(sound, split, as_=as_, unit=unit)
    rows.groups.keep(KEPT_BYTES, OPEN_FILES)
    return DataSet(path, rows, broken, own, (as_, unit))


def _check(path: str, folder: Path) -> None:
    """What the system says at once."""
    try:
        if folder.is_dir():
            next(folder.iterdir(), None)
        elif folder.is_file():
            folder.open("rb").close()
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {error.strerror}") from error


def _files(folder: Path, own: Path | None) -> list[Path]:
    """The files a set should consist of."""
    if own is not None:
        try:
            manifest = manifest_of(own)
        except PixmoError:
            return []
        named = [own / f.path for f in manifest.files if f.split is not None] if manifest else []
        return [file for file in named if file.suffix != ".tar"]
    if folder.is_dir():
        return sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES and ".pixmo" not in p.parts)
    return sorted(p for p in folder.parent.glob(folder.name) if p.is_file()) if folder.parent.is_dir() else []


def _sound(files: Sequence[Path]) -> tuple[list[Path], list[Broken]]:
    """Those that open, and whose columns go together with those before."""
    sound: list[Path] = []
    schema: pa.Schema | None = None
    broken = []
    for file in files:
        try:
            (opened,) = data_files(file)
            known = [] if schema is None else [("the files before", schema, True)]
            schema = unified([*known, (opened.path, opened.schema, True)])
            sound.append(file)
        except PixmoError as error:
            broken.append(Broken(str(file), str(error).removeprefix(f"{file}: ")[:300]))
    return sound, broken


def _digest(files: Sequence[Path], *settings: str | None) -> str:
    """Of names, sizes and times, so that a set that changed has another; nothing is read."""
    told = hashlib.sha256(repr(settings).encode())
    for file in files:
        seen = "gone"
        with suppress(OSError):
            stat = file.stat()
            seen = f"{stat.st_size}\0{stat.st_mtime_ns}"
        told.update(f"{file.absolute()}\0{seen}\n".encode(errors="surrogateescape"))
    return told.hexdigest()[:32]
