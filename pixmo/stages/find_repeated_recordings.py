"""Mark recordings that were handed in before, by their bytes or by their sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pixmo.audio.fingerprint import BITS
from pixmo.errors import BadSetting
from pixmo.stage import meaning

TOLERANCE_S = 0.5
"""Encoders add some silence or drop it: files of one recording differ so much in length, or less."""


@dataclass(frozen=True)
class FindRepeatedRecordings:
    """`repeats` names the recording that stands for it, `row_id#n` with n from 0; the first one in the rows' order stands for the others.

    Compared are all recordings of all rows, those of one row among themselves too. `check_recording` decides what is made of it.
    """

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = ("recording_fingerprint", "duration_s")

    repeat_distance: float = meaning(
        0.12, "how far the fingerprints of one sound may differ, as a share of their bits; 0 to 0.25"
    )

    def __post_init__(self) -> None:
        if not 0 <= self.repeat_distance <= 0.25:
            raise BadSetting(
                f"repeat_distance is {self.repeat_distance:g}; give 0 to 0.25 (different clips begin at about 0.33)"
            )

    @property
    def needs(self) -> pa.Schema:
        """The row's name; its recordings' digests, fingerprints and lengths."""
        texts = [(name, pa.list_(pa.string())) for name in ("recording_sha256", "recording_fingerprint")]
        return pa.schema([("row_id", pa.string()), *texts, ("duration_s", pa.list_(pa.float64()))])

    @property
    def adds(self) -> pa.Schema:
        """One value per recording; `repeats` is null where it repeats none."""
        return pa.schema([("repeats", pa.list_(pa.string())), ("is_repeated", pa.list_(pa.bool_()))])

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Holds about 500 bytes per recording until all were seen; time grows with the recordings of about the same length."""
        seen = _Seen(self.repeat_distance)
        for batch in batches:
            columns = [
                batch.column(at).to_pylist()
                if (at := batch.schema.get_field_index(f.name)) >= 0
                else [None] * len(batch)
                for f in self.needs
            ]
            rows = zip(*columns, strict=True)
            repeats = [
                seen.row(row_id, shas or [], prints or [], lengths or []) for row_id, shas, prints, lengths in rows
            ]
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array(repeats, self.adds.field("repeats").type),
                    pa.array([[r is not None for r in row] for row in repeats], self.adds.field("is_repeated").type),
                ],
                schema=self.adds,
            )


class _Seen:
    """The recordings that stand for others, or may: by digest, and by sound under their length."""

    def __init__(self, max_distance: float) -> None:
        self._bits = int(max_distance * BITS)
        self._of_digest: dict[bytes, str] = {}
        self._of_length: dict[int, _Alike] = {}

    def row(
        self, row_id: str, shas: Sequence[str | None], prints: Sequence[str | None], lengths: Sequence[float | None]
    ) -> list[str | None]:
        """What each recording of a row repeats."""
        found = []
        for n, sha in enumerate(shas):
            mark = prints[n] if n < len(prints) else None
            length = lengths[n] if n < len(lengths) else None
            name = f"{row_id}#{n}"
            stands = self._stands_for(name, sha, mark, length) if sha else name
            found.append(None if stands == name else stands)
        return found

    def _stands_for(self, name: str, sha: str, mark: str | None, length_s: float | None) -> str:
        key = bytes.fromhex(sha)
        if key not in self._of_digest:
            self._of_digest[key] = name if mark is None or length_s is None else self._by_sound(name, mark, length_s)
        return self._of_digest[key]

    def _by_sound(self, name: str, mark: str, length_s: float) -> str:
        bits = np.frombuffer(bytes.fromhex(mark), np.uint64)
        slot = int(length_s / TOLERANCE_S)
        near = [self._of_length[at] for at in (slot - 1, slot, slot + 1) if at in self._of_length]
        if found := [hit for alike in near if (hit := alike.first(bits, length_s, self._bits)) is not None]:
            return min(found)[1]
        self._of_length.setdefault(slot, _Alike()).add(bits, length_s, len(self._of_digest), name)
        return name


class _Alike:
    """Recordings of about one length, no two of them alike; arrays that double when they are full."""

    def __init__(self) -> None:
        self._bits = np.zeros((4, BITS // 64), np.uint64)
        self._lengths = np.zeros(4)
        self._names: list[tuple[int, str]] = []

    def add(self, bits: NDArray[np.uint64], length_s: float, order: int, name: str) -> None:
        count = len(self._names)
        if count == len(self._lengths):
            self._bits, self._lengths = (
                np.resize(self._bits, (2 * count, BITS // 64)),
                np.resize(self._lengths, 2 * count),
            )
        self._bits[count], self._lengths[count] = bits, length_s
        self._names.append((order, name))

    def first(self, bits: NDArray[np.uint64], length_s: float, at_most: int) -> tuple[int, str] | None:
        """The first that sounds the same: its place in the order of all, and its name."""
        count = len(self._names)
        differ = np.bitwise_count(self._bits[:count] ^ bits).sum(axis=1)
        hits = np.flatnonzero((differ <= at_most) & (np.abs(self._lengths[:count] - length_s) <= TOLERANCE_S))
        return self._names[hits[0]] if len(hits) else None
