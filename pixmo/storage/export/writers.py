"""The formats by name: which writer, and what its files are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pixmo.errors import UnknownName
from pixmo.storage.export.sink import ShardWriter

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

FORMATS = ("parquet", "arrow", "webdataset")


class OpenShard(Protocol):
    """Opens a writer at a path."""

    def __call__(self, path: Path, schema: pa.Schema, image_columns: Collection[str] = ("image",)) -> ShardWriter:
        """A writer of a file at this path, for batches of this schema."""


def writer(format: str) -> OpenShard:
    """What opens shards of a format. Raises UnknownName. Loads only the format asked for."""
    if format == "parquet":
        from pixmo.storage.export.parquet import ParquetShard

        return ParquetShard
    if format == "arrow":
        from pixmo.storage.export.arrow import ArrowShard

        return ArrowShard
    if format == "webdataset":
        from pixmo.storage.export.webdataset import WebDatasetShard

        return WebDatasetShard
    raise UnknownName("format", format, FORMATS)


def shard_name(format: str, split: str, number: int, count: int, part: int = 0) -> str:
    """A shard's path in the folder of the data set.

    A range of rows that is too large for one file has parts; its first keeps the range's name, so that nothing else is
    renamed when it grows.
    """
    namer: dict[str, Callable[[str], str]] = {
        "parquet": lambda p: f"data/{split}-{number:05d}-of-{count:05d}{p}.parquet",
        "webdataset": lambda p: f"data/{split}-{number:05d}{p}.tar",
        "arrow": lambda p: f"{split}/data-{number:05d}-of-{count:05d}{p}.arrow",
    }
    if format not in namer:
        raise UnknownName("format", format, FORMATS)
    return namer[format](f".part{part}" if part else "")


def index_name(shard: str) -> str:
    """Where the index (`Written.index`) of a shard goes: beside it."""
    return str(Path(shard).with_suffix(".idx"))


def data_glob(format: str, split: str) -> str:
    """The pattern that finds a split's files: for the card, and for readers."""
    globs = {"parquet": f"data/{split}-*.parquet", "webdataset": f"data/{split}-*.tar", "arrow": f"{split}/*.arrow"}
    return globs[format]
