"""What a SOURCE means: files here or elsewhere, standard input, a set of the catalog, a set of the Hub.

-                           standard input
s3://…  memory://…          through fsspec, globs and folders too
cap                         a set of the catalog; a file of that name is written ./cap
urls.csv  lists/  a/*.gz    here: has a list's suffix, begins with . / ~, holds a glob, or is there
owner/name                  a set on the Hub; where a folder of that name is here too, write ./owner/name for the folder and
                            https://huggingface.co/datasets/owner/name for the set
"""

from __future__ import annotations

import glob
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from pixmo.catalog.load import expand, group_names, names
from pixmo.errors import BadSource, UnknownName
from pixmo.sources.files import Part
from pixmo.sources.place import LocalPlace, RemotePlace, StdinPlace, one_line
from pixmo.sources.sniff import suffix_kind

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_PAGE = re.compile(r"(?:https?://(?:www\.)?huggingface\.co/datasets/|hf://datasets/)([\w.-]+/[\w.-]+)/?")
_BESIDE = {
    "manifest.json",
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "plan.json",
    "requirements.txt",
}
_PICTURES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}


class HubName(NamedTuple):
    """`owner/name` on the Hub."""

    repo: str


class SetName(NamedTuple):
    """A set of the catalog."""

    name: str


def resolve(spec: str) -> list[Part] | HubName | SetName:
    """What one SOURCE stands for. Raises UnknownName or BadSource with what was probably meant."""
    if spec == "-":
        return [Part(StdinPlace())]
    if page := _HUB_PAGE.fullmatch(spec):
        return HubName(page[1])
    if "://" in spec:
        return _remote(spec)
    if spec in names():
        return SetName(spec)
    if spec in group_names():
        raise BadSource(f"{spec}: is a group of sets ({', '.join(expand(spec))}); give one of them")
    path = Path(spec).expanduser()
    is_path = spec.startswith((".", "/", "~", "\\")) or path.is_absolute() or suffix_kind(spec) is not None
    if path.exists():
        if not is_path and _HUB_NAME.fullmatch(spec):
            raise BadSource(
                f"{spec}: is here and could be a set on the Hub; write ./{spec} for what is here, "
                f"https://huggingface.co/datasets/{spec} for the set"
            )
        return _local(path)
    if any(c in spec for c in "*?["):
        return _matching(spec, path)
    if not is_path and _HUB_NAME.fullmatch(spec):
        return HubName(spec)
    if is_path or "/" in spec:
        raise BadSource(f"{spec}: no such file or folder{_like(path)}")
    raise UnknownName("set or file", spec, [*names(), *group_names(), *_nearby(path)])


def _local(path: Path) -> list[Part]:
    if path.is_file():
        return [Part(LocalPlace(path))]
    if not path.is_dir():  # a named pipe, or the shell's <(…)
        return [Part(StdinPlace(path.open("rb"), str(path)))]
    saved = list(_saved_to_disk(path))
    if saved:
        return saved
    files = [
        f for f in _walk(path) if suffix_kind(f.name) and f.name not in _BESIDE and not f.name.endswith("_stats.json")
    ]
    if not files:
        pictures = any(f.suffix.lower() in _PICTURES for f in _walk(path))
        what = f"holds pictures and no list; `pixmo import {path} OUT` takes them" if pictures else "holds no list"
        raise BadSource(f"{path}: {what} (Parquet, Arrow, CSV, TSV, JSON or text files are lists)")
    return [Part(LocalPlace(f)) for f in _of_one_kind(str(path), files)]


def _of_one_kind(name: str, files: list[Any]) -> list[Any]:  # Any: paths, or addresses as text
    kinds = Counter(suffix_kind(str(f)) for f in files)
    if len(kinds) > 1:
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise BadSource(
            f"{name}: holds lists of several kinds ({told}); give those meant, as {name.rstrip('/')}/*.parquet"
        )
    return files


