"""The pictures of whatever is compared, one row each: of a finished folder, a list, an index of held-out pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pixmo.catalog.load import names as set_names
from pixmo.errors import BadFolder, BadSource, UnknownName
from pixmo.run.folder import Folder
from pixmo.run.leaks_flat import TEXTS, Names, Rows, flat, is_list
from pixmo.run.plan import SOURCE_PREFIX, load_plan
from pixmo.sources.columns import is_picture
from pixmo.sources.open import Columns as SourceColumns
from pixmo.sources.open import Declared, Source, open_source
from pixmo.sources.source import SPLIT
from pixmo.storage.holdout import SUFFIX, Holdout, is_holdout, load
from pixmo.storage.manifest import load as load_manifest

TRAIN = "train"
PICTURE_ROWS = 64  # read at a time where they bring their pictures
PLAIN_ROWS = 8192
_HUB = re.compile(r"[\w.-]+/[\w.-]+")


class Reader(Protocol):
    """Pictures in order. `split` may be set to one of `splits`: then only its pictures come."""

    name: str
    revision: str | None
    splits: tuple[str, ...]
    split: str | None
    names: Names

    def batches(self, pictures: bool = False, only: Collection[int] | None = None) -> Iterator[pa.RecordBatch]:
        """The columns TEXTS, `row` and `at` (the picture's place among those of its row); with `picture`, its bytes.

        `only` are the numbers of the rows that are wanted: of other rows as little as possible is read.
        """


def opened(spec: str) -> Reader:
    """What `spec` names: an index file, a finished folder, or any SOURCE of a download; `:SPLIT` behind it takes one split.

    Raises a PixmoError for what cannot be read.
    """
    base, split = with_split(spec)
    path = Path(base)
    if is_holdout(path) or (path.suffix == SUFFIX and not path.is_dir()):
        reader: Reader = IndexReader(load(path), base)
    elif path.is_dir() and load_manifest(path) is not None:
        reader = FolderReader(path)
    else:
        reader = ListReader.open(base, split)
    if split is not None and split not in reader.splits:
        raise UnknownName("split", split, reader.splits, base)
    reader.split = split
    return reader


def with_split(spec: str) -> tuple[str, str | None]:
    """`points:train` is the set `points` and its split; a colon that belongs to a path or an address stays."""
    base, colon, split = spec.rpartition(":")
    known = base in set_names() or _HUB.fullmatch(base) is not None or (base != "" and Path(base).exists())
    return (base, split) if colon and split and known and not Path(spec).exists() else (spec, None)


class FolderReader:
    """A finished folder: its published files, read column by column."""

    revision: str | None = None

    def __init__(self, out: Path) -> None:
        told = load_manifest(out)
        data = [f for f in told.files if f.split] if told else []
        if not data:
            raise BadSource(f"{out}: has no published rows")
        if any(not f.path.endswith((".parquet", ".arrow")) for f in data):
            raise BadSource(
                f"{out}: is published as tars; `pixmo export {out} DEST --format parquet` makes it readable here"
            )
        self.name = str(out)
        self.splits = tuple(dict.fromkeys(str(f.split) for f in data))
        self.split: str | None = None
        self._out = out
        self._files = [(out / f.path, str(f.split)) for f in data]
        with _readable(self._files[0][0], out):
            self.names = _names_of(out, _schema(self._files[0][0]))

    def batches(self, pictures: bool = False, only: Collection[int] | None = None) -> Iterator[pa.RecordBatch]:
        """As Reader says; `split` is the file's."""
        names = self.names._replace(split=None) if pictures else self.names._replace(split=None, picture=None)
        columns = sorted({n for n in names if n is not None})
        rows = None if only is None else np.array(sorted(only), np.int64)
        for start, split, batch in self._parts(columns, PICTURE_ROWS if pictures else PLAIN_ROWS, rows):
            if self.split in (None, split):
                yield from _wanted(flat(batch, names, start, split), rows)

    def _parts(
        self, columns: list[str], batch_rows: int, rows: Rows | None
    ) -> Iterator[tuple[int, str, pa.RecordBatch]]:
        """(number of the first row, split, columns); parts without a wanted row are passed by."""
        start = 0
        for path, split in self._files:
            with _readable(path, self._out):
                for count, piece in _pieces(path, columns, batch_rows):
                    if rows is None or np.searchsorted(rows, start) < np.searchsorted(rows, start + count):
                        at = start
                        for batch in piece():
                            yield at, split, batch
                            at += len(batch)
                    start += count


class ListReader:
    """Any SOURCE, with the columns that a download would take."""

    def __init__(self, source: Source, columns: SourceColumns, has_splits: bool) -> None:
        self.name = source.name
        found = source.identity().get("revision")
        self.revision: str | None = None if found is None else str(found)
        self.splits: tuple[str, ...] = source.splits
        self.split: str | None = None
        self._source = source
        schema = source.schema()
        url = columns.url or columns.urls
        ours = {n: n for n in ("fetched_sha256", "phash", "dhash") if n in schema.names}
        ours = ours if len(ours) == 3 else {}  # all of them: published by pixmo; another tool's pHash may be another
        row_id = "row_id" if "row_id" in schema.names else None
        split = SPLIT if has_splits else None
        self.names = Names(url, columns.sha256, split=split, row_id=row_id, picture=columns.picture, **ours)

    @classmethod
    def open(cls, spec: str, split: str | None) -> ListReader:
        """A set of the Hub is asked for the split alone; of files, the rows of others are passed by."""
        of_hub = split is not None and (spec in set_names() or not Path(spec).exists())
        as_listed = Declared(grouped=False)
        source, columns = open_source(spec, split=split if of_hub else None, rows=as_listed)
        reader = cls(source, columns, bool(source.splits))
        if of_hub and split is not None and not reader.splits:  # a set of one split does not say which
            reader.splits = (split,)
            reader.names = reader.names._replace(split=None)
            reader._known_split = split
        return reader

    _known_split: str | None = None

    def batches(self, pictures: bool = False, only: Collection[int] | None = None) -> Iterator[pa.RecordBatch]:
        """As Reader says."""
        names = self.names if pictures else self.names._replace(picture=None)
        rows = None if only is None else np.array(sorted(only), np.int64)
        start = 0
        for batch in self._source.batches(PICTURE_ROWS if self.names.picture else PLAIN_ROWS):
            found = flat(batch, names, start, self._known_split)
            start += len(batch)
            if self.split is not None:
                found = found.filter(pc.equal(found.column("split"), self.split))
            yield from _wanted(found, rows)


class IndexReader:
    """An index of held-out pictures, read as a list of them."""

    splits: tuple[str, ...] = ()
    split: str | None = None

    def __init__(self, held: Holdout, name: str) -> None:
        self.held = held
        self.name = name
        self.revision = held.origin.revision
        self.names = Names(*TEXTS)

    def batches(self, pictures: bool = False, only: Collection[int] | None = None) -> Iterator[pa.RecordBatch]:
        """As Reader says; an index has no pictures."""
        rows = None if only is None else np.array(sorted(only), np.int64)
        start = 0
        for batch in self.held.entries.to_batches(PLAIN_ROWS):
            yield from _wanted(flat(batch, self.names, start, None), rows)
            start += len(batch)


def _wanted(batch: pa.RecordBatch, rows: Rows | None) -> Iterator[pa.RecordBatch]:
    if rows is not None:
        batch = batch.filter(pa.array(np.isin(batch.column("row").to_numpy(), rows)))
    if len(batch):
        yield batch


def _names_of(out: Path, schema: pa.Schema) -> Names:
    """Columns of a finished folder; ours are called otherwise where the source has such a name."""

    def ours(name: str) -> str | None:
        return next((n for n in (f"pixmo_{name}", name) if n in schema.names), None)

    plan = load_plan(Folder(out).plan_path)
    roles = plan.roles if plan else None
    url = (roles.url or roles.urls) if roles else _first(schema, "image_url", "image_urls", "url", "urls")
    sha = roles.sha256 if roles else _first(schema, "image_sha256", "image_sha256s")
    pictures = (n for n in ("pixmo_images", "pixmo_image", "images", "image") if n in schema.names)
    picture = next((n for n in pictures if _holds_pictures(schema.field(n).type)), None)
    url, sha = (n and n.removeprefix(SOURCE_PREFIX) for n in (url, sha))
    return Names(
        image_url=url if url in schema.names else None, image_sha256=sha if sha in schema.names else None,
        fetched_sha256=ours("fetched_sha256"), phash=ours("phash"), dhash=ours("dhash"), row_id=ours("row_id"), file=ours("embedded_path"),
        picture=picture,
    )  # fmt: skip


def _first(schema: pa.Schema, *names: str) -> str | None:
    return next((n for n in names if n in schema.names), None)


def _holds_pictures(kind: pa.DataType) -> bool:
    return is_picture(kind.value_type if is_list(kind) else kind)


def _schema(path: Path) -> pa.Schema:
    if path.suffix == ".parquet":
        return pq.read_schema(path)
    with pa.memory_map(str(path)) as raw, pa.ipc.open_stream(raw) as stream:
        return stream.schema


def _pieces(
    path: Path, columns: list[str], batch_rows: int
) -> Iterator[tuple[int, Callable[[], Iterable[pa.RecordBatch]]]]:
    """(rows, how to read them) of each part of a file that can be passed by."""
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                yield rows, partial(file.iter_batches, batch_rows, [group], columns, use_threads=False)
    else:
        with pa.memory_map(str(path)) as raw, pa.ipc.open_stream(raw) as stream:
            for batch in stream:
                parts = [batch.select(columns).slice(at, batch_rows) for at in range(0, len(batch), batch_rows)]
                yield len(batch), partial(iter, parts)


@contextmanager
def _readable(path: Path, out: Path) -> Iterator[None]:
    """Turns what a damaged file makes Arrow raise into a BadFolder."""
    try:
        yield
    except (OSError, pa.ArrowException, KeyError) as error:
        raise BadFolder(f"{path}: cannot be read; run `pixmo verify --repair {out}`") from error
