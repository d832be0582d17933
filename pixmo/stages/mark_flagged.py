"""Mark the rows that people flagged in the viewer, from the files it exports."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.errors import BadSource
from pixmo.ids import digest_of
from pixmo.stage import effort

Notes = dict[str, list[str]]


@dataclass(frozen=True)
class MarkFlagged:
    """`select` with "not is_flagged" leaves the flagged rows out. Files are those of `pixmo view DATA --export-flags FILE`: columns
    id, is_flagged and note. A row that several people flagged has all their notes.

    What the files say, not where they lie, is in the fingerprint.
    """

    version: ClassVar[int] = 1

    flags: tuple[str, ...] = effort((), "Parquet files of flags; what is in them is meaning, their place is not")

    def __post_init__(self) -> None:
        # a run may be taken up again from another folder
        object.__setattr__(self, "flags", tuple(str(Path(path).expanduser().absolute()) for path in self.flags))

    @property
    def needs(self) -> pa.Schema:
        """Flags name rows by their ids."""
        return pa.schema([("row_id", pa.string())])

    @property
    def adds(self) -> pa.Schema:
        """`flag_note` is null where nobody wrote one."""
        return pa.schema([("is_flagged", pa.bool_()), ("flag_note", pa.string())])

    def content(self) -> str:
        """A digest of all flags, for the fingerprint. Raises BadSource for a file that is gone or holds none."""
        return digest_of(sorted((row, notes) for row, notes in self._notes.items()))

    @functools.cached_property
    def _notes(self) -> Notes:
        found: Notes = {}
        for path in self.flags:
            for row, note in _read(path):
                notes = found.setdefault(row, [])
                if note and note not in notes:
                    notes.append(note)
        return found

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The flag of each row; never null."""
        told = [self._notes.get(row) for row in batch.column("row_id").to_pylist()]
        notes = ["; ".join(one) if one else None for one in told]
        flagged = pa.array([one is not None for one in told], pa.bool_())
        return pa.RecordBatch.from_arrays([flagged, pa.array(notes, pa.string())], schema=self.adds)


def _read(path: str) -> list[tuple[str, str | None]]:
    """(row id, note) of the rows that are flagged. Raises BadSource."""
    try:
        table = pq.read_table(path, columns=["id", "is_flagged", "note"])
        wanted = pa.schema([("id", pa.string()), ("is_flagged", pa.bool_()), ("note", pa.string())])
        rows = table.select(wanted.names).cast(wanted).to_pylist()
    except (OSError, KeyError, pa.ArrowException) as error:
        why = " ".join(str(error).split())[:200]
        raise BadSource(
            f"{path}: holds no flags ({why}); export them with `pixmo view DATA --export-flags FILE`"
        ) from None
    return [(row["id"], row["note"]) for row in rows if row["is_flagged"] and row["id"] is not None]
