"""Which split a row belongs to, decided from the list alone: the same on every machine, whatever can be fetched.

Rows that may show the same picture (the same canonical URL, the same expected digest, a list that holds both) form a group, and
a group is never divided. Groups are ordered by a stable hash; `validation=2048` takes the first 2,048, `validation=1%` a share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadSetting
from pixmo.storage.urls import canonical_url

TRAIN = "train"


class Split(NamedTuple):
    """A held-out split: so many groups, or a share of them."""

    name: str
    groups: int | None
    share: float | None


def parse_splits(texts: tuple[str, ...]) -> tuple[Split, ...]:
    """`NAME=COUNT` or `NAME=PERCENT%`; raises BadSetting for anything else."""
    splits = []
    for text in texts:
        name, _, size = text.partition("=")
        try:
            if not name.isidentifier() or name == TRAIN:
                raise ValueError
            split = Split(name, None, float(size[:-1]) / 100) if size.endswith("%") else Split(name, int(size), None)
            if not (split.groups is None or split.groups > 0) or not (split.share is None or 0 < split.share < 1):
                raise ValueError
        except ValueError:
            raise BadSetting(f"split {text!r} is not NAME=COUNT or NAME=PERCENT%, as in validation=2048") from None
        splits.append(split)
    if len({s.name for s in splits}) < len(splits):
        raise BadSetting("a split is named twice")
    return tuple(splits)


def assign_split(
    urls: Sequence[str | Sequence[str] | None],
    sha256s: Sequence[str | Sequence[str] | None] | None = None,
    splits: Sequence[str] = ("validation=1%",),
) -> list[str]:
    """The split of each row: what `pixmo download --split` gives rows of these URLs and expected digests.

    One entry per row: a text, or several for a row of several pictures, or None. `splits` are `NAME=COUNT` (so many pictures) or
    `NAME=PERCENT%`; all other rows are `train`. Raises BadSetting for a split that cannot be had.
    """
    keys, rows = row_keys(0, [("url", urls), *([("sha256", sha256s)] if sha256s is not None else [])])
    parsed = parse_splits(tuple(splits))
    names = (TRAIN, *(s.name for s in parsed))
    return [names[n] for n in assign(keys, rows, len(urls), parsed).tolist()]


def row_keys(
    start: int, columns: Iterable[tuple[str, Sequence[Any]]]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:  # Any: a text, several, or None
    """(keys, the row of each): what connects rows, from columns of URLs and digests. The first row is number `start`."""
    keys, rows = [], []
    for kind, values in columns:
        for row, value in enumerate(values, start):
            for one in (value,) if isinstance(value, str) else value or ():
                if one:
                    keys.append(key_of(kind, canonical_url(one) if kind == "url" else one.lower()))
                    rows.append(row)
    return np.array(keys, np.uint64), np.array(rows, np.int64)


def key_of(kind: str, text: str) -> int:
    """64 bits of what connects rows: a URL or a digest."""
    return int.from_bytes(blake2b(f"{kind}\n{text}".encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def assign(
    row_keys: NDArray[np.uint64], row_of_key: NDArray[np.int64], rows: int, splits: tuple[Split, ...]
) -> NDArray[np.uint8]:
    """Per row the number of its split, 0 = train. `row_keys[i]` is a key of row `row_of_key[i]`; rows without keys train."""
    groups = _groups(row_keys, row_of_key, rows)
    order_of_group = _smallest_key(groups, row_keys, row_of_key)
    taken = np.zeros(len(order_of_group), np.uint8)
    by_order = np.argsort(order_of_group, kind="stable")
    by_order = by_order[order_of_group[by_order] != np.iinfo(np.uint64).max]  # groups without any key stay in train
    start = 0
    for number, split in enumerate(splits, 1):
        size = split.groups if split.groups is not None else round(len(by_order) * (split.share or 0))
        if start + size > len(by_order):
            raise BadSetting(
                f"split {split.name!r} wants {size} pictures, but the list has {len(by_order)} different ones"
            )
        taken[by_order[start : start + size]] = number
        start += size
    return taken[groups]


def _groups(row_keys: NDArray[np.uint64], row_of_key: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """The group number of each row: connected components over shared keys."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, key_number = np.unique(row_keys, return_inverse=True)
    nodes = rows + int(key_number.max(initial=-1)) + 1
    edges = coo_matrix((np.ones(len(row_keys), np.int8), (row_of_key, rows + key_number)), shape=(nodes, nodes))
    _, labels = connected_components(edges, directed=False)
    found: NDArray[np.int64] = np.unique(labels[:rows], return_inverse=True)[1].astype(np.int64)
    return found


def _smallest_key(
    groups: NDArray[np.int64], row_keys: NDArray[np.uint64], row_of_key: NDArray[np.int64]
) -> NDArray[np.uint64]:
    smallest = np.full(int(groups.max(initial=-1)) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, groups[row_of_key], row_keys)
    return smallest
