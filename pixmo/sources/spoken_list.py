"""A list that names pictures and recordings, or holds them: which belongs to which is said by its columns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from pixmo.errors import BadSource, UnknownName
from pixmo.sources.columns import Columns
from pixmo.sources.files import FileSource
from pixmo.sources.recordings import Clip, Described, RecordingsSource
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.retold import TRANSCRIPTS, is_list

IMAGES = ("image", "picture", "image_url", "image_path", "image_file", "picture_file", "file_name", "url")
AUDIO = ("audio", "recording", "recordings", "audio_path", "audio_file", "sound", "speech")
_IS_URL = re.compile(r"\s*https?://", re.IGNORECASE)


def of_list(
    path: Path, folder: Path, image_column: str | None, audio_column: str | None
) -> tuple[RecordingsSource, Columns] | None:
    """The rows of a list whose file names are in `folder`; None for one that has transcripts instead of recordings."""
    found = resolve(str(path) if str(path).startswith(("/", ".")) else f"./{path}")
    assert not isinstance(found, HubName | SetName)
    table = FileSource(str(path), found)
    names = table.schema().names
    audio = _column(path, names, audio_column, AUDIO)
    if audio is None:
        if TRANSCRIPTS in names:
            return None
        raise BadSource(
            f"{path}: has no column of recordings ({', '.join(AUDIO[:3])} …) and none of transcripts; say which holds them with "
            f"--audio-column; it has {', '.join(names[:12])}"
        )
    image = _column(path, names, image_column, IMAGES)
    if image is None:
        raise BadSource(
            f"{path}: has no column of pictures ({', '.join(IMAGES[:3])} …); say which holds them with --image-column"
        )
    rows = _Rows(table, folder, image, audio)
    source = RecordingsSource(str(path), rows.described, rows.has_urls, rows.count, table if rows.embeds else None)
    return source, source.columns


def _column(path: Path, names: Sequence[str], given: str | None, known: Iterable[str]) -> str | None:
    if given is not None and given not in names:
        raise UnknownName("column", given, names, str(path))
    return given or next((n for n in known if n in names), None)


class _Rows:
    """A manifest's rows as described pictures: names of files are grouped by picture, embedded bytes are taken row by row."""

    def __init__(self, table: FileSource, folder: Path, image: str, audio: str) -> None:
        self._table, self._folder, self._image, self._audio = table, folder, image, audio
        kind = table.schema().field(image).type
        if not _names_or_embeds(kind):
            raise BadSource(
                f"{table.name}: column {image!r} is {kind}; pictures are named by text, or embedded with bytes and path"
            )
        sound = table.schema().field(audio).type
        if not _names_or_embeds(_element(sound)):
            raise BadSource(
                f"{table.name}: column {audio!r} is {sound}; recordings are named by text, or embedded with bytes and path, one or a list"
            )
        self.embeds = pt.is_struct(kind) or pt.is_struct(_element(sound))
        self.count: int | None = None
        self.has_urls = False
        self._grouped: list[Described] = []
        if not self.embeds:
            self._group()

    def described(self) -> Iterator[Described]:
        """In the order of the manifest; a picture stands where it is first named."""
        if not self.embeds:
            return iter(self._grouped)
        return (self._one(row) for row in self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:  # Any: column values
        wanted = [n for n in (self._image, self._audio, "annotator", "consent") if n in self._table.schema().names]
        for batch in self._table.batches():
            yield from batch.select(wanted).to_pylist()

    def _group(self) -> None:
        by_name: dict[str | None, list[Clip]] = {}
        known: dict[str, str] = {}  # how a picture was named first: `./cat.jpg` is `cat.jpg`
        for row in self._rows():
            name = (row[self._image] or "").strip() or None
            if name and not _IS_URL.match(name):
                name = known.setdefault(os.path.normpath(self._folder / name), name)
            by_name.setdefault(name, []).extend(self._clips(row))
        urls = [bool(name and _IS_URL.match(name)) for name in by_name if name]
        if any(urls) and not all(urls):
            raise BadSource(
                f"{self._table.name}: column {self._image!r} names files and addresses; make it a list of one kind"
            )
        self.has_urls = any(urls)
        for name, clips in by_name.items():
            if name is None:
                self._grouped += [Described(None, (clip,)) for clip in clips]
            elif self.has_urls:
                self._grouped.append(Described(name, tuple(clips), url=name))
            else:
                self._grouped.append(Described(name, tuple(clips), self._folder / name))
        self.count = len(self._grouped)

    def _one(self, row: Mapping[str, Any]) -> Described:  # Any: as above
        picture, clips = row[self._image], tuple(self._clips(row))
        if isinstance(picture, dict):
            name, data = picture.get("path"), picture.get("bytes")
            return Described(name or "embedded", clips, self._folder / name if name and data is None else None, data)
        return Described(picture, clips, self._folder / picture if picture else None)

    def _clips(self, row: Mapping[str, Any]) -> Iterator[Clip]:  # Any: as above
        audio = row[self._audio]
        many = audio if isinstance(audio, list) else [] if audio in (None, "") else [audio]
        for n, one in enumerate(many):
            annotator, consent = _nth(row.get("annotator"), n), _nth(row.get("consent"), n)
            if isinstance(one, dict):
                name, data = one.get("path"), one.get("bytes")
                path = (
                    self._folder / name if name and data is None else None
                )  # as `datasets` writes files that it leaves where they are
                yield Clip(name or f"embedded {n + 1}", path, data, annotator, consent)
            elif one is not None:
                if _IS_URL.match(one):
                    raise BadSource(
                        f"{self._table.name}: column {self._audio!r} holds addresses ({one[:80]}); fetch the recordings first"
                    )
                yield Clip(one, self._folder / one, None, annotator, consent)


def _nth(value: Any, n: int) -> str | None:  # Any: a text for all recordings of a row, or a list of them
    if isinstance(value, list):
        value = value[n] if n < len(value) else None
    return None if value is None else str(value)


def _element(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if is_list(kind) else kind


def _names_or_embeds(kind: pa.DataType) -> bool:
    """Whether a column can hold files: by name, or as structs of bytes and path."""
    if pt.is_struct(kind):
        fields = {f.name: f.type for f in kind}
        data, path = fields.get("bytes", pa.null()), fields.get("path", pa.null())
        return bool(fields.keys() & {"bytes", "path"}) and _is_bytes(data) and _is_text(path)
    return _is_text(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_null(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_null(kind))