def _walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Files in it and below, sorted, without those whose name begins with `.` or `_`; links that lead back up are not followed."""
    above = (*above, folder.resolve())
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            if path.resolve() not in above:
                yield from _walk(path, above)
        elif path.is_file():
            yield path


def _saved_to_disk(folder: Path) -> Iterator[Part]:
    """The files of a folder that `datasets` saved, in their order; with splits, each split's."""
    if (index := folder / "dataset_dict.json").is_file():
        for split in _json(index).get("splits", ()):
            yield from (Part(place, split) for place, _ in _saved_to_disk(folder / split))
    elif (state := folder / "state.json").is_file():
        for file in _json(state).get("_data_files", ()):
            yield Part(LocalPlace(folder / file["filename"]))


def _json(path: Path) -> Any:  # Any: parsed JSON
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadSource(f"{path}: cannot be read: {one_line(str(error))}") from error


def _matching(spec: str, path: Path) -> list[Part]:
    files = [Path(f) for f in sorted(glob.glob(str(path), recursive=True)) if Path(f).is_file()]
    if not files:
        raise BadSource(f"{spec}: no file matches")
    return [Part(LocalPlace(f)) for f in files]


def _remote(spec: str) -> list[Part]:
    import fsspec  # a tenth of a second, for remote lists only

    shown = _without_password(spec)
    try:
        filesystem, path = fsspec.core.url_to_fs(spec)
        found = _remote_files(filesystem, path, shown)
    except (BadSource, UnknownName):
        raise
    except ImportError as error:
        raise BadSource(f"{shown}: {one_line(str(error))}: pip install what it names, then try again") from error
    except ValueError as error:
        if "Protocol not known" in str(error):
            protocols = fsspec.available_protocols()
            raise UnknownName("protocol", spec.split("://")[0], protocols, shown) from error
        raise BadSource(f"{shown}: {one_line(str(error))}") from error
    except Exception as error:  # the border to fsspec: each file system raises exceptions of its own library
        what = (
            "no such file"
            if isinstance(error, FileNotFoundError)
            else f"{type(error).__name__}: {one_line(str(error))}"
        )
        raise BadSource(f"{shown}: {what}") from error
    return [Part(RemotePlace(filesystem, p, name)) for p, name in found]


def _remote_files(filesystem: Any, path: str, shown: str) -> list[tuple[str, str]]:  # Any: fsspec is untyped
    """(path, name) of the files an address stands for."""
    if any(c in path for c in "*[") and not filesystem.exists(path):
        files = sorted(f for f in filesystem.glob(path) if filesystem.isfile(f))
        if not files:
            raise BadSource(f"{shown}: no file matches")
    elif not shown.startswith(("http://", "https://")) and filesystem.isdir(
        path
    ):  # to HTTP, every page with links is a folder
        below = sorted(filesystem.find(path))
        hidden = [f for f in below if any(p[:1] in "._" for p in f[len(path) :].strip("/").split("/"))]
        files = [f for f in below if f not in hidden and suffix_kind(f) and f.rpartition("/")[2] not in _BESIDE]
        _of_one_kind(shown, files)
        if not files:
            raise BadSource(f"{shown}: holds no list (Parquet, Arrow, CSV, TSV, JSON or text files are lists)")
    else:
        return [(path, shown)]
    return [(f, filesystem.unstrip_protocol(f)) for f in files]


def _without_password(spec: str) -> str:
    """The address as it may be shown and kept."""
    parts = urlsplit(spec)
    if parts.password is None:
        return spec
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}"))


def _nearby(path: Path) -> list[str]:
    folder = path.parent
    return [p.name for p in folder.iterdir() if not p.name.startswith(".")] if folder.is_dir() else []


def _like(path: Path) -> str:
    from pixmo.errors import nearest

    found = nearest(path.name, _nearby(path))
    return f"; did you mean {str(path.parent / found)!r}?" if found else ""
