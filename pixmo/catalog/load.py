"""The catalog: what is known of published sets before a byte of them was asked for. One TOML file each, beside this module."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple

from pixmo.errors import UnknownName

MEDIA = ("url", "embedded", "none")


class Defect(NamedTuple):
    """Something known to be wrong with a set, and what pixmo does about it."""

    what: str
    done: str


class Variant(NamedTuple):
    """Other columns that some configs or revisions have, or may have where types are not published."""

    what: str
    configs: tuple[str, ...] = ()  # all of these; none: revisions
    has: Mapping[str, str] = MappingProxyType({})  # columns besides, or of another type
    lacks: tuple[str, ...] = ()
    refused: bool = False  # whether this cannot be read, as it does not say what a record needs


@dataclass(frozen=True)
class Entry:
    """A published set. Figures are for planning: `unverified` names those that nobody has counted, and none is checked against."""

    name: str
    title: str
    hub: str
    splits: Mapping[str, int]  # rows of each split the Hub has
    licence: str
    media: str  # `url`: pictures are fetched; `embedded`: they are in the set; `none`: annotations only
    configs: tuple[str, ...] = ()  # all are read, and a column `config` says which, unless one is chosen
    url: str | None = None
    sha256: str | None = None
    picture: str | None = None
    pictures: int | None = None  # different pictures
    picture_bytes: int | None = None  # bytes of one, in the mean
    download_bytes: int | None = None  # of the set itself, without the pictures its URLs lead to
    notes: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    record: str | None = None  # the kind its rows make
    grouped: bool = False  # downloaded as one row per picture, unless asked otherwise
    features: Mapping[str, str] = field(default_factory=dict)  # the columns as published, and their Arrow types
    fields: Mapping[str, Any] = field(default_factory=dict)  # Any: a column, or a column per field of a part
    constants: Mapping[str, str] = field(default_factory=dict)  # fields that are the same in every row
    holdouts: tuple[str, ...] = ()  # sets whose pictures are not to be trained on: NAME or NAME:SPLIT
    variants: tuple[Variant, ...] = ()
    revisions: str = ""  # which revision is read, and how earlier ones differ
    defects: tuple[Defect, ...] = ()

    def columns(self, variant: Variant | None = None) -> dict[str, str]:
        """The columns as published, and their Arrow types as text."""
        if variant is None:
            return dict(self.features)
        return {n: t for n, t in {**self.features, **variant.has}.items() if n not in variant.lacks}

    @property
    def rows(self) -> int:
        """Rows of all splits."""
        return sum(self.splits.values())

    def held_out(self, split: str | None = None) -> tuple[str, ...]:
        """The sets its training rows are compared with; none where one of its other splits is read alone."""
        return self.holdouts if split in (None, "train") else ()

    @property
    def expected_bytes(self) -> int:
        """Bytes that come over the network for it: the set, and the pictures where they are fetched."""
        fetched = (self.pictures or 0) * (self.picture_bytes or 0) if self.media == "url" else 0
        return (self.download_bytes or 0) + fetched


def entry(name: str) -> Entry:
    """The set of a short name. Raises UnknownName."""
    found = _read().get(name)
    if found is None or "sets" in found:
        raise UnknownName("set", name, names())
    told: dict[str, Any] = {k: _frozen(v) for k, v in found.items()}
    defects = tuple(Defect(**d) for d in found.get("defects", ()))
    variants = tuple(Variant(**{k: _frozen(v) for k, v in d.items()}) for d in found.get("variants", ()))
    return Entry(**told | {"defects": defects, "variants": variants})


def _frozen(value: Any) -> Any:  # Any: TOML values
    return tuple(value) if isinstance(value, list) else value


def entry_of_hub(repo: str) -> Entry | None:
    """The set that is this repository on the Hub; None for one the catalog does not know."""
    name = next((n for n, told in _read().items() if str(told.get("hub", "")).lower() == repo.lower()), None)
    return None if name is None else entry(name)


def names() -> tuple[str, ...]:
    """The short names of all sets, in the order of the group `pixmo`, then by name."""
    single = [name for name, told in sorted(_read().items()) if "sets" not in told]
    first = [name for name in expand("pixmo") if name in single]
    return (*first, *(name for name in single if name not in first))


def group_names() -> tuple[str, ...]:
    """The names that stand for several sets."""
    return tuple(name for name, told in sorted(_read().items()) if "sets" in told)


def expand(name: str) -> list[str]:
    """The sets a name stands for: a group's, or the one. Raises UnknownName."""
    told = _read().get(name)
    if told is None:
        raise UnknownName("set", name, [*names(), *group_names()])
    return list(told["sets"]) if "sets" in told else [name]


@functools.cache
def _read() -> dict[str, dict[str, Any]]:  # Any: TOML values
    """Every file's content by name."""
    found = {}
    for file in files("pixmo.catalog").iterdir():
        if file.name.endswith(".toml"):
            name = file.name.removesuffix(".toml")
            found[name] = {"name": name} | tomllib.loads(file.read_text(encoding="utf-8"))
    return found
