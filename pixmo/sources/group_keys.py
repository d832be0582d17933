"""Which rows belong together: a number for each picture, given in the order of first appearance."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

DIGEST = 16
"""Bytes a row costs in memory: 128 bits of BLAKE2b over its key, which nobody can make two keys agree in."""

Numbers = NDArray[np.int32]


class Keys:
    """Notes the keys of rows, batch by batch; `numbers` tells the group of each row noted."""

    def __init__(self, columns: Sequence[str], alone: Sequence[str]) -> None:
        self._columns = columns
        self._alone = alone
        self._digests = bytearray()
        self._rows = 0

    def note(self, batch: pa.RecordBatch) -> None:
        """The next rows. A row whose `alone` columns are all null belongs to no other."""
        found = _spelled([batch.column(name) for name in self._columns]).dictionary_encode()
        of_key = b"".join(blake2b(k, digest_size=DIGEST).digest() for k in found.dictionary.to_pylist())
        digests = _as_array(of_key)[found.indices.to_numpy()]
        for row in np.flatnonzero(self._nameless(batch)).tolist():
            said = b"row %d" % (self._rows + row)  # no key begins so
            digests[row] = blake2b(said, digest_size=DIGEST).digest()
        self._digests += digests.tobytes()
        self._rows += batch.num_rows

    def numbers(self) -> Numbers:
        """The group of each row; forgets the keys."""
        digests, self._digests = self._digests, bytearray()
        if not digests:
            return np.zeros(0, np.int32)
        column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(DIGEST), self._rows, [None, pa.py_buffer(digests)])
        numbers: Numbers = column.dictionary_encode().indices.to_numpy()
        return numbers

    def _nameless(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        missing = np.ones(batch.num_rows, np.bool_)
        for name in self._alone:
            missing &= batch.column(name).is_null().to_numpy(zero_copy_only=False)
        return missing


def _spelled(columns: Sequence[pa.Array]) -> pa.Array:
    """Columns as one: each value with its length before it, so that where it ends is certain whatever stands in it; null is no value."""
    parts = []
    for column in columns:
        text = column.cast(pa.large_string())
        parts.append(pc.fill_null(pc.binary_length(text).cast(pa.large_string()), "-"))
        parts.append(pc.fill_null(text, ""))
    return pc.binary_join_element_wise(*parts, pa.scalar("\x1f", pa.large_string())).cast(pa.large_binary())


def _as_array(digests: bytes) -> NDArray[np.void]:
    return np.frombuffer(digests, np.dtype((np.void, DIGEST)))
