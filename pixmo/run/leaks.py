"""Compare training pictures with held-out sets: counts by set and by how they were recognised, examples, and their pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pixmo.errors import BadSetting
from pixmo.ids import digest
from pixmo.run.holdouts import is_known, ready
from pixmo.run.leaks_looks import LookBothWays, Lookers, Looks
from pixmo.run.leaks_rows import TRAIN, IndexReader, Reader, opened
from pixmo.storage.holdout import Holdout, frozen, load, publish
from pixmo.storage.holdout_match import KINDS, Matcher

EXAMPLES = 20  # shown of each set and kind
_SHOWN = ("image_url", "image_sha256", "fetched_sha256", "split", "row_id", "file")
Values = dict[str, Any]  # Any: texts, None, and the place of a picture


@dataclass(frozen=True)
class Against:
    """A held-out set; `reader` and `places` find its pictures again where it has any at hand."""

    held: Holdout
    reader: Reader | None = None
    places: dict[str, tuple[int, int]] = field(default_factory=dict)  # (row, place in it) by `_key`


class Leak(NamedTuple):
    """A training picture and the held-out one it is."""

    set: str
    kind: str
    train: Values
    held: Values

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return self._asdict()


@dataclass
class SetCounts:
    """What of one held-out set was found: training pictures by kind, and which of its own pictures."""

    held: Holdout
    kinds: Counter[str] = field(default_factory=Counter)
    found: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        told = {
            "name": self.held.name,
            "digest": self.held.digest,
            "pictures": len(self.held),
            "found": int(self.found.sum()),
        }
        return told | {"kinds": {k: self.kinds[k] for k in KINDS if self.kinds[k]}, "known_by": self.held.counts()}


@dataclass
class Compared:
    """All counts; `kinds` counts each leaking picture once, by the plainest way over all sets."""

    train: str
    sets: list[SetCounts]
    rows: int = 0  # that name a picture
    pictures: int = 0
    hashed: int = 0  # pictures that have a look to compare
    leaking_rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[Leak] = field(default_factory=list)

    @property
    def leaks(self) -> int:
        """Pictures of the training data that are held out."""
        return self.kinds.total()

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        told = {"train": self.train, "rows": self.rows, "pictures": self.pictures, "hashed": self.hashed}
        told |= {"leaks": self.leaks, "leaking_rows": self.leaking_rows, "kinds": dict(self.kinds)}
        examples = [leak.as_json() for leak in self.examples]
        return told | {"sets": [s.as_json() for s in self.sets], "examples": examples}


def opened_train(spec: str) -> Reader:
    """Training data: of a source with splits its `train`, unless another was asked for."""
    reader = opened(spec)
    if reader.split is None and TRAIN in reader.splits and len(reader.splits) > 1:
        reader.split = TRAIN
    return reader


def opened_against(specs: Sequence[str], home: Path, lookers: Lookers) -> list[Against]:
    """Held-out sets: names of the catalog by their frozen index, index files, or anything a reader opens, looked at now."""
    found = []
    for spec in dict.fromkeys(specs):
        if is_known(spec):
            found.append(Against(load(*ready([spec], home))))
            continue
        reader = opened(spec)
        if isinstance(reader, IndexReader):
            found.append(Against(reader.held))
        else:
            found.append(_gathered(reader, spec, lookers))
    return found


def build_index(
    spec: str, path: Path, name: str | None, lookers: Lookers, replace: bool = False
) -> tuple[Holdout, bool]:
    """The frozen index of what `spec` names, in the file; and whether it was written. Raises BadSetting where it would change."""
    held = _gathered(opened(spec), name or path.stem, lookers).held
    if not len(held):
        raise BadSetting(
            f"{spec}: has no picture that can be recognised (no URL, digest or bytes); no index was written"
        )
    return held, publish(held, path, replace)


def _gathered(reader: Reader, name: str, lookers: Lookers) -> Against:
    places: dict[str, tuple[int, int]] = {}

    def looked_at() -> Iterator[pa.RecordBatch]:
        for batch in reader.batches(pictures=reader.names.picture is not None):
            seen = with_looks(batch, lookers)
            if "picture" in seen.schema.names:
                for row in seen.select(["row", "at", *_SHOWN]).to_pylist():
                    places.setdefault(_key(row), (row["row"], row["at"]))
                seen = seen.drop_columns(["picture"])
            yield seen

    held = frozen(name, looked_at(), reader.name, reader.revision)
    return Against(held, reader if places else None, places)


def compare(train: Reader, against: Sequence[Against], radius: int, lookers: Lookers) -> Compared:
    """Reads the training pictures once and looks each up in every set."""
    matchers = [Matcher(one.held, radius) for one in against]
    sets = [SetCounts(m.held, found=np.zeros(len(m.held), np.bool_)) for m in matchers]
    total = Compared(train.name if train.split is None else f"{train.name}:{train.split}", sets)
    looks = None in (train.names.phash, train.names.dhash) and train.names.picture is not None
    for batch in train.batches(pictures=looks):
        seen = with_looks(batch, lookers) if looks else batch
        total.pictures += len(seen)
        total.rows += len(np.unique(seen.column("row").to_numpy()))  # a row's pictures come in one batch
        total.hashed += len(seen) - seen.column("phash").null_count
        _fold(total, seen, matchers)
    return total


def _fold(total: Compared, seen: pa.RecordBatch, matchers: Sequence[Matcher]) -> None:
    plainest = np.full(len(seen), len(KINDS))
    for matcher, counts in zip(matchers, total.sets, strict=True):
        found = matcher.find(seen)
        at = np.flatnonzero(found.kind >= 0)
        plainest[at] = np.minimum(plainest[at], found.kind[at])
        counts.found[found.entry[at]] = True
        for row in at.tolist():
            kind = KINDS[found.kind[row]]
            counts.kinds[kind] += 1
            if counts.kinds[kind] <= EXAMPLES:
                held = matcher.held.entries.slice(int(found.entry[row]), 1).to_pylist()[0]
                told = seen.slice(row, 1).select(["row", "at", *_SHOWN]).to_pylist()[0]
                total.examples.append(Leak(counts.held.name, kind, told, {n: held[n] for n in _SHOWN}))
    leaking = plainest < len(KINDS)
    total.kinds.update(KINDS[k] for k in plainest[leaking].tolist())
    total.leaking_rows += len(np.unique(seen.column("row").to_numpy()[leaking]))


def with_looks(batch: pa.RecordBatch, lookers: Lookers) -> pa.RecordBatch:
    """The batch with what its pictures tell: digests and hashes that are not there yet, and those of the mirror images."""
    if "picture" not in batch.schema.names:
        return batch
    data = batch.column("picture").to_pylist()
    looks = lookers.over(LookBothWays(), data)
    told = {name: batch.column(name) for name in batch.schema.names}
    shas = pa.array([digest(d) if d else None for d in data], pa.string())
    told["fetched_sha256"] = pc.coalesce(told["fetched_sha256"], shas)
    made = {n: pa.array([look and look[i] for look in looks], pa.string()) for i, n in enumerate(Looks._fields)}
    has_both = pc.and_(told["phash"].is_valid(), told["dhash"].is_valid())
    for name in ("phash", "dhash"):
        made[name] = pc.if_else(has_both, told[name], made[name])
    return pa.RecordBatch.from_pydict(told | made)


def _key(picture: Values) -> str:
    """What a picture is found again by: the digest of its bytes, else what the list says of it."""
    return str(picture["fetched_sha256"] or picture["image_url"] or picture["image_sha256"])


def pictures_of_train(train: Reader, leaks: Sequence[Leak]) -> dict[int, bytes]:
    """The bytes of the training pictures of some leaks, by the leak's number; read now, and only those."""
    places = [(leak.train["row"], leak.train["at"]) for leak in leaks]
    read = _read(train, set(places))
    return {n: read[place] for n, place in enumerate(places) if place in read}


def pictures_of_held(against: Sequence[Against], leaks: Sequence[Leak]) -> dict[int, bytes]:
    """The bytes of the held-out pictures of some leaks, by the leak's number; those of an index are not at hand."""
    found: dict[int, bytes] = {}
    for one in against:
        if one.reader is not None:
            mine = {n: one.places.get(_key(leak.held)) for n, leak in enumerate(leaks) if leak.set == one.held.name}
            read = _read(one.reader, {place for place in mine.values() if place})
            found |= {n: read[place] for n, place in mine.items() if place in read}
    return found


def _read(reader: Reader, places: set[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    found: dict[tuple[int, int], bytes] = {}
    if reader.names.picture is None or not places:
        return found
    for batch in reader.batches(pictures=True, only={row for row, _ in places}):
        at = zip(batch.column("row").to_pylist(), batch.column("at").to_pylist(), strict=True)
        for number, place in enumerate(at):
            if place in places and (data := batch.column("picture")[number].as_py()):
                found[place] = data
    return found
