"""The frozen indexes of sets in the catalog, built from their lists on the Hub when first wanted and kept under $PIXMO_HOME."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pixmo.catalog.load import Entry, entry
from pixmo.catalog.load import names as set_names
from pixmo.errors import BadSetting, BadSource, UnknownName
from pixmo.run.leaks_rows import ListReader
from pixmo.storage.holdout import SUFFIX, frozen, load, publish

DEFAULT = ("points-eval", "count:validation", "count:test")
"""What PixMo's own evaluations hold out."""
FOLDER = "holdouts"
_WITHOUT = "`--against none` goes on without, another index is made with `pixmo leaks build-index`"


def ready(names: Sequence[str], home: Path) -> list[Path]:
    """Index files for sets of the catalog (`points-eval`, `count:validation`) and for files that are indexes already.

    A set's index is built once, of the URLs and digests its list has, and then stays as it is: `home/holdouts/` is where.
    Raises UnknownName for a name that is neither, BadSource with the way out for a list that cannot be had.
    """
    return [_of_catalog(name, home / FOLDER) if is_known(name) else _of_file(name) for name in names]


def is_known(name: str) -> bool:
    """Whether this is a set of the catalog, maybe with a split, and no path."""
    return name.partition(":")[0] in set_names()


def _of_file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        if not path.exists() and "/" not in name and path.suffix != SUFFIX:
            raise UnknownName("held-out set or index file", name, set_names())
        what = (
            "is a folder; `pixmo leaks build-index` makes an index of it"
            if path.is_dir()
            else f"no such index; {_WITHOUT}"
        )
        raise BadSource(f"{name}: {what}")
    load(path)
    return path


def _of_catalog(name: str, folder: Path) -> Path:
    known, split = _checked(name)
    path = folder / f"{name.replace(':', '-')}{SUFFIX}"
    if path.is_file():
        held = load(path)
        if held.name != name:
            raise BadSource(f"{path}: is the index of {held.name!r}; move it elsewhere, and that of {name!r} is built")
        return path
    try:
        reader = ListReader.open(known.name, split)
        reader.split = split
        held = frozen(name, reader.batches(), known.hub, reader.revision)
    except BadSource as error:
        raise BadSource(f"held-out set {name} cannot be had ({error}); {_WITHOUT}") from error
    if not len(held):
        raise BadSource(f"held-out set {name} has no picture that can be recognised; {_WITHOUT}")
    publish(held, path)
    return path


def _checked(name: str) -> tuple[Entry, str | None]:
    base, colon, split = name.partition(":")
    known = entry(base)
    if colon and split not in known.splits:
        raise UnknownName("split", split, known.splits, base)
    if known.media != "url":
        raise BadSetting(
            f"{base}: its list names no pictures by URL, so it makes no index by itself; `pixmo leaks build-index` makes one "
            "of a finished folder"
        )
    return known, split if colon else None
