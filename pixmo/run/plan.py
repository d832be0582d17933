"""The plan: a source read once, whole, into shards of rows with ids and splits. Pure in the rows; workers do not matter.

Two passes keep memory small for ten million rows: the first reads the source into temporary shards and keeps 8 bytes a row (24 more
when splits are asked for); the second gives exact repeats their counts, rows their splits, and publishes. `plan.json` is last.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pixmo.errors import BadFolder, BadSetting, BadSource
from pixmo.ids import digest_of
from pixmo.run.rows import SHARD_ROWS, RowIds, prefixes_of, repeats, shards
from pixmo.run.splits import TRAIN, Split, assign, row_keys
from pixmo.sources.open import Columns, Source
from pixmo.storage.publish import publish_bytes
from pixmo.storage.sidecar import ROW_ID, SideFile, SideFiles
from pixmo.storage.store import Store

FORMAT = "pixmo-plan/1"
STAGE = "rows"
SPLIT = "split"
SOURCE_PREFIX = "source:"
RESERVED = frozenset(
    [
        "row_id",
        "split",
        "image",
        "images",
        "fetched",
        "fetch_outcome",
        "fetch_detail",
        "http_status",
        "final_url",
        "content_type",
        "optout",
        "fetched_sha256",
        "fetched_bytes",
        "hash_verdict",
        "embedded_sha256",
        "embedded_bytes",
        "embedded_path",
        "picture_sha256",
        "image_outcome",
        "image_detail",
        "image_ok",
        "format",
        "width",
        "height",
        "mode",
        "frames",
        "exif_orientation",
        "has_transparency",
        "phash",
        "dhash",
        "duplicate_of",
        "duplicate_kind",
        "is_duplicate",
        "in_other_split",
        "is_leak",
        "leak_kind",
        "leak_of",
        "leak_set",
        "is_flagged",
        "flag_note",
        "outcome",
        "ok",
        "resized_sha256",
        "resized_format",
        "resized_width",
        "resized_height",
    ]
)
"""Names that stages use. A source column of such a name is kept aside as `source:<name>` and published under its own name;
ours is then published as `pixmo_<name>`."""


class PlannedShard(NamedTuple):
    """A slice of rows: its side file and how many rows each split has in it."""

    number: int
    rows: int
    made_of: str
    is_: str
    splits: dict[str, int]


class Roles(NamedTuple):
    """The source's columns that mean something to us, by the names they have in the rows' side files."""

    url: str | None
    urls: str | None
    sha256: str | None
    embedded: bool
    embedded_many: bool = False  # a list of pictures per row
    recordings: bool = False  # a list of recordings per row


@dataclass(frozen=True)
class Plan:
    """Everything later steps need to know of the rows."""

    source: str
    identity: dict[str, Any]  # Any: plain JSON of the source
    roles: Roles
    splits: tuple[str, ...]
    shards: tuple[PlannedShard, ...]
    facts: dict[str, Any] = field(default_factory=dict)  # Any: licence, columns: plain JSON for the card

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(s.rows for s in self.shards)

    @property
    def digest(self) -> str:
        """Of the rows and their splits."""
        return digest_of([[s.made_of, s.is_] for s in self.shards])

    @property
    def many(self) -> bool:
        """Whether a row holds a list of pictures."""
        return self.roles.urls is not None or self.roles.embedded_many

    def publish(self, path: Path) -> None:
        """Writes plan.json."""
        told = asdict(self) | {"format": FORMAT, "roles": self.roles._asdict()}
        told["shards"] = [s._asdict() for s in self.shards]
        publish_bytes(path, json.dumps(told, indent=0).encode())

    def ranges(self, split: str, rows_per_file: int) -> list[tuple[int, int]]:
        """(first row, end row) among all rows, per output file of a split, at shard borders where files are larger."""
        ranges: list[tuple[int, int]] = []
        start = at = held = 0
        for shard in self.shards:
            here = shard.splits.get(split, 0)
            if held and held + here > rows_per_file * 1.5:
                ranges.append((start, at))
                start, held = at, 0
            if here > rows_per_file * 1.5:  # files smaller than a shard: cut inside it, by rows of any split
                pieces = -(-here // rows_per_file)
                bounds = [at + shard.rows * i // pieces for i in range(pieces + 1)]
                ranges += list(pairwise(bounds))
                start = at + shard.rows
            else:
                held += here
                if held >= rows_per_file:
                    ranges.append((start, at + shard.rows))
                    start, held = at + shard.rows, 0
            at += shard.rows
        if held:
            ranges.append((start, at))
        return ranges


def load_plan(path: Path) -> Plan | None:
    """The published plan; None when there is none."""
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_bytes())
        if told["format"] != FORMAT:
            raise BadFolder(f"{path}: format {told['format']!r} is not {FORMAT!r}; use the pixmo that wrote it")
        return Plan(
            told["source"], told["identity"], Roles(**told["roles"]), tuple(told["splits"]),
            tuple(PlannedShard(**s) for s in told["shards"]), told["facts"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise BadFolder(
            f"{path}: is not a plan of this pixmo; remove it and run again (nothing is fetched twice)"
        ) from error


def build_plan(
    source: Source, columns: Columns, splits: tuple[Split, ...], side_files: SideFiles, store: Store,
    facts: dict[str, Any], progress: Callable[[int], None] = lambda rows: None,
) -> Plan:  # fmt: skip
    """Reads the source whole and publishes the rows' side files; the caller publishes the plan."""
    own_splits, names = source_splits(source), source.schema().names
    if splits and own_splits == (TRAIN,):  # all train: as good as none, and part of it may be held out
        own_splits, names = (), [n for n in names if n != SPLIT]
    if splits and own_splits:
        raise BadSetting(f"{source.name}: has splits of its own ({', '.join(own_splits)}); leave yours out")
    renamed, roles = _roles(columns, names, own_splits)
    if columns.picture is not None:
        roles = roles._replace(embedded_many=not pa.types.is_struct(source.schema().field(columns.picture).type))
    roles = roles._replace(recordings=columns.recordings is not None)
    side_files.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-plan-", dir=side_files.folder) as scratch:
        first = _FirstPass(Path(scratch), roles, bool(splits), progress)
        first.read(_prepared(b, renamed, columns, store) for b in source.batches())
        if not first.rows:
            raise BadSource(f"{source.name}: has no rows")
        of_row = first.assigned(splits)
        ours = (TRAIN, *(s.name for s in splits))
        planned = tuple(_publish(first, of_row, ours, side_files))
    found = [name for name in dict.fromkeys([*ours, *own_splits]) if any(s.splits.get(name) for s in planned)]
    found += [n for s in planned for n in s.splits if n not in found]
    return Plan(source.name, source.identity(), roles, tuple(dict.fromkeys(found)), planned, facts)


