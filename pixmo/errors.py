"""Errors a user can act on.

PixmoError                 a wrong request: says what, where, what now; the CLI prints one line and exits 2
├── UnknownName            a set, stage, format, column, outcome that does not exist; names the nearest
├── UnknownSetting         a recipe or option key that does not exist; names the nearest
├── BadSetting             a value out of range or of the wrong type
├── BadSource              a file or address that cannot be read as a list of rows
├── BadRecord              plain values that are not the record they are taken for
├── BadFolder              OUT is not ours, is damaged, or belongs to another list
├── InUse                  another run holds the folder or the store
├── MissingExtra           an optional dependency is not installed
└── NoSpace                the disk is full or below --min-free-disk

A bad row is never an error but an Outcome (pixmo.ask); a bug keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PixmoError(Exception):
    """A wrong request; `str(error)` is one line fit for a terminal."""


class UnknownName(PixmoError):
    """`kind` and `name` as the user gave them; `known` are the names that exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        known = sorted(known)
        self.nearest = nearest(name, known)
        super().__init__(f"{where + ': ' if where else ''}no {kind} named {name!r}; {_hint(self.nearest, known)}")


class UnknownSetting(PixmoError):
    """A key that `owner` (a stage, a recipe) does not have."""

    def __init__(self, owner: str, key: str, known: Iterable[str], where: str = "") -> None:
        known = sorted(known)
        self.nearest = nearest(key, known)
        prefix = f"{where}: " if where else ""
        super().__init__(f"{prefix}{owner} has no setting {key!r}; {_hint(self.nearest, known)}")


class BadSetting(PixmoError):
    """A setting whose value cannot be used."""


class BadSource(PixmoError):
    """A source that cannot be read as rows."""


class BadRecord(PixmoError):
    """Values that do not make a record of the kind they are taken for."""


class BadFolder(PixmoError):
    """A folder that is not a pixmo folder, or not the one meant."""


class InUse(PixmoError):
    """Another run holds the folder or the store."""


class MissingExtra(PixmoError):
    """An optional dependency is missing; raised when a run is planned, before its first row."""

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs an extra: pip install 'pixmo[{extra}]'")


class NoSpace(PixmoError):
    """The disk is full, or fuller than --min-free-disk allows."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is close."""
    found = get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def _hint(near: str | None, known: list[str]) -> str:
    if near:
        return f"did you mean {near!r}?"
    return "known: " + ", ".join(known[:12]) + (", …" if len(known) > 12 else "") if known else "there are none"
