"""Finds pictures and their recordings: in a folder, by name; in a manifest, by columns; or rows that have transcripts already.

In a folder, a recording belongs to the picture whose name it begins with: `cat.jpg` has `cat.wav`, `cat-2.m4a`, `cat.anna.ogg` and all
of `cat/`. A folder that `pixmo annotate` wrote has its own manifest, `recordings.jsonl`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pixmo.errors import BadSource
from pixmo.sources.columns import Columns
from pixmo.sources.pictures import is_picture, walk
from pixmo.sources.recordings import Clip, Described, RecordingsSource
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.spoken_list import of_list

MANIFEST = "recordings.jsonl"
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
    return of_list(path, Path(pictures) if pictures else path.parent, image_column, audio_column)


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
