"""From side files to published files: `select` decides the rows, ranges fixed by the plan say which file they stand in.

A range's record (`.pixmo/published/<split>-<n>.json`) says what its files were made of; it is written after them, so a range
without the right record is written again. The manifest is last.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pixmo.errors import BadFolder
from pixmo.ids import Digest, as_read_back, digest
from pixmo.run.describing import REPORT, publish_card, publish_report
from pixmo.run.folder import Folder
from pixmo.run.left_out import publish_audio, publish_left_out
from pixmo.run.plan import Plan
from pixmo.run.progress import Progress
from pixmo.run.recipe import Recipe
from pixmo.run.selecting import Range, Record, Selection, apart
from pixmo.run.shard import Shard
from pixmo.storage.export.pictures import PictureReader, cut, picture_batches
from pixmo.storage.export.sink import Written
from pixmo.storage.export.writers import index_name, shard_name, writer
from pixmo.storage.manifest import Manifest, ManifestFile, load
from pixmo.storage.publish import publish_bytes, publishing
from pixmo.storage.sidecar import ROW_ID
from pixmo.storage.store import Store

_OURS = re.compile(
    r".+-\d{5}(-of-\d{5})?(\.part\d+)?\.(parquet|tar|idx|arrow)"
)  # others' files are verify's to tell of


@dataclass
class Published:
    """The set as published."""

    written: int
    counts: dict[str, dict[str, int]]
    left: dict[str, int]
    files_written: int
    manifest: Manifest


class Publisher:
    """Publishes one run's output."""

    def __init__(
        self, folder: Folder, store: Store, recipe: Recipe, plan: Plan, shards: Sequence[Shard], progress: Progress,
        threads: int,
    ) -> None:  # fmt: skip
        self._folder, self._store, self._recipe, self._plan = folder, store, recipe, plan
        self._shards, self._progress, self._threads = shards, progress, threads
        self._selection = Selection(folder.out, store, recipe, plan, shards)
        self._files_written = 0
        self._stop = False

    def publish(self, samples: list[tuple[float, int]], seconds: float) -> Published:
        """Writes what is missing or outdated, then the card, then the manifest; the report beside them."""
        ranges = list(self._selection.ranges())
        wanted = [r for r in ranges if self._record(r) is None]
        if wanted and self._selection.columns.picture:
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
        files += self._beside()
        files += self._remove_stale(ranges, files)
        counts, left = Counter[str](), Counter[str]()
        more: dict[str, Counter[str]] = {}
        for record in records:
            counts.update(record.outcomes)
            left.update(record.left)
            for name, found in record.more.items():
                more.setdefault(name, Counter()).update(found)
        written = sum(r.written for r in records)
        published = Published(
            written,
            {"outcome": dict(sorted(counts.items()))} | {n: dict(sorted(c.items())) for n, c in more.items()},
            dict(left),
            self._files_written,
            Manifest((), 0, 0),
        )
        return self._finish(published, files, records, ranges, samples, seconds)

    def _finish(
        self, published: Published, files: list[ManifestFile], records: list[Record], ranges: list[Range],
        samples: list[tuple[float, int]], seconds: float,
    ) -> Published:  # fmt: skip
        out = self._folder.out
        before = load(out)
        images = (self._selection.columns.picture_name,) if self._selection.columns.picture else ()
        outcomes = published.counts["outcome"]
        files.append(
            publish_card(
                self._folder,
                self._recipe,
                self._plan,
                files,
                outcomes,
                published.left,
                self._selection.schema(),
                images,
            )
        )
        counts = published.counts | {"left": published.left}
        manifest = Manifest(
            tuple(sorted(files, key=lambda f: f.path)),
            self._plan.rows,
            published.written,
            counts,
            as_read_back(self._recipe.meaning()),
        )
        if before != manifest:
            manifest.publish(out)
        if before != manifest or not (out / REPORT).is_file():
            publish_report(self._folder, self._recipe, self._plan, self._shards, manifest, samples, seconds)
        published.manifest = manifest
        return published

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
        return record if sizes and record.made_of == self._selection.made_of(rng) else None

    def _need(self, rng: Range) -> Record:
        record = self._record(rng)
        if record is None:
            raise BadFolder(f"{self._folder.out}: files changed while they were written; run the same command again")
        return record

    def _write(self, rng: Range) -> None:
        table, record = self._selection.rows(rng)
        places, paths, sizes = self._selection.pictures(table)
        parts = list(cut(sizes, self._recipe.shard_size)) or ([(0, 0)] if rng.number == 0 else [])
        for part, (start, stop) in enumerate(parts):
            record.files += self._write_part(
                rng, part, table.slice(start, stop - start), places[start:stop], paths[start:stop]
            )
        publish_bytes(self._record_path(rng), json.dumps(asdict(record)).encode())

    def _write_part(
        self, rng: Range, part: int, table: pa.Table, places: Sequence[Any], paths: Sequence[Any]
    ) -> list[dict[str, Any]]:  # Any: places, or lists of them; ManifestFile fields
        columns = self._selection.columns
        name = shard_name(self._recipe.format, rng.split, rng.number, rng.of, part)
        rows = table.select(columns.inner).rename_columns(columns.outer)
        rows = rows.add_column(0, apart(ROW_ID, columns.outer), table.column(ROW_ID))
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
        columns, open_shard = self._selection.columns, writer(self._recipe.format)
        if columns.picture is None:
            with open_shard(path, self._selection.labelled(rows.schema), ()) as shard:
                for batch in rows.combine_chunks().to_batches(max_chunksize=1000):
                    shard.write(batch)
                return shard.close()
        with (
            open_shard(
                path, self._selection.with_picture(self._selection.labelled(rows.schema)), (columns.picture_name,)
            ) as shard,
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

    def _beside(self) -> list[ManifestFile]:
        """Files beside the shards: recordings that were asked for, and what was left out."""
        select = self._recipe.select
        files = (
            list(publish_audio(self._folder.out, self._selection, self._shards, self._store))
            if select and select.audio
            else []
        )
        return files + (
            [publish_left_out(self._folder.out, self._selection, self._shards)] if select and select.apart else []
        )

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
        for path in (*out.glob("data/*"), *out.glob("*/data-*.arrow")):
            if _OURS.fullmatch(path.name) and path.relative_to(out).as_posix() not in named:
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
        images = (self._selection.columns.picture_name,) if self._selection.columns.picture else ()
        told = []
        for name, data in arrow_folder_files(by_split, schema, images).items():
            path = self._folder.out / name
            if not path.is_file() or path.read_bytes() != data:
                publish_bytes(path, data)
            told.append(ManifestFile(name, digest(data), len(data)))
        return told


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
