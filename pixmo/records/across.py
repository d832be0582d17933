"""Rules over many rows: what one row cannot know of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pixmo.records.base import Finding
from pixmo.records.rules import found

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Keys = NDArray[np.int64]

LEFTOVER = re.compile(r"__index_level_\d+__")
_NOT_OF_THE_ROW = frozenset({"row_id", "config", "split"})  # the same row in two configs is the same row


class Across:
    """Looks at batches of typed, ungrouped rows and keeps 8 bytes of each thing that must not stand twice.

    Rows are numbered in the order they are added.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._columns: set[str] = set()
        self._parts: dict[str, list[Keys]] = {"row": [], "url": [], "sha256": [], "label": []}

    def add(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        self._rows += batch.num_rows
        self._columns |= set(batch.schema.names)
        names = batch.schema.names
        own = [n for n in names if n not in _NOT_OF_THE_ROW and not LEFTOVER.fullmatch(n)]
        self._parts["row"].append(_keys(batch, own))
        for key, columns in (("url", ["image_url"]), ("sha256", ["image_sha256"]), ("label", ["image_url", "label"])):
            is_there = set(columns) <= set(names)
            self._parts[key].append(_keys(batch, columns, True) if is_there else _nothing(batch))

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


def _keys(batch: pa.RecordBatch, names: list[str], all_there: bool = False) -> Keys:
    """64 bits of some columns of each row; 0 where `all_there` and one is null."""
    import numpy as np

    columns = [_values(batch.column(n)) for n in names]
    rows = zip(*columns, strict=True) if columns else iter([()] * batch.num_rows)
    keys = (0 if all_there and None in row else hash(row) or 1 for row in rows)
    return np.fromiter(keys, np.int64, batch.num_rows)


def _values(column: pa.Array) -> list[object]:
    """Values that hash alike where they are alike; nested ones by their spelling."""
    import pyarrow as pa

    if pa.types.is_string(column.type):
        column = column.cast(pa.binary())  # what is called text may be none, and then cannot be decoded
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:  # inside a list: such rows are like no other
        return [None if is_null else object() for is_null in column.is_null().to_pylist()]
    return [None if v is None else repr(v) for v in values] if pa.types.is_nested(column.type) else list(values)


def _nothing(batch: pa.RecordBatch) -> Keys:
    import numpy as np

    return np.zeros(batch.num_rows, np.int64)


def _repeats(keys: Keys, but: Keys | None = None) -> Iterator[tuple[int, int]]:
    """(row, the first row of the same key), except where both have the same key of `but` too; 0 is no key."""
    for at, first in _with_first(keys):
        if but is None or but[at] != but[first]:
            yield at, first


def _contradictions(keys: Keys, others: Keys) -> Iterator[tuple[int, int]]:
    """(row, the first row of the same key) where the two have different keys in `others`."""
    for at, first in _with_first(keys):
        if others[at] and others[first] and others[at] != others[first]:
            yield at, first


def _with_first(keys: Keys) -> Iterator[tuple[int, int]]:
    """Rows whose key stood before, in their order, each with the first row that has it."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.append(True, ordered[1:] != ordered[:-1])
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    again = ~begins & (ordered != 0)
    by_row = np.argsort(order[again], kind="stable")
    yield from zip(order[again][by_row].tolist(), first[again][by_row].tolist(), strict=True)
