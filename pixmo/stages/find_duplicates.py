"""Mark pictures that stand in other rows too, by their bytes or by their look, and those that a held-out split has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pixmo.errors import BadSetting
from pixmo.stage import meaning

if TYPE_CHECKING:
    from pixmo.image.same import Rows, Same

TRAIN, TEST = "train", "test"
Numbers = NDArray[np.uint64]


@dataclass(frozen=True)
class FindDuplicates:
    """`duplicate_of` is the row that stands for the picture; `select` decides whether the others are dropped.

    Of rows with the same picture, one in a held-out split (any but `train`; `test` first, the others by name) stands for it
    before one in `train`; then the largest; then the first. See `pixmo.image.same`. Rows without a picture get nulls and false.
    """

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = ("phash", "dhash", "split")

    radius: int = meaning(4, "pictures whose pHash differs in at most so many of 64 bits look the same; 0 to 8")
    near: bool = meaning(True, "find pictures that look the same, not only those of the same bytes")

    def __post_init__(self) -> None:
        if not 0 <= self.radius <= 8:
            raise BadSetting(f"radius is {self.radius}; give 0 to 8 (near = false looks at bytes only)")

    @property
    def needs(self) -> pa.Schema:
        """The row's name, its picture's digest, hashes and size, and the split it was assigned to."""
        texts = [(name, pa.string()) for name in ("row_id", "fetched_sha256", "phash", "dhash", "split")]
        return pa.schema([*texts, ("width", pa.int64()), ("height", pa.int64())])

    @property
    def adds(self) -> pa.Schema:
        """`duplicate_kind` is `exact` or `near`; `in_other_split` says that a split which wins over the row's has the picture."""
        texts = [(name, pa.string()) for name in ("duplicate_of", "duplicate_kind")]
        return pa.schema([*texts, ("is_duplicate", pa.bool_()), ("in_other_split", pa.bool_())])

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Holds about 110 bytes per row that has a picture until all were seen, and nothing of the others."""
        from pixmo.image.same import same

        seen = _Seen()
        for batch in batches:
            seen.add(batch)
        if not seen.has_picture:
            return
        verdict = same(seen.rows(), self.radius if self.near else None)
        representatives = np.unique(verdict.duplicate_of[verdict.duplicate_of >= 0])
        names = seen.names(representatives)
        start = 0
        for has_picture in seen.has_picture:
            end = start + int(np.count_nonzero(has_picture))
            yield self._batch(has_picture, verdict.part(start, end), representatives, names)
            start = end

    def _batch(
        self, has_picture: NDArray[np.bool_], verdict: Same, representatives: NDArray[np.int64], names: pa.Array
    ) -> pa.RecordBatch:
        """The verdict on some rows, those without a picture filled in."""
        place = np.full(len(has_picture), -1)
        is_near, in_other = np.zeros((2, len(has_picture)), np.bool_)
        is_duplicate = verdict.duplicate_of >= 0
        place[has_picture] = np.where(is_duplicate, np.searchsorted(representatives, verdict.duplicate_of), -1)
        is_near[has_picture], in_other[has_picture] = verdict.is_near, verdict.in_other_split
        nobody = place < 0
        kinds = pa.array(["exact", "near"]).take(pa.array(is_near.astype(np.int64), mask=nobody))
        of = names.take(pa.array(place, mask=nobody))
        return pa.RecordBatch.from_arrays([of, kinds, pa.array(~nobody), pa.array(in_other)], schema=self.adds)


class _Seen:
    """What is kept of the rows that have a picture, packed."""

    def __init__(self) -> None:
        self.has_picture: list[NDArray[np.bool_]] = []
        self._ids: list[pa.Array] = []
        self._parts: list[Rows] = []
        self._splits: dict[str | None, int] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """A picture is there when its digest and its size are known."""
        has = pc.and_(batch.column("fetched_sha256").is_valid(), batch.column("width").is_valid())
        self.has_picture.append(has.to_numpy(zero_copy_only=False))
        rows = batch.filter(has)
        self._ids.append(rows.column("row_id"))
        self._parts.append(self._packed(rows))

    def _packed(self, rows: pa.RecordBatch) -> Rows:
        from pixmo.image.same import Rows

        phash, dhash = _column(rows, "phash"), _column(rows, "dhash")
        has_hash = pc.and_(phash.is_valid(), dhash.is_valid()).to_numpy(zero_copy_only=False)
        pixels = pc.fill_null(pc.multiply(rows.column("width"), rows.column("height")), 0).to_numpy()
        split = _column(rows, "split").dictionary_encode(null_encoding="encode")
        numbers = [self._splits.setdefault(name, len(self._splits)) for name in split.dictionary.to_pylist()]
        digests = unhex(rows.column("fetched_sha256"), 4)
        return Rows(
            digests, unhex(phash, 1)[:, 0], unhex(dhash, 1)[:, 0], has_hash, _looked_up(numbers, split.indices), pixels
        )

    def rows(self) -> Rows:
        """All of it, with splits numbered by rank; the parts are given up."""
        from pixmo.image.same import Rows

        rows = Rows.joined(self._parts)
        self._parts = []
        return rows._replace(split=_looked_up(ranked(list(self._splits)), rows.split))

    def names(self, positions: NDArray[np.int64]) -> pa.Array:
        """The ids of some of the rows that have a picture."""
        return pa.chunked_array(self._ids, pa.string()).take(pa.array(positions, pa.int64())).combine_chunks()


def _looked_up(table: Sequence[int], at: pa.Array | NDArray[np.int16]) -> NDArray[np.int16]:
    found: NDArray[np.int16] = np.array([*table, 0], np.int16)[np.asarray(at)]
    return found


def ranked(splits: Sequence[str | None]) -> list[int]:
    """The rank of each split, lower wins: test, then the other held-out ones by name, then train and rows of no split."""
    order = sorted({s or TRAIN for s in splits}, key=lambda s: (s == TRAIN, s != TEST, s))
    return [order.index(s or TRAIN) for s in splits]


def unhex(column: pa.Array, words: int) -> Numbers:
    """Texts of 16 * words hexadecimal digits as numbers (n, words); nulls are 0."""
    texts = pc.fill_null(column.cast(pa.large_string()), "0" * (16 * words))
    data = bytes.fromhex("".join(texts.to_pylist()))
    return np.frombuffer(data, ">u8").astype(np.uint64).reshape(-1, words)


def _column(rows: pa.RecordBatch, name: str) -> pa.Array:
    """A column that may be absent."""
    at = rows.schema.get_field_index(name)
    return rows.column(at).cast(pa.string()) if at >= 0 else pa.nulls(len(rows), pa.string())
