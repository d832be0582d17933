"""SOURCE and OUT as with `cp`: with two or more arguments the last is OUT; with one, OUT is derived and said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pixmo.catalog.load import group_names, names
from pixmo.cli.effort import home
from pixmo.cli.road import name_of
from pixmo.errors import BadSetting


class Places(NamedTuple):
    """What is read and where it goes; `derived` when OUT was not given."""

    sources: tuple[str, ...]
    out: Path
    derived: bool


def places(arguments: Sequence[str], out: Path | None) -> Places:
    """Sources and OUT of a command's arguments; raises BadSetting where they cannot be told apart."""
    if out is not None:
        return Places(_some(arguments), out, False)
    if len(arguments) > 1:
        *sources, last = arguments
        if last in set_names():
            raise BadSetting(
                f"{last!r} is the name of a set, and the last argument is the folder to write into: write ./{last} "
                "for a folder of that name, or give several sources with -o OUT"
            )
        return Places(tuple(sources), Path(last), False)
    return Places(_some(arguments), derived_out(_some(arguments)[0]), True)


def derived_out(source: str) -> Path:
    """Where the rows of one source go when nobody says: a set into $PIXMO_HOME, others beside you.

    Raises BadSetting for what has no name.
    """
    if source in set_names():
        return home() / source
    if source == "-" or any(c in source for c in "*?["):
        raise BadSetting(f"{source}: say where to write: pixmo download {source!r} OUT")
    return Path(name_of(source))


def set_names() -> tuple[str, ...]:
    """Short names, of sets and of groups of sets."""
    return (*names(), *group_names())


def _some(arguments: Sequence[str]) -> tuple[str, ...]:
    if not arguments:
        raise BadSetting("no SOURCE given: a file, folder, address, Hub set or short name such as cap")
    return tuple(arguments)
