"""Any list as a set that the viewer shows: files it reads where they lie, other lists and sets of the Hub by way of a Parquet file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.dataset.rows_chunk import is_picture
from pixmo.errors import BadSource
from pixmo.sources.open import open_source
from pixmo.view.source import SUFFIXES, DataSet, open_data

_BATCH_ROWS = 1024


def open_listed(name: str, folder: Path, *, split: str | None = None, limit: int | None = None) -> DataSet:
    """A folder that pixmo made, files, a name of the catalog, `owner/name` on the Hub; `limit` rows are read of what is no file here.

    `folder` is a place for the rows that had to be fetched; they come without pictures, as lists do. Raises BadSource or UnknownName.
    """
    path = Path(name).expanduser()
    if path.is_dir() or path.suffix in SUFFIXES or any(c in name for c in "*?["):
        return open_data(name, split=split)
    source, _ = open_source(name, split=split, limit=limit)
    file = folder / "rows.parquet"
    schema = pa.schema([f for f in source.schema() if not is_picture(f.type)], source.schema().metadata)
    with pq.ParquetWriter(file, schema) as writer:
        for batch in source.batches(_BATCH_ROWS):
            writer.write_batch(batch.select(schema.names).cast(schema))
    try:
        told = open_data(str(file))
    except BadSource as error:
        raise BadSource(str(error).replace(str(file), name)) from None
    told.path = told.name = name
    return told
