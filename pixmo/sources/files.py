"""Lists in files: one or many, of one kind or several, as one table in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pixmo.errors import BadSource
from pixmo.sources.delimited import DelimitedReader, agree
from pixmo.sources.jsonlines import JsonReader
from pixmo.sources.place import Place, head, reading
from pixmo.sources.reader import Reader
from pixmo.sources.schemas import fitted, unified
from pixmo.sources.sniff import kind_of
from pixmo.sources.source import Expected, labelled
from pixmo.sources.tables import ArrowReader, ParquetReader
from pixmo.sources.text import TextReader


class Part(NamedTuple):
    """A file, and the split its folder says it belongs to (`save_to_disk` of several splits)."""

    place: Place
    split: str | None = None


class FileSource:
    """Rows of files, one file after the other."""

    licence: str | None = None

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        if not parts:
            raise BadSource(f"{name}: holds no list; Parquet, Arrow, CSV, TSV, JSON and text files are lists")
        self.name = name
        self._parts = parts
        self._readers = [_open(part.place) for part in parts]
        self.splits = tuple(dict.fromkeys(part.split for part in parts if part.split))
        self._schema: pa.Schema | None = None
        rows = [reader.rows for reader in self._readers]
        self.expected = Expected(rows=sum(r for r in rows if r is not None)) if None not in rows else None

    def __repr__(self) -> str:
        return f"FileSource({self.name!r}, {len(self._parts)} files)"

    def schema(self) -> pa.Schema:
        """The columns of all files. Raises BadSource when they do not agree."""
        if self._schema is None:
            found = []
            for reader in self._readers:
                with reading(reader.place):
                    reader.schema()
            agree([reader for reader in self._readers if isinstance(reader, DelimitedReader)])
            for reader in self._readers:
                with reading(reader.place):
                    found.append((reader.place.name, reader.schema(), isinstance(reader, JsonReader)))
            self._schema = unified(found)
            for name in self._schema.names:
                if self._schema.names.count(name) > 1:
                    raise BadSource(f"{self.name}: two columns are called {name!r}; rename one")
        return labelled(self._schema, self.splits)

    def identity(self) -> dict[str, Any]:
        """Of every file: where it is, its size and date."""
        files = []
        for part in self._parts:
            with reading(part.place):
                files.append(part.place.identity())
        return files[0] if files == [{"stdin": True}] else {"files": files}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The rows in order, at most `batch_rows` at a time, fewer where rows are large."""
        self.schema()
        assert self._schema is not None
        for part, reader in zip(self._parts, self._readers, strict=True):
            with reading(part.place):
                for batch in reader.batches(batch_rows):
                    yield labelled(fitted(batch, self._schema), self.splits, part.split)


def _open(place: Place) -> Reader:
    with reading(place):
        kind = kind_of(place.name, head(place))
        if kind == "parquet":
            return ParquetReader(place)
        if kind == "arrow":
            return ArrowReader(place)
        if kind in ("csv", "tsv"):
            return DelimitedReader(place, "\t" if kind == "tsv" else ",")
        if kind in ("json", "jsonl"):
            return JsonReader(place, kind)
        return TextReader(place)
