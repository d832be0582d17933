"""`manifest.json`: every published file with its sha256 and size; written last, without clock, attempt or machine name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pixmo.errors import BadFolder
from pixmo.storage.publish import publish_bytes

NAME = "manifest.json"
FORMAT = "pixmo-manifest/1"


@dataclass(frozen=True)
class ManifestFile:
    """One published file; `path` is relative to the folder, with forward slashes."""

    path: str
    sha256: str
    bytes: int
    rows: int | None = None
    split: str | None = None


@dataclass(frozen=True)
class Manifest:
    """All published files and the counts of the set."""

    files: tuple[ManifestFile, ...]
    rows: int
    written: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)  # Any: the recipe's plain values

    def publish(self, out: Path) -> None:
        """Writes it; the caller has published every file it names."""
        told = {
            "format": FORMAT,
            **asdict(self),
            "files": [asdict(f) for f in sorted(self.files, key=lambda f: f.path)],
        }
        publish_bytes(out / NAME, (json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def load(out: Path) -> Manifest | None:
    """The manifest of a folder; None when it has none. Raises BadFolder when it is no manifest of ours."""
    path = out / NAME
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_bytes())
        if told["format"] != FORMAT:
            raise BadFolder(f"{path}: format {told['format']!r} is not {FORMAT!r}; use the pixmo that wrote it")
        files = tuple(ManifestFile(**f) for f in told["files"])
        for file in files:
            _check_inside(path, PurePosixPath(file.path))
        return Manifest(files, told["rows"], told["written"], told["counts"], told["recipe"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadFolder(
            f"{path}: is not a pixmo manifest; if the folder is yours, run `pixmo verify --repair`"
        ) from error


def differences(out: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """(path, what is wrong) for every published file that is missing, changed or not named. Reads everything."""
    for file in manifest.files:
        path = out / file.path
        if not path.is_file():
            yield file.path, "missing"
        elif path.stat().st_size != file.bytes:
            yield file.path, f"has {path.stat().st_size} bytes instead of {file.bytes}"
        elif file_digest(path) != file.sha256:
            yield file.path, "content differs from its sha256"
    named = {f.path for f in manifest.files}
    for path in sorted((out / "data").rglob("*")):
        relative = path.relative_to(out).as_posix()
        if path.is_file() and relative not in named:
            yield relative, "not in the manifest"


def file_digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_inside(path: Path, named: PurePosixPath) -> None:
    if named.is_absolute() or ".." in named.parts or not named.parts:
        raise BadFolder(
            f"{path}: names the file {str(named)!r} outside its folder; nothing was touched, do not trust it"
        )
