"""Which files a path means, what each holds, and of which split it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.errors import BadFolder, BadSource, UnknownName
from pixmo.sources.files import Part
from pixmo.sources.place import LocalPlace, head, reading
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.sniff import kind_of
from pixmo.storage.manifest import NAME, load

_OF_SPLIT = re.compile(r"(?P<split>\w[\w.-]*?)-\d{5}(-of-\d{5})?(\.part\d+)?$")  # as shard_name and the Hub name files
_SPLITS = ("train", "validation", "valid", "val", "test", "dev")


class Found(NamedTuple):
    """A file that is meant, and its split where its name or folder tells it."""

    path: Path
    split: str | None


class DataFile(NamedTuple):
    """A file as it is: `rows` and `bytes` of each of its row groups (Parquet) or batches (Arrow)."""

    path: str
    split: str | None
    is_arrow: bool
    rows: tuple[int, ...]
    bytes: tuple[int, ...]
    schema: pa.Schema


def data_files(path: str | Path | Sequence[str | Path], split: str | None = None) -> list[DataFile]:
    """The files of a finished folder, of any folder or glob, or those named; of one split when it is given.

    Files are in the order of splits in the folder, then by name. Raises BadSource, BadFolder, UnknownName.
    """
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    if not paths:
        raise BadSource("no file given")
    told = [one for p in paths for one in _found(p)]
    if split is not None:
        known = list(dict.fromkeys(f.split for f in told if f.split))
        told = [f for f in told if f.split == split]
        if not told:
            raise UnknownName("split", split, known, str(paths[0]))
    with ThreadPoolExecutor(8) as pool:  # a footer is a few reads; a set has hundreds
        return list(pool.map(_opened, told))


def _found(path: str | Path) -> list[Found]:
    folder = Path(path).expanduser()
    if (folder / NAME).is_file():
        return _published(folder)
    if (folder / ".pixmo").is_dir():
        raise BadFolder(f"{path}: is not finished: it has no {NAME}; run the same command again")
    is_path = isinstance(path, Path) or folder.exists()  # what is here is never taken for the name of a set
    told = resolve(_as_path(folder) if is_path else str(path))
    if isinstance(told, (SetName, HubName)):
        raise BadSource(_on_the_hub(str(path)))
    return [Found(_local(part), part.split or _split_of(_local(part))) for part in told]


def _as_path(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"


def _on_the_hub(name: str) -> str:
    return f"{name}: is a set on the Hub, and no folder here; `pixmo download {name} OUT` makes one of it"


def _local(part: Part) -> Path:
    if not isinstance(part.place, LocalPlace):
        raise BadSource(f"{part.place.name}: only files on this machine can be loaded; copy it here first")
    return Path(part.place.name)


def _published(folder: Path) -> list[Found]:
    """What a finished folder's manifest names, as long as it is there."""
    manifest = load(folder)
    assert manifest is not None
    data = [f for f in manifest.files if f.split is not None]
    if any(f.path.endswith(".tar") for f in data):
        raise BadSource(f"{folder}: holds tars; `pixmo export {folder} DEST --format parquet` makes what can be loaded")
    for file in data:
        there = folder / file.path
        if not there.is_file() or there.stat().st_size != file.bytes:
            raise BadFolder(f"{there}: is missing or changed; `pixmo verify --repair {folder}` mends it")
    order = {split: n for n, split in enumerate(_in_order({str(f.split) for f in data}))}
    return [Found(folder / f.path, f.split) for f in sorted(data, key=lambda f: (order[str(f.split)], f.path))]


def _in_order(splits: Iterable[str]) -> list[str]:
    """Splits as people name them: train, validation, test, then others by name."""
    return sorted(splits, key=lambda s: (_SPLITS.index(s) if s in _SPLITS else len(_SPLITS), s))


def _split_of(path: Path) -> str | None:
    """The split that a file's name says, else its folder's: train-00000-of-00002.parquet, train.parquet, train/0.parquet."""
    named = _OF_SPLIT.fullmatch(path.stem)
    if named:
        return named["split"]
    return next((name for name in (path.stem, path.parent.name) if name in _SPLITS), None)


def _opened(found: Found) -> DataFile:
    place = LocalPlace(found.path)
    with reading(place):
        kind = kind_of(place.name, head(place))
        if kind == "parquet":
            return _parquet(found)
        if kind == "arrow":
            return _arrow(found)
    raise BadSource(
        f"{found.path}: is {kind}; Parquet and Arrow files are loaded, `pixmo convert` makes Parquet of others"
    )


def _parquet(found: Found) -> DataFile:
    with pq.ParquetFile(found.path) as file:
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        rows, sizes = tuple(g.num_rows for g in groups), tuple(g.total_byte_size for g in groups)
        return DataFile(str(found.path), found.split, False, rows, sizes, file.schema_arrow)


def _arrow(found: Found) -> DataFile:
    batches = arrow_batches(str(found.path))
    schema = batches[0].schema if batches else _arrow_schema(str(found.path))
    rows = tuple(b.num_rows for b in batches)
    return DataFile(str(found.path), found.split, True, rows, tuple(b.nbytes for b in batches), schema)


def arrow_batches(path: str) -> list[pa.RecordBatch]:
    """All batches of an Arrow file or stream, memory-mapped: they cost nothing until they are looked at."""
    raw = pa.memory_map(path)
    if bytes(raw.read(6)) == b"ARROW1":
        file = pa.ipc.open_file(raw)
        return [file.get_batch(i) for i in range(file.num_record_batches)]
    raw.seek(0)
    return list(pa.ipc.open_stream(raw))


def _arrow_schema(path: str) -> pa.Schema:
    with pa.memory_map(path) as raw:
        if bytes(raw.read(6)) == b"ARROW1":
            return pa.ipc.open_file(raw).schema
        raw.seek(0)
        return pa.ipc.open_stream(raw).schema
