"""References frozen in a file: statements made once, with the digest that shows them unchanged, to be shipped and used again.

JSON lines: a header, then one line per picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.errors import BadSource
from pixmo.ids import canonical_json, digest
from pixmo.sources.place import LocalPlace, reading
from pixmo.sources.references import Reference

VERSION = 1
_MARK = "pixmo_references"
_BEGINS = re.compile(rb'\s*\{\s*"pixmo_references"\s*:')


class FrozenRow(NamedTuple):
    """One picture: what people said of it, and the statements made of that (None where there are none)."""

    picture: str
    image_url: str | None
    statements: tuple[str, ...] | None
    categories: tuple[str, ...] | None
    transcripts: tuple[str, ...]


def frozen_bytes(rows: Iterable[FrozenRow], judge: str, prompt: str) -> bytes:
    """The file: `judge` is the model that made the statements, `prompt` the digest of what it was asked."""
    lines = [canonical_json(_written(row)) + b"\n" for row in rows]
    body = b"".join(lines)
    header = {_MARK: VERSION, "digest": digest(body), "judge": judge, "prompt": prompt, "pictures": len(lines)}
    return json.dumps(header, ensure_ascii=False).encode() + b"\n" + body


def is_frozen(path: Path) -> bool:
    """Whether a file begins as a frozen one does."""
    with reading(LocalPlace(path)), path.open("rb") as file:
        return _BEGINS.match(file.read(64)) is not None


class FrozenReferences:
    """A frozen file, found unchanged. `judge`, `prompt` and `digest` are what its header says."""

    licence: str | None = None
    has_pictures = False
    merges = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        with reading(LocalPlace(path)):
            head, _, body = path.read_bytes().partition(b"\n")
        header = self._header(head)
        if digest(body) != header["digest"]:
            raise BadSource(
                f"{path}: was changed since it was frozen (its digest is another one); copy it again, "
                "or freeze the references anew"
            )
        self.judge, self.prompt, self.digest = str(header["judge"]), str(header["prompt"]), str(header["digest"])
        self._rows = [self._row(n, line) for n, line in enumerate(body.split(b"\n"), 2) if line]

    def columns(self) -> list[str]:
        """What its lines hold."""
        return ["picture", "image_url"]

    def ties_by(self, column: str) -> bool:
        """By any: `picture` is a value of whatever column tied when it was frozen."""
        return True

    def ties(self, column: str) -> list[str | None]:
        """Each picture's address, or its name."""
        return [r.image_url or r.picture for r in self._rows] if column == "image_url" else self.pictures(column)

    def pictures(self, column: str) -> list[str | None]:
        """Each picture's name, whatever ties."""
        return [r.picture for r in self._rows]

    def read(self, rows: Set[int]) -> Iterator[tuple[int, Reference]]:
        """The references of rows, in order."""
        for i in sorted(rows):
            row = self._rows[i]
            yield i, Reference(row.image_url, row.transcripts, row.statements, row.categories)

    def read_pictures(self, rows: Set[int]) -> Iterator[tuple[int, bytes | None]]:
        """None: it holds text only."""
        return iter(())

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """The digest."""
        return {"frozen": self.digest}

    def _header(self, line: bytes) -> dict[str, Any]:  # Any: parsed JSON
        try:
            header = json.loads(line)
        except ValueError:
            raise BadSource(f"{self.name}:1: the header is not JSON; copy the file again") from None
        if not isinstance(header, dict) or header.get(_MARK) != VERSION:
            raise BadSource(f"{self.name}: is not of version {VERSION} of frozen references; freeze them anew")
        if missing := {"digest", "judge", "prompt"} - header.keys():
            raise BadSource(f"{self.name}:1: the header has no {sorted(missing)[0]!r}; copy the file again")
        return header

    def _row(self, number: int, line: bytes) -> FrozenRow:
        try:
            told = json.loads(line)
            url, statements, categories = told["image_url"], told["statements"], told.get("categories")
            return FrozenRow(
                _text(told["picture"]), None if url is None else _text(url), None if statements is None else _texts(statements),
                None if categories is None else _texts(categories), _texts(told["transcripts"]),
            )  # fmt: skip
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
        ):  # the digest fits: somebody else wrote it
            raise BadSource(f"{self.name}:{number}: is not a line of frozen references; freeze them anew") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    value.encode()  # raises ValueError for half a character, which JSON can write and UTF-8 cannot
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError("no list")
    return tuple(_text(value) for value in values)


def _written(row: FrozenRow) -> dict[str, Any]:  # Any: JSON values
    told = row._asdict()
    if row.categories is None:
        del told["categories"]
    return told
