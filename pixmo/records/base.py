"""What every record is: a small frozen dataclass that says what one row says, tells its own faults, and is plain on request.

A field is declared with `about`: its meaning, unit and range stand beside it, and schemas are generated from there. Values are str,
int, float, bool, StrEnum, parts (dataclasses of such fields), tuples of those, or None where the annotation allows it.
"""

from __future__ import annotations

import enum
import functools
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, Self

from pixmo.errors import BadRecord


class Level(enum.StrEnum):
    """How bad a finding is: an `error` makes the row wrong, a `warning` asks for a look."""

    ERROR = "error"
    WARNING = "warning"


class Finding(NamedTuple):
    """A broken invariant, as data. `rule` is one of pixmo.records.rules; `path` is the value, as `points[3].x`."""

    rule: str
    path: str
    detail: str
    level: Level = Level.ERROR


class About(NamedTuple):
    """What a field means: goes into schemas and pages."""

    doc: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None


def about(
    doc: str,
    unit: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    default: Any = MISSING,
) -> Any:  # Any: a dataclass field stands for a value of its annotation
    """Declares a field of a record."""
    metadata = {"about": About(doc, unit, minimum, maximum)}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Part:
    """A value with fields of its own, inside a record."""

    def to_dict(self) -> dict[str, Any]:  # Any: plain values
        """Plain values: dicts, lists, str, int, float, bool, None; every field is there."""
        return {s.name: _plain(getattr(self, s.name)) for s in shapes(type(self))}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:  # Any: plain values of unknown origin
        """The part that plain values say. Raises BadRecord naming the value that does not fit; unknown keys do not fit."""
        return typing.cast(Self, _built(cls, told, (cls.__name__,)))


@dataclass(frozen=True, slots=True)
class Record(Part):
    """One row. Subclasses have a `KIND`, the name of their schema, and may override `findings`."""

    KIND: ClassVar[str]

    def findings(self) -> Iterator[Finding]:
        """Broken invariants, as data; never raises."""
        yield from ()


class Shape(NamedTuple):
    """One field of a part, its annotation taken apart."""

    name: str
    hint: Any  # Any: the type form, without `| None`
    optional: bool
    about: About
    default: Any  # Any: MISSING where the value is needed


_SHAPES: dict[type[Part], tuple[Shape, ...]] = {}


def shapes(kind: type[Part]) -> tuple[Shape, ...]:
    """The fields of a part in their order; found once."""
    if kind not in _SHAPES:
        hints = typing.get_type_hints(kind)
        told = [(f.name, *_without_none(hints[f.name]), f.metadata["about"], f.default) for f in fields(kind)]
        _SHAPES[kind] = tuple(Shape(*one) for one in told)
    return _SHAPES[kind]


def _without_none(hint: Any) -> tuple[Any, bool]:  # Any: a type form
    if isinstance(hint, types.UnionType):
        (inner,) = (a for a in typing.get_args(hint) if a is not type(None))
        return inner, True
    return hint, False


def _plain(value: Any) -> Any:  # Any: a field's value
    if isinstance(value, Part):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, enum.StrEnum) else value


Where = tuple[Any, ...]  # Any: the way to a value: the class's name, then names and numbers; spelled only for an error


def _built(
    hint: Any, told: Any, where: Where, optional: bool = False
) -> Any:  # Any: a type form, plain values, a value
    if told is None:
        if optional:
            return None
        raise BadRecord(f"{_path(where)} is missing")
    items = _items(hint)
    if items is not None:
        if not isinstance(told, (list, tuple)):
            raise BadRecord(f"{_path(where)} is {_short(told)}, should be a list")
        inner, may_be_none = items
        return tuple([_built(inner, v, (*where, i), may_be_none) for i, v in enumerate(told)])
    if issubclass(hint, Part):
        return _part(hint, told, where)
    return _value(hint, told, where)


@functools.cache
def _items(hint: Any) -> tuple[Any, bool] | None:  # Any: type forms
    """What a tuple holds, and whether it may be None; None for what is no tuple."""
    return _without_none(typing.get_args(hint)[0]) if typing.get_origin(hint) is tuple else None


def _part(kind: type[Part], told: Any, where: Where) -> Part:  # Any: plain values of unknown origin
    names = {s.name: s for s in shapes(kind)}
    if not isinstance(told, Mapping):
        raise BadRecord(f"{_path(where)} is {_short(told)}, should be an object with {', '.join(names)}")
    if not told.keys() <= names.keys():
        unknown = min(str(name) for name in told if name not in names)
        raise BadRecord(f"{_path(where)} has no field {_short(unknown)}; it has {', '.join(names)}")
    values = {}
    for shape in shapes(kind):
        if shape.name in told or shape.default is MISSING:
            values[shape.name] = _built(shape.hint, told.get(shape.name), (*where, shape.name), shape.optional)
    return kind(**values)


def _value(hint: type, told: Any, where: Where) -> Any:  # Any: plain values of unknown origin
    if issubclass(hint, enum.StrEnum):
        try:
            return hint(told)
        except ValueError:
            raise BadRecord(f"{_path(where)} is {_short(told)}, should be one of {', '.join(hint)}") from None
    also = int if hint is float else hint  # JSON does not tell 1.0 from 1
    if not isinstance(told, (hint, also)) or (isinstance(told, bool) and hint is not bool):
        raise BadRecord(f"{_path(where)} is {_short(told)}, should be {hint.__name__}")
    return _CHECKED[hint](told, where) if hint in _CHECKED else told


def _float(told: float, where: Where) -> float:
    try:
        value = float(told)
    except OverflowError:
        value = math.inf
    if value != told and not math.isnan(value):
        raise BadRecord(f"{_path(where)} is {_short(told)}, which 64 bits do not hold exactly")
    return value


def _int(told: int, where: Where) -> int:
    if not -(2**63) <= told < 2**63:
        raise BadRecord(f"{_path(where)} is {_short(told)}, more than 64 bits")
    return told


def _str(told: str, where: Where) -> str:
    try:
        told.isascii() or told.encode()
    except UnicodeEncodeError:
        raise BadRecord(f"{_path(where)} is {_short(told)}, which holds half a character: no file can") from None
    return told


_CHECKED: dict[type, Callable[[Any, Where], Any]] = {float: _float, int: _int, str: _str}  # Any: values of that type


def _path(where: Where) -> str:
    """As `Points.points[3].x`."""
    return str(where[0]) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where[1:])


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python spells no number of more than 4,300 digits
        text = "a number too long to spell"
    return text if len(text) <= 60 else text[:59] + "…"
