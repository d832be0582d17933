"""Finds pictures and their recordings: in a folder, by name; in a manifest, by columns; or rows that have transcripts already.

In a folder, a recording belongs to the picture whose name it begins with: `cat.jpg` has `cat.wav`, `cat-2.m4a`, `cat.anna.ogg` and all
of `cat/`. A folder that `pixmo annotate` wrote has its own manifest, `recordings.jsonl`.
"""

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
from pixmo.sources.pictures import is_picture, walk
from pixmo.sources.recordings import Clip, Described, RecordingsSource
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.source import Source

MANIFEST = "recordings.jsonl"
IMAGES = ("image", "picture", "image_url", "image_path", "image_file", "picture_file", "file_name", "url")
AUDIO = ("audio", "recording", "recordings", "audio_path", "audio_file", "sound", "speech")
TRANSCRIPTS = "transcripts"
OF_CAPTIONS = (
    "caption",
    "unsupported_share",
    "unsupported_why",
    "omitted_share",
    "repeated_share",
)  # and all `caption_…`
SUFFIXES = frozenset(
    [
        ".wav",
        ".wave",
        ".mp3",
        ".m4a",
        ".mp4",
        ".mov",
        ".webm",
        ".weba",
        ".ogg",
        ".oga",
        ".opus",
        ".flac",
        ".aac",
        ".aif",
        ".aiff",
        ".amr",
        ".wma",
        ".mka",
        ".mkv",
        ".caf",
        ".3gp",
        ".au",
    ]
)
"""A file of such a name is a recording, whatever is in it; another one is, when it begins like one."""

_MAGIC = (
    b"OggS",
    b"fLaC",
    b"ID3",
    b"\x1aE\xdf\xa3",
    b"FORM",
    b"#!AMR",
    b"\xff\xfb",
    b"\xff\xf3",
    b"\xff\xf1",
    b"\xff\xf9",
    b"caff",
)
_APART = re.compile(r"[\s._/-]")
_IS_URL = re.compile(r"\s*https?://", re.IGNORECASE)


def open_spoken(
    spec: str, pictures: str | None = None, image_column: str | None = None, audio_column: str | None = None
) -> tuple[RecordingsSource, Columns] | None:
    """The rows of a folder or manifest of recordings; None when `spec` is a list without recordings.

    `pictures` is the folder of pictures, where it is another one. Raises BadSource for what holds no recordings.
    """
    path = Path(spec).expanduser()
    if path.is_dir() and (path / MANIFEST).is_file() and pictures is None:
        path = path / MANIFEST
    elif path.is_dir() and (pictures is not None or _has_recordings(path)):
        for option, name in (("--image-column", image_column), ("--audio-column", audio_column)):
            if name is not None:
                raise BadSource(f"{option} {name}: only a manifest has columns; {spec} is a folder")
        return _of_folder(path, Path(pictures).expanduser() if pictures else path)
    elif not path.exists() and isinstance(resolve(spec), HubName | SetName):
        return None
    return _of_manifest(path, Path(pictures) if pictures else path.parent, image_column, audio_column)


# folders


def _of_folder(folder: Path, pictures: Path) -> tuple[RecordingsSource, Columns]:
    if not pictures.is_dir():
        raise BadSource(
            f"{pictures}: {'is not a folder' if pictures.exists() else 'no such folder'}; pictures are taken from one"
        )
    found = paired(folder, pictures)
    if not any(d.clips for d in found):
        raise BadSource(f"{folder}: holds no recordings ({' '.join(sorted(SUFFIXES)[:6])} …)")
    if not any(d.name for d in found):
        raise BadSource(f"{folder}: holds recordings but no pictures; name the pictures' folder with --pictures DIR")
    source = RecordingsSource(str(folder), lambda: iter(found), False, len(found))
    return source, source.columns


def paired(folder: Path, pictures: Path) -> list[Described]:
    """Every picture with its recordings, by name; then every recording that belongs to none, alone."""
    clips = [p for p in walk(folder) if is_recording(p)]
    heard = set(clips)
    shown = [p for p in walk(pictures) if p not in heard and is_picture(p)]
    by_stem: dict[str, Path] = {}
    for path in shown:
        by_stem.setdefault(_stem(path, pictures), path)  # cat.jpg before cat.png, which then has no recordings
    of: dict[Path, list[Clip]] = {path: [] for path in shown}
    alone = []
    for path in clips:
        clip = Clip(_named(path, folder), path)
        owner = _owner(_stem(path, folder), by_stem)
        if owner is None:
            alone.append(Described(None, (clip,)))
        else:
            of[owner].append(clip)
    return [Described(_named(p, pictures), tuple(of[p]), p) for p in shown] + alone


def _owner(stem: str, by_stem: Mapping[str, Path]) -> Path | None:
    """The picture with the longest name that `stem` is, or begins with before one of `. _ - /` or a space."""
    for end in range(len(stem), 0, -1):
        if (end == len(stem) or _APART.match(stem[end])) and stem[:end] in by_stem:
            return by_stem[stem[:end]]
    return None


def _named(path: Path, folder: Path) -> str:
    """Its name in the rows; bytes that are no text are told as `\\xff`."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode(errors="backslashreplace")


def _stem(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def is_recording(path: Path) -> bool:
    """By what it begins with, else by its name."""
    start = _start(path)
    if start.startswith(_MAGIC) or (start[:4] == b"RIFF" and start[8:12] == b"WAVE") or start[4:11] == b"ftypM4A":
        return True
    return path.suffix.lower() in SUFFIXES and not start.startswith((b"\xff\xd8\xff", b"\x89PNG"))


def _start(path: Path) -> bytes:
    if not path.is_file() or not os.access(path, os.R_OK):
        return b""
    with path.open("rb") as file:
        return file.read(16)


def _has_recordings(folder: Path) -> bool:
    return any(is_recording(path) for path in walk(folder))


# manifests


def _of_manifest(
    path: Path, folder: Path, image_column: str | None, audio_column: str | None
) -> tuple[RecordingsSource, Columns] | None:
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
    return kind.value_type if _is_list(kind) else kind


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


class Retold:
    """Rows that have transcripts; what they say of a caption is called `given_caption` and so on, so that a new one can be written."""

    def __init__(self, source: Source) -> None:
        names = source.schema().names
        if TRANSCRIPTS not in names:
            raise BadSource(f"{source.name}: has neither recordings nor transcripts; it has {', '.join(names[:12])}")
        kind = source.schema().field(TRANSCRIPTS).type
        if not (_is_list(kind) and pt.is_string(kind.value_type)):
            raise BadSource(
                f"{source.name}: column {TRANSCRIPTS!r} is {kind}; it should be a list of texts, one per recording"
            )
        self._source = source
        self.name, self.splits, self.licence, self.expected = (
            source.name,
            source.splits,
            source.licence,
            source.expected,
        )

    def schema(self) -> pa.Schema:
        """As the source, with the caption's other name."""
        found = self._source.schema()
        return pa.schema([f.with_name(_retold(f.name)) for f in found], found.metadata)

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """The source's, and that it is retold."""
        return self._source.identity() | {"retold": True}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """As the source."""
        for batch in self._source.batches(batch_rows):
            yield batch.rename_columns([_retold(n) for n in batch.schema.names])


def _retold(name: str) -> str:
    return f"given_{name}" if name in OF_CAPTIONS or name.startswith("caption_") else name


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind))
