"""From side files to published files: `select` decides the rows, ranges fixed by the plan say which file they stand in.

A range's record (`.pixmo/published/<split>-<n>.json`) says what its files were made of; it is written after them, so a range
without the right record is written again. The manifest is last.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pixmo.errors import BadFolder
from pixmo.ids import Digest, digest, digest_of
from pixmo.run.describing import REPORT, publish_card, publish_report
from pixmo.run.folder import Folder
from pixmo.run.pictures import PICTURE
from pixmo.run.plan import RESERVED, SOURCE_PREFIX, SPLIT, Plan
from pixmo.run.progress import Progress
from pixmo.run.recipe import Recipe
from pixmo.run.shard import Shard
from pixmo.storage.export.pictures import PictureReader, cut, picture_batches
from pixmo.storage.export.sink import Written
from pixmo.storage.export.writers import index_name, shard_name, writer
from pixmo.storage.manifest import Manifest, ManifestFile, load
from pixmo.storage.publish import publish_bytes, publishing
from pixmo.storage.sidecar import ROW_ID, SideFile, read, side_by_side
from pixmo.storage.store import Store

LAYOUT = 1  # raised when the same columns are laid out in other bytes
EXPECTED_PICTURE_BYTES = 250_000  # the mean of PixMo's pictures
EXPECTED_ROW_BYTES = 2_000
HIDDEN = frozenset({PICTURE, SPLIT, "embedded_sha256", "embedded_bytes"})
EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif"}


class Range(NamedTuple):
    """Rows [start, stop) of the plan that belong to a split: one output file, or parts of one."""

    split: str
    number: int
    of: int
    start: int
    stop: int


@dataclass
class Record:
    """What a range's files were made of, and its share of the counts."""

    made_of: str
    files: list[dict[str, Any]]  # Any: ManifestFile fields
    rows: int
    written: int
    outcomes: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)


@dataclass
class Published:
    """The set as published."""

    written: int
    counts: dict[str, dict[str, int]]
    left: dict[str, int]
    files_written: int
    manifest: Manifest


class Columns(NamedTuple):
    """Which columns are published, and under which names."""

    inner: list[str]
    outer: list[str]
    picture: str | None
    picture_name: str
    is_list: bool


