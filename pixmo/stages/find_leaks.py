"""Mark training pictures that stand in held-out sets: by URL, by their bytes, or by their look, mirrored copies too."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pixmo.errors import BadSetting
from pixmo.stage import effort, meaning

if TYPE_CHECKING:
    from pixmo.storage.holdout_match import Matcher

TRAIN = "train"
TEXTS = ("image_url", "image_sha256", "fetched_sha256", "phash", "dhash", "split")


@dataclass(frozen=True)
class FindLeaks:
    """`leak_kind` is the plainest way a picture was recognised, `leak_set` the first index that did so; `select` decides what follows.

    Rows of other splits than `train` are held out themselves and never marked. What an index is, not where it lies, is in the
    fingerprint. See `pixmo.storage.holdout`.
    """

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = TEXTS

    against: tuple[str, ...] = effort(
        (), "index files of held-out pictures; what is in them is meaning, their place is not"
    )
    radius: int = meaning(4, "pictures whose pHash differs in at most so many of 64 bits look the same; 0 to 8")

    def __post_init__(self) -> None:
        if not 0 <= self.radius <= 8:
            raise BadSetting(f"radius is {self.radius}; give 0 to 8")

    @property
    def needs(self) -> pa.Schema:
        """What a picture can be recognised by, and the split its row was assigned to; all where they are there."""
        return pa.schema([(name, pa.string()) for name in TEXTS])

    @property
    def adds(self) -> pa.Schema:
        """`leak_of` is the held-out picture's URL, or its digest where it has none."""
        texts = [(name, pa.string()) for name in ("leak_kind", "leak_of", "leak_set")]
        return pa.schema([("is_leak", pa.bool_()), *texts])

    def content(self) -> list[list[str]]:
        """Name and digest of each index, for the fingerprint. Raises BadSource for one that is gone or damaged."""
        return [[m.held.name, m.held.digest] for m in self._matchers]

    @functools.cached_property
    def _matchers(self) -> tuple[Matcher, ...]:
        from pixmo.storage.holdout import load
        from pixmo.storage.holdout_match import Matcher

        return tuple(Matcher(load(Path(path)), self.radius) for path in self.against)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The verdict on each row; never null."""
        from pixmo.storage.holdout_match import KINDS, column_of

        kind, of, held_in = (
            np.full(len(batch), -1),
            pa.nulls(len(batch), pa.string()),
            pa.nulls(len(batch), pa.string()),
        )
        trains = pc.fill_null(pc.equal(column_of(batch, "split"), TRAIN), True).to_numpy(zero_copy_only=False)
        for matcher in self._matchers:
            found = matcher.find(batch)
            better = trains & (found.kind >= 0) & ((kind < 0) | (found.kind < kind))
            kind[better] = found.kind[better]
            titles = matcher.titles.take(pa.array(found.entry, mask=found.entry < 0))
            of = pc.if_else(pa.array(better), titles, of)
            held_in = pc.if_else(pa.array(better), matcher.held.name, held_in)
        kinds = pa.array(KINDS).take(pa.array(kind, mask=kind < 0))
        return pa.RecordBatch.from_arrays([pa.array(kind >= 0), kinds, of, held_in], schema=self.adds)
