"""References as Ai2's script keeps them: `final-data.json`, and per picture a file of the statements people's transcripts make."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from pixmo.errors import BadSource
from pixmo.ids import digest_of
from pixmo.sources.place import one_line
from pixmo.sources.references import FINAL_DATA, Reference

STATEMENTS = "mturk-eval-statements"
_NUMBER = re.compile(r"\s*\d+\s*[.):](?!\d)\s*")  # and not 4.5


class Ai2References:
    """A folder with `final-data.json` and `mturk-eval-statements/<sha256 of the address>.json`."""

    licence: str | None = None
    has_pictures = False
    merges = False

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder
        self._rows = [self._checked(i, row) for i, row in enumerate(_listed(folder / FINAL_DATA))]

    def columns(self) -> list[str]:
        """The picture's address, which the file calls `image`."""
        return ["image_url"]

    def ties_by(self, column: str) -> bool:
        """By the address alone."""
        return column == "image_url"

    def ties(self, column: str) -> list[str | None]:
        """Each row's address."""
        return [url for url, _ in self._rows]

    pictures = ties

    def read(self, rows: Set[int]) -> Iterator[tuple[int, Reference]]:
        """The references of rows, in order, with their statements as they are written."""
        for i in sorted(rows):
            url, transcripts = self._rows[i]
            text = self._statements(url)
            yield i, Reference(url, transcripts, None if text is None else _lines(text), None, text)

    def read_pictures(self, rows: Set[int]) -> Iterator[tuple[int, bytes | None]]:
        """None: pictures are known by their addresses."""
        return iter(())

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """A digest of what was read."""
        return {"ai2": digest_of(self._rows)}

    def _checked(self, number: int, row: Any) -> tuple[str, tuple[str, ...]]:  # Any: parsed JSON
        where = f"{self._folder / FINAL_DATA}: object {number + 1}"
        if not isinstance(row, dict) or not isinstance(row.get("image"), str):
            raise BadSource(f"{where} has no text 'image', the picture's address")
        told = row.get("transcripts") or []
        if not isinstance(told, list) or not all(isinstance(t, dict) for t in told):
            raise BadSource(f"{where}: 'transcripts' should be a list of objects with 'whisperTranscript'")
        spoken = [t.get("whisperTranscript") for t in told]
        if not all(s is None or isinstance(s, str) for s in spoken):
            raise BadSource(f"{where}: a 'whisperTranscript' is not text")
        return whole(row["image"].strip()), tuple(whole(s) for s in spoken if s is not None)

    def _statements(self, url: str) -> str | None:
        path = self._folder / STATEMENTS / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
        if not path.is_file():
            return None
        told = _json(path)
        text = told.get("canonical_statements") if isinstance(told, dict) else None
        if not isinstance(text, str):
            raise BadSource(f"{path}: has no text 'canonical_statements', the numbered statements")
        return whole(text)


def whole(text: str) -> str:
    """The text with a mark in place of halves of characters, which JSON can write and UTF-8 cannot."""
    return text if text.isprintable() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _lines(text: str) -> tuple[str, ...]:
    """The lines that hold something, without their numbers."""
    lines = (
        _NUMBER.sub("", line, count=1).strip() if _NUMBER.match(line) else line.strip() for line in text.split("\n")
    )
    return tuple(line for line in lines if line)


def _listed(path: Path) -> list[Any]:  # Any: parsed JSON
    told = _json(path)
    if not isinstance(told, list) or not told:
        raise BadSource(f"{path}: should be a list of objects with 'image' and 'transcripts', and not empty")
    return told


def _json(path: Path) -> Any:  # Any: parsed JSON
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadSource(f"{path}: is not UTF-8; save the file as UTF-8") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadSource(f"{path}: is not JSON: {one_line(str(error))}; copy it again") from error