def source_splits(source: Source) -> tuple[str, ...]:
    """The splits a source brings along (a Hub set); its `split` column then says which."""
    return tuple(getattr(source, "splits", ()))


class _FirstPass:
    """Temporary shards on disk, and the little that must be known of all rows at once."""

    def __init__(self, scratch: Path, roles: Roles, wants_keys: bool, progress: Callable[[int], None]) -> None:
        self._scratch = scratch
        self._roles = roles
        self._wants_keys = wants_keys
        self._progress = progress
        self._prefixes = scratch / "prefixes"  # a file: ten million in memory twice would be too much
        self._keys: list[NDArray[np.uint64]] = []
        self._rows_of_keys: list[NDArray[np.int64]] = []
        self.rows = 0
        self.files: list[Path] = []

    def read(self, batches: Iterator[pa.RecordBatch]) -> None:
        for table, digests in shards(batches, SHARD_ROWS):
            with self._prefixes.open("ab") as file:
                prefixes_of(digests).tofile(file)
            path = self._scratch / f"{len(self.files)}.arrow"
            table = table.append_column("\x00digest", pa.array(digests, pa.binary(16)))
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            self.files.append(path)
            if self._wants_keys:
                self._note_keys(table)
            self.rows += table.num_rows
            self._progress(self.rows)

    def tables(self) -> Iterator[tuple[pa.Table, list[bytes]]]:
        for path in self.files:
            with pa.OSFile(str(path)) as file:
                table = pa.ipc.open_file(file).read_all()
            digests = table.column("\x00digest").to_pylist()
            yield table.drop_columns(["\x00digest"]), digests
            path.unlink()

    def row_ids(self) -> RowIds:
        return RowIds(repeats(np.fromfile(self._prefixes, np.uint64)))

    def assigned(self, splits: tuple[Split, ...]) -> NDArray[np.uint8] | None:
        if not splits:
            return None
        return assign(np.concatenate(self._keys), np.concatenate(self._rows_of_keys), self.rows, splits)

    def _note_keys(self, table: pa.Table) -> None:
        roles = ((self._roles.url, "url"), (self._roles.urls, "url"), (self._roles.sha256, "sha256"))
        named = [(kind, role) for role, kind in roles if role]
        named += [("sha256", "embedded_sha256")] if self._roles.embedded else []
        keys, rows = row_keys(self.rows, ((kind, table.column(name).to_pylist()) for kind, name in named))
        self._keys.append(keys)
        self._rows_of_keys.append(rows)


