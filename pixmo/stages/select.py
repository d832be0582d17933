"""Decide which rows are published: the only place rows leave, each clause counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pixmo.stage import meaning


@dataclass(frozen=True)
class Select:
    """Clauses are names of boolean columns, maybe with `not ` before; a null is false."""

    version: ClassVar[int] = 1

    where: tuple[str, ...] = meaning(("ok",), "boolean columns that must hold, e.g. 'ok', 'not is_duplicate'")
    images: bool = meaning(True, "put the pictures' bytes into the published files")
    audio: bool = meaning(False, "keep the recordings that captions rest on, as files in audio/")
    apart: bool = meaning(False, "write what is left out to left-out.jsonl, with its reasons")

    @property
    def needs(self) -> pa.Schema:
        """The columns of the clauses."""
        names = dict.fromkeys(clause.removeprefix("not ") for clause in self.where)
        return pa.schema([(name, pa.bool_()) for name in names])

    def keep(self, table: pa.Table | pa.RecordBatch) -> tuple[NDArray[np.bool_], dict[str, int]]:
        """(mask of the rows that stay, rows that left by clause; a row is counted at the first clause it fails)."""
        stays = np.ones(table.num_rows, dtype=bool)
        left = {}
        for clause in self.where:
            name = clause.removeprefix("not ")
            holds = table.column(name).fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
            holds = holds if name == clause else ~holds
            left[clause] = int(np.count_nonzero(stays & ~holds))
            stays &= holds
        return stays, left
