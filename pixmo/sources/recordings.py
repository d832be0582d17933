"""Pictures and what people said of them: one row per picture, with all its recordings, read when its row is.

A row is `picture_file` and `picture_fault`, the picture (`image`, or `image_url`), and lists with one value per recording: `recordings`
(bytes and name), `recording_fault`, `recording_annotator`, `recording_consent`. A recording without a picture is a row too, and a
picture without recordings: what is wrong with them is told row by row, and the rest goes on.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from pixmo.ask import SpeechOutcome
from pixmo.ids import digest_of
from pixmo.sources.columns import Columns
from pixmo.sources.pictures import PICTURE
from pixmo.sources.reader import BATCH_BYTES
from pixmo.sources.source import Expected, Source

MAX_RECORDING_BYTES = 500 * 10**6
NO_PICTURE = "no_picture"
IMAGE, URL, RECORDINGS = "image", "image_url", "recordings"
_TEXTS = pa.list_(pa.string())


class Clip(NamedTuple):
    """A recording: the name it is known by, and a file or bytes."""

    name: str
    path: Path | None = None
    data: bytes | None = None
    annotator: str | None = None
    consent: str | None = None


class Described(NamedTuple):
    """A picture and its recordings. `name` is None for recordings that belong to no picture."""

    name: str | None
    clips: tuple[Clip, ...]
    path: Path | None = None
    data: bytes | None = None
    url: str | None = None


class RecordingsSource:
    """Rows of described pictures; `described` gives them anew each time, in the same order, `embedded_in` is the list with their bytes."""

    splits: tuple[str, ...] = ()
    licence: str | None = None

    def __init__(
        self,
        name: str,
        described: Callable[[], Iterator[Described]],
        has_urls: bool,
        rows: int | None,
        embedded_in: Source | None = None,
    ) -> None:
        self.name = name
        self._described = described
        self._has_urls = has_urls
        self._embedded_in = embedded_in
        self.expected: Expected | None = Expected(rows, rows, None)
        self.columns = Columns(URL if has_urls else None, None, None, None if has_urls else IMAGE, RECORDINGS)

    def __repr__(self) -> str:
        return f"RecordingsSource({self.name!r})"

    def schema(self) -> pa.Schema:
        """The columns; the picture is bytes, or an address."""
        picture = pa.field(URL, pa.string()) if self._has_urls else pa.field(IMAGE, PICTURE)
        texts = [(n, _TEXTS) for n in ("recording_fault", "recording_annotator", "recording_consent")]
        names = [("picture_file", pa.string()), ("picture_fault", pa.string())]
        return pa.schema([picture, *names, (RECORDINGS, pa.list_(PICTURE)), *texts])

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """Where it is, and a digest of every file's name, size and date; embedded bytes change with the list that holds them."""
        files = [
            [d.name, d.url, *_stamp(d.path), [[c.name, c.annotator, c.consent, *_stamp(c.path)] for c in d.clips]]
            for d in self._described()
        ]
        within = {"list": self._embedded_in.identity()} if self._embedded_in else {}
        return {"recordings": self.name, "files": digest_of(files)} | within

    def first(self, limit: int) -> RecordingsSource:
        """As this, with so many pictures at most."""
        rows = None if self.expected is None or self.expected.rows is None else min(limit, self.expected.rows)
        return RecordingsSource(self.name, lambda: islice(self._described(), limit), self._has_urls, rows)

    def counts(self) -> list[int]:
        """How many recordings each picture has."""
        return [len(d.clips) for d in self._described()]

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The rows in order, with the bytes of pictures and recordings; about 64 MB at a time."""
        held: list[dict[str, Any]] = []  # Any: column values
        size = 0
        for described in self._described():
            row, row_bytes = self._row(described)
            if held and size + row_bytes > BATCH_BYTES:
                yield pa.RecordBatch.from_pylist(held, self.schema())
                held, size = [], 0
            held.append(row)
            size += row_bytes
            if len(held) >= batch_rows:
                yield pa.RecordBatch.from_pylist(held, self.schema())
                held, size = [], 0
        if held:
            yield pa.RecordBatch.from_pylist(held, self.schema())

    def _row(self, described: Described) -> tuple[dict[str, Any], int]:
        picture, fault = _read(described.path, described.data)
        fault = None if described.url else NO_PICTURE if described.name is None else fault
        read = [_read(c.path, c.data) for c in described.clips]
        row = {
            URL: described.url, IMAGE: None if picture is None else {"bytes": picture, "path": described.name},
            "picture_file": described.name, "picture_fault": fault,
            RECORDINGS: [{"bytes": d, "path": c.name} for (d, _), c in zip(read, described.clips, strict=True)],
            "recording_fault": [f for _, f in read],
            "recording_annotator": [c.annotator for c in described.clips],
            "recording_consent": [c.consent for c in described.clips],
        }  # fmt: skip
        return {n: row[n] for n in self.schema().names}, len(picture or b"") + sum(len(d or b"") for d, _ in read)


def _read(path: Path | None, data: bytes | None) -> tuple[bytes | None, str | None]:
    """(bytes, what is wrong): one of them."""
    if path is not None:
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                return None, str(SpeechOutcome.MISSING)
            if found.st_size > MAX_RECORDING_BYTES:
                return None, str(SpeechOutcome.TOO_LARGE)
            data = path.read_bytes()
        except (OSError, ValueError):  # ValueError: a name with a null byte in it
            return None, str(SpeechOutcome.MISSING)
    if data is None:
        return None, str(SpeechOutcome.MISSING)
    if len(data) > MAX_RECORDING_BYTES:
        return None, str(SpeechOutcome.TOO_LARGE)
    return (data, None) if data else (None, str(SpeechOutcome.EMPTY))


def _stamp(path: Path | None) -> tuple[int, int]:
    if path is None:
        return (-1, -1)
    try:
        found = path.stat()
    except (OSError, ValueError):
        return (-1, -1)
    return found.st_size, found.st_mtime_ns