def _publish(
    first: _FirstPass, of_row: NDArray[np.uint8] | None, names: tuple[str, ...], side_files: SideFiles
) -> Iterator[PlannedShard]:
    ids = first.row_ids()
    start = 0
    for number, (table, digests) in enumerate(first.tables()):
        row_ids = ids.ids(digests)
        if SPLIT not in table.column_names:
            numbers = np.zeros(table.num_rows, np.uint8) if of_row is None else of_row[start : start + table.num_rows]
            table = table.add_column(0, SPLIT, pa.array([names[n] for n in numbers.tolist()], pa.string()))
        table = table.add_column(0, ROW_ID, pa.array(row_ids, pa.string()))
        named = [[f.name, str(f.type)] for f in table.schema]  # ids speak of values alone
        made_of = digest_of({"ids": row_ids, "split": table.column(SPLIT).to_pylist(), "columns": named})
        side = side_files.find(STAGE, made_of) or side_files.write(STAGE, number, made_of, table.combine_chunks())
        yield PlannedShard(
            number, table.num_rows, side.made_of, side.is_, dict(Counter(table.column(SPLIT).to_pylist()))
        )
        start += table.num_rows


def rows_file(plan_shard: PlannedShard, side_files: SideFiles) -> SideFile:
    """The rows of a shard. Raises BadFolder when they are gone."""
    side = side_files.find(STAGE, plan_shard.made_of)
    if side is None or side.is_ != plan_shard.is_:
        raise BadFolder(
            f"{side_files.folder}: the rows of shard {plan_shard.number} are missing or damaged; "
            "run `pixmo verify --repair` or give the source again"
        )
    return side


def _roles(columns: Columns, names: list[str], own_splits: tuple[str, ...]) -> tuple[dict[str, str], Roles]:
    """How source columns are named in the rows' files, and which of them matter."""
    keep = {SPLIT} if own_splits else set()
    bytes_of = (columns.picture, columns.recordings)
    renamed = {n: SOURCE_PREFIX + n if n in RESERVED - keep else n for n in names if n not in bytes_of}
    here = {None: None} | renamed
    return renamed, Roles(here[columns.url], here[columns.urls], here[columns.sha256], columns.picture is not None)


def _prepared(batch: pa.RecordBatch, renamed: dict[str, str], columns: Columns, store: Store) -> pa.RecordBatch:
    """The batch with its columns under their names here; embedded pictures and recordings moved into the store."""
    arrays = [batch.column(name) for name in renamed]
    names = list(renamed.values())
    if columns.picture is not None:
        arrays += _unpacked(batch.column(columns.picture), store)
        names += ["embedded_sha256", "embedded_bytes", "embedded_path"]
    if columns.recordings is not None:
        arrays += _unpacked(batch.column(columns.recordings), store)
        names += ["recording_sha256", "recording_bytes", "recording_file"]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _unpacked(column: pa.Array, store: Store) -> list[pa.Array]:
    """Digest, size and path of each picture; lists of them where a row holds a list."""
    if not pa.types.is_struct(column.type):
        lists = column.cast(pa.list_(column.type.value_type))
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        return [
            pa.ListArray.from_arrays(offsets, part, mask=lists.is_null()) for part in _unpacked(lists.flatten(), store)
        ]
    data = pc.struct_field(column, "bytes").to_pylist()
    shas = [None if d is None else store.put(d) if d else "" for d in data]
    sizes = [None if d is None else len(d) for d in data]
    return [pa.array(shas, pa.string()), pa.array(sizes, pa.int64()), pc.struct_field(column, "path").cast(pa.string())]
