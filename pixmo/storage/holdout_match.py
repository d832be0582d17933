"""Which pictures stand in an index of held-out ones: by URL, by the digest of their bytes, by their look, by their mirrored look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pixmo.image.join import U64, Index
from pixmo.image.nearest import Nearest
from pixmo.image.same import says_little
from pixmo.storage.holdout import Holdout
from pixmo.storage.urls import canonical_urls

KINDS = ("url", "sha256", "near", "mirrored")
"""How a picture was recognised, the plainest way first: that one is told."""


class Found(NamedTuple):
    """Per picture its entry in the index and the number of the kind; -1 for both where it is not held out."""

    entry: Index
    kind: NDArray[np.int8]


class Matcher:
    """An index made ready to be asked; `find` takes any number of pictures at a time.

    Hashes that say little (blank pictures, plain gradients) are not compared: see `pixmo.image.same`.
    """

    def __init__(self, held: Holdout, radius: int) -> None:
        self.held = held
        self.titles: pa.Array = held.titles().combine_chunks()
        entries = {name: held.entries.column(name).combine_chunks() for name in held.entries.column_names}
        self._urls = _first_places(canonical_urls(entries["image_url"]))
        self._digests = _first_places(entries["image_sha256"].to_pylist()) | _first_places(
            entries["fetched_sha256"].to_pylist()
        )
        self._near = _Looks(entries["phash"], entries["dhash"], radius)
        self._mirrored = _Looks(entries["mirrored_phash"], entries["mirrored_dhash"], radius)

    def find(self, pictures: pa.RecordBatch) -> Found:
        """Looks at the columns image_url, image_sha256, fetched_sha256, phash and dhash, as far as they are there."""
        told = {name: column_of(pictures, name) for name in _COLUMNS}
        found = Found(np.full(len(pictures), -1), np.full(len(pictures), -1, np.int8))
        _note(found, "url", _places(self._urls, canonical_urls(told["image_url"])))
        for name in ("fetched_sha256", "image_sha256"):
            _note(found, "sha256", _places(self._digests, pc.ascii_lower(told[name]).to_pylist()))
        looks = _numbers(told["phash"], told["dhash"])
        for kind, known in (("near", self._near), ("mirrored", self._mirrored)):
            rows = np.flatnonzero(looks.says_much & (found.entry < 0))
            places = np.full(len(pictures), -1)
            places[rows] = known.nearest(looks.phash[rows])
            _note(found, kind, places)
        return found


_COLUMNS = ("image_url", "image_sha256", "fetched_sha256", "phash", "dhash")


class _Looks:
    """The hashes of those entries that have any worth comparing."""

    def __init__(self, phash: pa.Array, dhash: pa.Array, radius: int) -> None:
        found = _numbers(phash, dhash)
        self._entries = np.flatnonzero(found.says_much)
        self._nearest = Nearest(found.phash[self._entries], radius)

    def nearest(self, phash: U64) -> Index:
        """Per hash the entry that looks most like it; -1 where none does."""
        at = self._nearest.of(phash)
        entries: Index = np.append(self._entries, -1)[at]
        return entries


class _Numbers(NamedTuple):
    phash: U64
    says_much: NDArray[np.bool_]


def _numbers(phash: pa.Array, dhash: pa.Array) -> _Numbers:
    """Hashes as numbers, and which are there and say enough to be compared."""
    is_there = pc.and_(_is_hash(phash), _is_hash(dhash))
    waves, slopes = _unhex(phash, is_there), _unhex(dhash, is_there)
    return _Numbers(waves, is_there.to_numpy(zero_copy_only=False) & ~says_little(waves, slopes))


def _is_hash(column: pa.Array) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(column, "^[0-9a-fA-F]{16}$"), False)


def _unhex(column: pa.Array, is_there: pa.Array) -> U64:
    texts = pc.if_else(is_there, column, "0" * 16).to_pylist()
    return np.frombuffer(bytes.fromhex("".join(texts)), ">u8").astype(np.uint64)


def _first_places(texts: Iterable[str | None]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, text in enumerate(texts):
        if text is not None:
            places.setdefault(text, place)
    return places


def _places(known: Mapping[str, int], texts: Iterable[str | None]) -> Index:
    return np.array([-1 if text is None else known.get(text, -1) for text in texts], np.int64)


def _note(found: Found, kind: str, entry: Index) -> None:
    """Keeps what was found of pictures that no plainer way has found."""
    new = (found.entry < 0) & (entry >= 0)
    found.entry[new] = entry[new]
    found.kind[new] = KINDS.index(kind)


def column_of(pictures: pa.RecordBatch, name: str) -> pa.Array:
    """A column of texts that may be absent."""
    at = pictures.schema.get_field_index(name)
    return pictures.column(at).cast(pa.string()) if at >= 0 else pa.nulls(len(pictures), pa.string())
