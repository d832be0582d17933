"""What people said of pictures, to judge captions by: read from caption sets, from Ai2's files, from a frozen file."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from pixmo.errors import BadSource
from pixmo.sources.judged_table import Table, is_texts, open_table, texts

KEYS = ("image_url", "image_sha256", "picture_file", "image", "video_id", "video_url", "id")
"""Columns that can tie predictions to references, the first one wins."""
FINAL_DATA = "final-data.json"


class Reference(NamedTuple):
    """What is known of one picture."""

    image_url: str | None
    transcripts: tuple[str, ...]
    statements: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    text: str | None = None  # the statements as one text, where they come so

    def merged(self, other: Reference) -> Reference:
        """This one and another of the same picture: all transcripts in order, equal ones once; the first statements."""
        transcripts = tuple(dict.fromkeys(self.transcripts + other.transcripts))
        told = self if self.statements is not None else other
        return Reference(self.image_url or other.image_url, transcripts, told.statements, told.categories, told.text)


class References(Protocol):
    """Rows of references; a row is known by its number."""

    name: str
    licence: str | None
    has_pictures: bool
    merges: bool  # rows of one picture are one reference; else the last of them counts

    def columns(self) -> list[str]:
        """Columns that may tie; a frozen file ties by any."""

    def ties_by(self, column: str) -> bool:
        """Whether there is such a column to tie by."""

    def ties(self, column: str) -> list[str | None]:
        """Each row's value of a column."""

    def pictures(self, column: str) -> list[str | None]:
        """Each row's picture, when tied by a column."""

    def read(self, rows: Set[int]) -> Iterator[tuple[int, Reference]]:
        """The references of rows, in order."""

    def read_pictures(self, rows: Set[int]) -> Iterator[tuple[int, bytes | None]]:
        """The bytes of rows' pictures, in order."""

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """Changes when the content may have changed."""


def open_references(spec: str, kind: str, key: str | None = None) -> References:
    """What `spec` holds: a folder or file, or a set of the catalogue; `kind` is `image` or `video`. Raises BadSource."""
    path = Path(spec).expanduser()
    if path.name == FINAL_DATA and path.is_file():
        path = path.parent
    if (path / FINAL_DATA).is_file():
        from pixmo.sources.references_ai2 import Ai2References

        return Ai2References(path)
    if path.is_file():
        from pixmo.sources.frozen import FrozenReferences, is_frozen

        if is_frozen(path):
            return FrozenReferences(path)
    return TableReferences(open_table(spec, pictures=kind != "video"), kind, key)


class TableReferences:
    """References in a table: `transcripts`, or the human `caption` of a video with its `statements` and `categories`."""

    merges = True

    def __init__(self, table: Table, kind: str, key: str | None = None) -> None:
        self.name, self.licence = table.name, table.licence
        self._table = table
        self._is_video = kind == "video"
        names = table.schema.names
        self._keys = [n for n in ([key] if key else KEYS) if n in names and table.is_text(n)]
        self._picture = next((n for n in ("image", "picture") if table.is_picture(n)), None)
        self.has_pictures = self._picture is not None
        self._caption = next((n for n in ("caption", "merged_caption", "video_caption") if n in names), None)
        if self._is_video and self._caption is None:
            raise BadSource(f"{self.name}: has no column 'caption' with the human caption; it has {listed(names)}")
        lists = ("statements", "categories") if self._is_video else ("transcripts",)
        self._lists = [n for n in lists if n in names]
        for name in self._lists:
            if not is_texts(table.schema.field(name).type):
                kind_found = table.schema.field(name).type
                raise BadSource(f"{self.name}: column {name!r} is {kind_found}; it should be a list of texts")

    def columns(self) -> list[str]:
        """All columns of the table."""
        return list(self._table.schema.names)

    def ties_by(self, column: str) -> bool:
        """Whether it holds text."""
        return column in self._keys

    def ties(self, column: str) -> list[str | None]:
        """Each row's value of a column."""
        return [v for batch in self._table.batches([column]) for v in texts(batch.column(0), f"{self.name}: {column}")]

    pictures = ties

    def read(self, rows: Set[int]) -> Iterator[tuple[int, Reference]]:
        """The references of rows, in order."""
        wanted = [n for n in ("image_url", self._caption if self._is_video else None, *self._lists) if n]
        wanted = [n for n in wanted if n in self._table.schema.names and (n != "image_url" or self._table.is_text(n))]
        for row, told in self._rows(wanted, rows):
            yield row, self._of_video(row, told) if self._is_video else _of_picture(told)

    def read_pictures(self, rows: Set[int]) -> Iterator[tuple[int, bytes | None]]:
        """The bytes of rows' pictures, in order."""
        assert self._picture is not None
        for row, told in self._rows([self._picture], rows, pictures=True):
            yield row, (told[self._picture] or {}).get("bytes")

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """The table's."""
        return self._table.identity()

    def _rows(
        self, names: list[str], rows: Set[int], pictures: bool = False
    ) -> Iterator[tuple[int, dict[str, Any]]]:  # Any: column values
        first = 0
        for batch in self._table.batches(names, pictures=pictures):
            here = [i for i in range(batch.num_rows) if first + i in rows]
            if here:
                for i, told in zip(here, batch.take(pa.array(here)).to_pylist(), strict=True):
                    yield first + i, told
            first += batch.num_rows

    def _of_video(self, row: int, told: dict[str, Any]) -> Reference:  # Any: column values
        caption = told[str(self._caption)]
        statements, categories = _strings(told.get("statements")), _strings(told.get("categories"))
        if statements is not None and categories is not None and len(statements) != len(categories):
            raise BadSource(
                f"{self.name}: row {row + 1} has {len(statements)} statements and {len(categories)} categories; "
                "give each statement one"
            )
        transcripts = () if caption is None else (str(caption),)
        return Reference(_address(told), transcripts, statements, categories if statements is not None else None)


def _of_picture(told: dict[str, Any]) -> Reference:  # Any: column values
    return Reference(_address(told), _strings(told.get("transcripts")) or ())


def _address(told: dict[str, Any]) -> str | None:  # Any: column values
    url = told.get("image_url")
    return None if url is None else str(url)


def _strings(values: list[str | None] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(v for v in values if v is not None)


def listed(names: list[str]) -> str:
    """Names for a message, not too many."""
    return (", ".join(names[:12]) + (", …" if len(names) > 12 else "")) or "none"
