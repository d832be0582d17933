"""A frozen index of held-out pictures: what an evaluation set is recognised by, in one file with the digest of its content.

One Parquet file, `NAME.holdout`, a row per picture: where it is, the digests of its bytes, its perceptual hashes and those of its
mirror image, as far as they are known. Rows are sorted and different, so that the same pictures give the same digest in
whatever order they came. The digest covers the name and every entry; a file that does not fit it is not used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pixmo.errors import BadSetting, BadSource
from pixmo.ids import Digest, canonical_json, short
from pixmo.storage.publish import publishing

FORMAT = "pixmo-holdout/1"
SUFFIX = ".holdout"
KNOWN_BY = ("image_url", "image_sha256", "fetched_sha256", "phash", "dhash", "mirrored_phash", "mirrored_dhash")
BESIDE = ("split", "row_id", "file")  # to find the picture again; `file` is its name where it came as a file
SCHEMA = pa.schema([(name, pa.string()) for name in (*KNOWN_BY, *BESIDE)])
_KEY = b"pixmo-holdout"
_LONGEST_NAME = 200
_DIGESTED_ROWS = 4096


class Origin(NamedTuple):
    """Where an index came from; not part of its digest. `unknown` of the pictures had nothing to recognise them by."""

    source: str
    revision: str | None = None
    pictures: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Holdout:
    """Held-out pictures; `entries` has SCHEMA."""

    name: str
    entries: pa.Table
    origin: Origin
    digest: Digest

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"Holdout({self.name!r}, {len(self):,} pictures, {short(self.digest)})"

    def counts(self) -> dict[str, int]:
        """How many pictures are known by URL, by digest, by their look and by that of their mirror image."""
        told = {name: self.entries.column(name).is_valid() for name in KNOWN_BY}
        by = {
            "url": told["image_url"], "sha256": pc.or_(told["image_sha256"], told["fetched_sha256"]),
            "near": told["phash"], "mirrored": told["mirrored_phash"],
        }  # fmt: skip
        return {kind: pc.sum(known).as_py() or 0 for kind, known in by.items()}

    def titles(self) -> pa.ChunkedArray:
        """What to call each picture: its URL, else a digest of it, else its hash."""
        return pc.coalesce(*(self.entries.column(n) for n in ("image_url", "fetched_sha256", "image_sha256", "phash")))


def frozen(name: str, pictures: Iterable[pa.RecordBatch], source: str, revision: str | None = None) -> Holdout:
    """An index of pictures: batches with any of the columns of SCHEMA, as texts; other columns are not looked at.

    Raises BadSetting for a name that cannot be one.
    """
    if not (0 < len(name) <= _LONGEST_NAME and name.isprintable()):
        raise BadSetting(
            f"{name[:60]!r} cannot be the name of an index: give up to {_LONGEST_NAME} printable characters"
        )
    seen, parts = 0, [SCHEMA.empty_table()]
    for batch in pictures:
        seen += len(batch)
        parts.append(pa.Table.from_batches([_known(batch)]))
    known = pa.concat_tables(parts)
    entries = _different(known)
    return Holdout(name, entries, Origin(source, revision, seen, seen - len(known)), _digest(name, entries))


def publish(held: Holdout, path: Path, replace: bool = False) -> bool:
    """Writes the index, once and for all; whether something was written.

    Raises BadSetting where another index is there already, unless that is to be replaced; what is no index never is.
    """
    if path.exists():
        if not is_holdout(path):
            raise BadSetting(f"{path}: is there and is no index of held-out pictures; give another file")
        if not replace:
            before = load(path)
            if before.digest == held.digest:
                return False
            raise BadSetting(
                f"{path}: is frozen ({before.name}, {short(before.digest)}) and would change; --replace does so, and runs "
                "that use it then look at their rows again"
            )
    told = {
        "format": FORMAT,
        "name": held.name,
        "digest": held.digest,
        **held.origin._asdict(),
        "counts": held.counts(),
    }
    table = held.entries.replace_schema_metadata({_KEY: canonical_json(told)})
    with publishing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return True


def load(path: Path) -> Holdout:
    """The index in a file. Raises BadSource when it is none, or is not what it was when it was frozen."""
    try:
        with pq.ParquetFile(path) as file:
            told = json.loads((file.schema_arrow.metadata or {})[_KEY])
            if told["format"] != FORMAT:
                raise BadSource(f"{path}: format {told['format']!r} is not {FORMAT!r}; use the pixmo that wrote it")
            entries = file.read(SCHEMA.names, use_threads=False).replace_schema_metadata().cast(SCHEMA)
        name, revision = str(told["name"]), told["revision"]
        origin = Origin(str(told["source"]), revision and str(revision), int(told["pictures"]), int(told["unknown"]))
        found = _digest(name, entries)
    except FileNotFoundError:
        raise BadSource(f"{path}: no such index of held-out pictures; {_MAKE}") from None
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise BadSource(f"{path}: is no index of held-out pictures; {_MAKE}") from error
    if told["digest"] != found:
        raise BadSource(f"{path}: is not what it was when it was frozen; remove it and build it again")
    return Holdout(name, entries, origin, found)


_MAKE = "`pixmo leaks build-index` makes one"


def is_holdout(path: Path) -> bool:
    """Whether the file says it is an index, by what is in it."""
    try:
        return path.is_file() and _KEY in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def _known(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The columns of SCHEMA, blanks as nulls; without pictures that nothing is known of."""
    columns = [_column(batch, name) for name in SCHEMA.names]
    whole = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
    return whole.filter(pc.coalesce(*columns[: len(KNOWN_BY)]).is_valid())


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    at = batch.schema.get_field_index(name)
    if at < 0:
        return pa.nulls(len(batch), pa.string())
    text = pc.utf8_trim_whitespace(batch.column(at).cast(pa.string()))
    text = text if name in ("image_url", *BESIDE) else pc.ascii_lower(text)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _different(known: pa.Table) -> pa.Table:
    """Each picture once, in one order."""
    in_order = known.sort_by([(name, "ascending") for name in SCHEMA.names])
    groups = in_order.group_by(list(KNOWN_BY), use_threads=False)
    once = groups.aggregate([(name, "first") for name in BESIDE])
    return once.rename_columns(SCHEMA.names).cast(SCHEMA).combine_chunks()


def _digest(name: str, entries: pa.Table) -> Digest:
    found = hashlib.sha256(canonical_json([FORMAT, name]))
    for start in range(0, len(entries), _DIGESTED_ROWS):
        part = entries.slice(start, _DIGESTED_ROWS)
        values: list[list[Any]] = [part.column(n).to_pylist() for n in SCHEMA.names]  # Any: texts and None
        found.update(canonical_json(values))
    return Digest(found.hexdigest())