class Publisher:
    """Publishes one run's output."""

    def __init__(
        self, folder: Folder, store: Store, recipe: Recipe, plan: Plan, shards: Sequence[Shard], progress: Progress,
        threads: int,
    ) -> None:  # fmt: skip
        self._folder, self._store, self._recipe, self._plan = folder, store, recipe, plan
        self._shards, self._progress, self._threads = shards, progress, threads
        self._starts = [s.start for s in shards]
        self._columns = self._chosen()
        self._files_written = 0
        self._stop = False

    def publish(self, samples: list[tuple[float, int]], seconds: float) -> Published:
        """Writes what is missing or outdated, then the card, then the manifest; the report beside them."""
        ranges = list(self.ranges())
        wanted = [r for r in ranges if self._record(r) is None]
        if wanted and self._columns.picture:
            self._store.packs.locate("0" * 64)  # loads the index once, before threads want it
        try:
            with ThreadPoolExecutor(self._threads, "publish") as pool:
                for done, _ in enumerate(pool.map(self._write, wanted), 1):
                    self._progress.files(done, len(wanted))
        except BaseException:
            self._stop = True  # the other threads stop between batches
            raise
        records = [self._need(r) for r in ranges]
        files = [ManifestFile(**f) for r in records for f in r.files]
        files += self._remove_stale(ranges, files)
        counts, left = Counter[str](), Counter[str]()
        for record in records:
            counts.update(record.outcomes)
            left.update(record.left)
        written = sum(r.written for r in records)
        published = Published(
            written, {"outcome": dict(sorted(counts.items()))}, dict(left), self._files_written, Manifest((), 0, 0)
        )
        return self._finish(published, files, records, ranges, samples, seconds)

    def ranges(self) -> Iterator[Range]:
        """Every output range; they depend on the plan and the recipe, not on what could be fetched."""
        expected = EXPECTED_PICTURE_BYTES if self._columns.picture else EXPECTED_ROW_BYTES
        per_file = max(1, self._recipe.shard_size // expected)
        for split in self._plan.splits:
            bounds = self._plan.ranges(split, per_file)
            yield from (Range(split, i, len(bounds), *b) for i, b in enumerate(bounds))

    def _finish(
        self, published: Published, files: list[ManifestFile], records: list[Record], ranges: list[Range],
        samples: list[tuple[float, int]], seconds: float,
    ) -> Published:  # fmt: skip
        out = self._folder.out
        before = load(out)
        images = (self._columns.picture_name,) if self._columns.picture else ()
        outcomes = published.counts["outcome"]
        files.append(
            publish_card(
                self._folder, self._recipe, self._plan, files, outcomes, published.left, self._schema(), images
            )
        )
        counts = published.counts | {"left": published.left}
        manifest = Manifest(
            tuple(sorted(files, key=lambda f: f.path)),
            self._plan.rows,
            published.written,
            counts,
            _plain(self._recipe.meaning()),
        )
        if before != manifest:
            manifest.publish(out)
        if before != manifest or not (out / REPORT).is_file():
            publish_report(self._folder, self._recipe, self._plan, self._shards, manifest, samples, seconds)
        published.manifest = manifest
        return published

    # which columns

    def _chosen(self) -> Columns:
        first = self._shards[0]
        inner = [n for n in first.columns if n not in HIDDEN and n != ROW_ID]
        own = [n for n in inner if first.columns[n] == first.rows_file and n not in RESERVED]
        theirs = {n: n.removeprefix(SOURCE_PREFIX) for n in own}
        outer = [theirs.get(n) or _apart(n, theirs.values()) for n in inner]
        select = self._recipe.select
        wants = select is None or select.images
        picture = next((n for n in ("resized_sha256", "fetched_sha256") if n in first.columns), None) if wants else None
        is_list = picture in first.nested
        name = "images" if is_list else "image"
        return Columns(inner, outer, picture, _apart(name, outer), is_list)

    # one range

    def _made_of(self, rng: Range) -> str:
        select = self._recipe.select
        sides: dict[SideFile, None] = {}
        for shard in self._overlapping(rng):
            sides |= dict.fromkeys([shard.rows_file, *(shard.columns[n] for n in self._columns.inner)])
        return digest_of(
            {
                "layout": LAYOUT, "format": self._recipe.format, "range": rng, "size": self._recipe.shard_size,
                "columns": self._columns, "sides": [s.is_ for s in sides],
                "select": [select.where, select.images] if select else None,
            }
        )  # fmt: skip

    def _overlapping(self, rng: Range) -> list[Shard]:
        first = bisect_right(self._starts, rng.start) - 1
        return list(self._shards[first : bisect_left(self._starts, rng.stop)])

    def _record_path(self, rng: Range) -> Path:
        return self._folder.hidden / "published" / f"{rng.split}-{rng.number:05d}.json"

    def _record(self, rng: Range) -> Record | None:
        """The range's record, if its files are there and were made of what they would be made of now."""
        path = self._record_path(rng)
        if not path.is_file():
            return None
        try:
            record = Record(**json.loads(path.read_bytes()))
        except (ValueError, TypeError):  # another version's: write the range again
            return None
        sizes = all(_size(self._folder.out / f["path"]) == f["bytes"] for f in record.files)
        return record if sizes and record.made_of == self._made_of(rng) else None

    def _need(self, rng: Range) -> Record:
        record = self._record(rng)
        if record is None:
            raise BadFolder(f"{self._folder.out}: files changed while they were written; run the same command again")
        return record

    def _write(self, rng: Range) -> None:
        table, record = self._selected(rng)
        places, paths, sizes = self._pictures(table)
        parts = list(cut(sizes, self._recipe.shard_size)) or ([(0, 0)] if rng.number == 0 else [])
        for part, (start, stop) in enumerate(parts):
            record.files += self._write_part(
                rng, part, table.slice(start, stop - start), places[start:stop], paths[start:stop]
            )
        publish_bytes(self._record_path(rng), json.dumps(asdict(record)).encode())

    def _write_part(
        self, rng: Range, part: int, table: pa.Table, places: Sequence[Any], paths: Sequence[Any]
    ) -> list[dict[str, Any]]:  # Any: places, or lists of them; ManifestFile fields
        columns = self._columns
        name = shard_name(self._recipe.format, rng.split, rng.number, rng.of, part)
        rows = table.select(columns.inner).rename_columns(columns.outer)
        rows = rows.add_column(0, _apart(ROW_ID, columns.outer), table.column(ROW_ID))
        path = self._folder.out / name
        with publishing(path) as temporary:
            written = self._write_file(temporary, rows, places, paths)
        self._files_written += 1
        told = [ManifestFile(name, written.sha256, written.bytes, written.rows, rng.split)]
        if written.index is not None:
            publish_bytes(self._folder.out / index_name(name), written.index)
            told.append(ManifestFile(index_name(name), digest(written.index), len(written.index)))
        return [asdict(f) for f in told]

    def _write_file(self, path: Path, rows: pa.Table, places: Sequence[Any], paths: Sequence[Any]) -> Written:
        columns, open_shard = self._columns, writer(self._recipe.format)
        if columns.picture is None:
            with open_shard(path, rows.schema, ()) as shard:
                for batch in rows.combine_chunks().to_batches(max_chunksize=1000):
                    shard.write(batch)
                return shard.close()
        with (
            open_shard(path, self._with_picture(rows.schema), (columns.picture_name,)) as shard,
            PictureReader() as reader,
        ):
            batches = picture_batches(
                rows, places, paths, column=columns.picture_name, is_list=columns.is_list, reader=reader
            )
            for batch in batches:
                shard.write(batch)
                del batch
                if self._stop:
                    raise KeyboardInterrupt
            return shard.close()

    def _schema(self) -> pa.Schema:
        """The columns as published."""
        first = self._table(self._shards[0])
        kinds = [first.schema.field(n).type for n in self._columns.inner]
        told = [pa.field(n, k) for n, k in zip(self._columns.outer, kinds, strict=True)]
        return self._with_picture(pa.schema([pa.field(_apart(ROW_ID, self._columns.outer), pa.string()), *told]))

    def _with_picture(self, schema: pa.Schema) -> pa.Schema:
        if self._columns.picture is None:
            return schema
        picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        kind = pa.list_(picture) if self._columns.is_list else picture
        return pa.schema([pa.field(self._columns.picture_name, kind), *schema])

    def _selected(self, rng: Range) -> tuple[pa.Table, Record]:
        """The rows of a range that stay, with all published columns, and the counts of those that do not."""
        record = Record(self._made_of(rng), [], 0, 0)
        outcomes, left = Counter[str](), Counter[str]()
        kept = []
        select = self._recipe.select
        for shard in self._overlapping(rng):
            table = self._table(shard)
            low, high = max(rng.start - shard.start, 0), min(rng.stop - shard.start, shard.planned.rows)
            table = table.slice(low, high - low)
            table = table.filter(pc.equal(table.column(SPLIT), rng.split))
            record.rows += table.num_rows
            if "outcome" in table.column_names:
                outcomes.update(_flat(table.column("outcome")).to_pylist())
            if select is not None:
                clauses = pa.table(
                    {n: _all_true(table.column(n)) for n in select.needs.names} or {"": pa.nulls(table.num_rows)}
                )
                mask, gone = select.keep(clauses)
                left.update(gone)
                table = table.filter(pa.array(mask))
            kept.append(table)
        whole = pa.concat_tables(kept, promote_options="permissive").combine_chunks()
        record.written, record.left = whole.num_rows, dict(left)
        record.outcomes = {str(k): v for k, v in sorted(outcomes.items(), key=lambda kv: str(kv[0]))}
        return whole, record

    def _table(self, shard: Shard) -> pa.Table:
        select = self._recipe.select
        names = [*self._columns.inner, SPLIT, *(select.needs.names if select else ())]
        names += [self._columns.picture] if self._columns.picture else []
        by_file: dict[SideFile, list[str]] = {shard.rows_file: []}
        for name in dict.fromkeys(names):
            by_file.setdefault(shard.columns[name], []).append(name)
        return side_by_side(read(side, columns) for side, columns in by_file.items())

    def _pictures(self, table: pa.Table) -> tuple[list[Any], list[Any], list[int]]:
        """(places, paths, bytes) per row; lists where a row holds several pictures."""
        columns = self._columns
        if columns.picture is None:
            size = max(1, table.nbytes // max(table.num_rows, 1))
            return [None] * table.num_rows, [None] * table.num_rows, [size] * table.num_rows
        shas = table.column(columns.picture).to_pylist()
        formats = table.column("format").to_pylist() if "format" in table.column_names else [None] * len(shas)
        names = (
            table.column("embedded_path").to_pylist() if "embedded_path" in table.column_names else [None] * len(shas)
        )
        if columns.is_list:
            rows = [[self._place(s) for s in row or ()] for row in shas]
            told = [
                [_path(s, f) for s, f in zip(row or (), fs or [None] * len(row or ()), strict=True)]
                for row, fs in zip(shas, formats, strict=True)
            ]
            return rows, told, [sum(p[2] for p in row if p) for row in rows]
        places = [self._place(s) for s in shas]
        paths = [n or _path(s, f) for s, f, n in zip(shas, formats, names, strict=True)]
        return places, paths, [p[2] if p else 0 for p in places]

    def _place(self, sha: str | None) -> Any:  # Any: a Place or None
        if sha is None:
            return None
        where = self._store.locate(sha)
        if where is None:
            raise BadFolder(
                f"the bytes of picture {sha} are gone from the store; run `pixmo verify {self._folder.out} --repair`"
            )
        return self._store.packs.path(where.pack), where.offset, where.length

    # what earlier runs left

    def _remove_stale(self, ranges: list[Range], files: list[ManifestFile]) -> list[ManifestFile]:
        """Removes published files and records that no range names any more; returns files of the format's own."""
        out = self._folder.out
        extra = self._arrow_files(files) if self._recipe.format == "arrow" else []
        named = {f.path for f in (*files, *extra)}
        before = load(out)
        for old in before.files if before else ():
            if old.path not in named and old.path != "README.md":
                (out / old.path).unlink(missing_ok=True)
        for path in (out / "data").rglob("*") if (out / "data").is_dir() else ():
            if path.is_file() and path.relative_to(out).as_posix() not in named:
                path.unlink()
        records = {self._record_path(r).name for r in ranges}
        for path in (self._folder.hidden / "published").glob("*.json"):
            if path.name not in records:
                path.unlink()
        return extra

    def _arrow_files(self, files: list[ManifestFile]) -> list[ManifestFile]:
        from pixmo.storage.export.arrow import arrow_folder_files

        by_split: dict[str, list[tuple[str, Written]]] = {}
        for f in files:
            name = f.path.removeprefix(f"{f.split}/")
            by_split.setdefault(str(f.split), []).append((name, Written(f.rows or 0, f.bytes, Digest(f.sha256), 0)))
        schema = pa.ipc.open_stream(self._folder.out / files[0].path).schema
        images = (self._columns.picture_name,) if self._columns.picture else ()
        told = []
        for name, data in arrow_folder_files(by_split, schema, images).items():
            path = self._folder.out / name
            if not path.is_file() or path.read_bytes() != data:
                publish_bytes(path, data)
            told.append(ManifestFile(name, digest(data), len(data)))
        return told


def _apart(name: str, taken: Collection[str]) -> str:
    """A name of ours that is none of the source's."""
    while name in taken:
        name = f"pixmo_{name}"
    return name


def _path(sha: str | None, format: str | None) -> str | None:
    return (
        None
        if sha is None
        else f"{sha[:16]}.{EXTENSIONS.get(format or '', 'bin' if format is None else format.lower())}"
    )


def _all_true(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A clause's column; of a row with several pictures, all must hold and there must be one."""
    if not pa.types.is_list(column.type):
        return column
    return pa.chunked_array([pa.array([bool(v) and all(v) for v in column.to_pylist()], pa.bool_())])


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.list_flatten(column) if pa.types.is_list(column.type) else column


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _plain(value: Any) -> Any:  # Any: JSON values; tuples become lists, as they come back from a file
    return json.loads(json.dumps(value))
