"""Rules over many rows: what one row cannot know of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pixmo.records.base import Finding
from pixmo.records.row_keys import row_keys, value_keys
from pixmo.records.rules import found

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from pixmo.records.row_keys import Keys

    Rows = NDArray[np.intp]

LEFTOVER = re.compile(r"__index_level_\d+__")
_NOT_OF_THE_ROW = frozenset({"row_id", "config", "split"})  # the same row in two configs is the same row
_COMPARED = {"url": ("image_url",), "sha256": ("image_sha256",), "label": ("image_url", "label")}


class Across:
    """Looks at batches of typed, ungrouped rows and keeps 8 bytes of each thing that must not stand twice.

    Rows are numbered in the order they are added.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._columns: set[str] = set()
        self._parts: dict[str, list[Keys]] = {part: [] for part in ("row", *_COMPARED)}

    def add(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        names = batch.schema.names
        self._rows += batch.num_rows
        self._columns |= set(names)
        keys = {n: value_keys(batch.column(n)) for n in sorted(names) if _is_of_the_row(n)}
        self._parts["row"].append(_never_0(row_keys(list(keys.values()), batch.num_rows)))
        for part, of in _COMPARED.items():
            self._parts[part].append(_where_all_are(batch, of, keys))

    def findings(self) -> Iterator[tuple[int, Finding]]:
        """(row, finding), rule by rule. The first of several equal rows is not told of; of a URL with two digests, all but the first digest's."""
        for name in sorted(c for c in self._columns if LEFTOVER.fullmatch(c)):
            yield 0, found("leftover_column", name, "dropped when the set is downloaded")
        if not self._rows:
            return
        import numpy as np

        row, url, sha256, label = (np.concatenate(self._parts[key]) for key in ("row", "url", "sha256", "label"))
        for at, first in _repeats(row):
            yield at, found("row_doubled", "", f"as row {first}")
        for at, first in _repeats(label, but=row):
            yield at, found("label_doubled", "label", f"also row {first}")
        for at, first in _contradictions(url, sha256):
            yield at, found("url_of_two_digests", "image_sha256", f"row {first} has another for this URL")
        for at, first in _contradictions(sha256, url):
            yield at, found("digest_of_two_urls", "image_url", f"row {first} has another for this digest")


def _is_of_the_row(name: str) -> bool:
    return name not in _NOT_OF_THE_ROW and not LEFTOVER.fullmatch(name)


def _where_all_are(batch: pa.RecordBatch, names: tuple[str, ...], keys: dict[str, Keys]) -> Keys:
    """Keys of some columns together; 0, which is no key, where one is null or not there at all."""
    import numpy as np

    if not set(names) <= keys.keys():
        return np.zeros(batch.num_rows, np.uint64)
    found = _never_0(row_keys([keys[n] for n in names], batch.num_rows))
    for name in names:
        found[batch.column(name).is_null().to_numpy(zero_copy_only=False)] = np.uint64(0)
    return found


def _never_0(keys: Keys) -> Keys:
    import numpy as np

    return np.maximum(keys, np.uint64(1))


def _repeats(keys: Keys, but: Keys | None = None) -> Iterator[tuple[int, int]]:
    """(row, the first row of the same key), except where both have the same key of `but` too; 0 is no key."""
    at, first = _with_first(keys)
    if but is not None:
        other = but[at] != but[first]
        at, first = at[other], first[other]
    yield from zip(at.tolist(), first.tolist(), strict=True)


def _contradictions(keys: Keys, others: Keys) -> Iterator[tuple[int, int]]:
    """(row, the first row of the same key) where the two have different keys in `others`."""
    import numpy as np

    known = np.flatnonzero((keys != 0) & (others != 0))  # a row that does not say contradicts nobody, the first neither
    at, first = _with_first(keys[known])
    at, first = known[at], known[first]
    differ = others[at] != others[first]
    yield from zip(at[differ].tolist(), first[differ].tolist(), strict=True)


def _with_first(keys: Keys) -> tuple[Rows, Rows]:
    """Rows whose key stood before, in their order, and the first row that has it."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.append(True, ordered[1:] != ordered[:-1])[: len(keys)]
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    again = ~begins & (ordered != 0)
    at, first = order[again], first[again]
    by_row = np.argsort(at, kind="stable")
    return at[by_row], first[by_row]
