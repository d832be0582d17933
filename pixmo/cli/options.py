"""Options of commands, generated from the fields of the dataclass they set: nothing is declared twice."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    SizeBase = click.ParamType[int]
    NumberBase = click.ParamType[float]
else:
    SizeBase = NumberBase = click.ParamType  # generic since click 8.2 only

Command = TypeVar("Command", bound=Callable[..., Any])
Kind = TypeVar("Kind")

UNITS = {
    "": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40,
}  # fmt: skip


class Size(SizeBase):
    """Bytes, written as people do: 500MB, 32MiB, 1.5G or a plain number."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # Any: as in click
        """The number of bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*((?:[kmgt]i?)?)b?(?:/s)?\s*", str(value), re.IGNORECASE)
        if not found:
            self.fail(f"{value!r} is not a size such as 500MB, 32MiB or 1048576", param, ctx)
        return round(float(found[1]) * UNITS[found[2].lower()])


class Number(NumberBase):
    """A number that is not negative; `kind` is int or float. Its range is not worth a word in every line of help."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self._kind = kind
        self.name = "count" if kind is int else "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:  # Any: as in click
        """The number."""
        try:
            number = self._kind(value)
        except ValueError:
            self.fail(f"{value!r} is not a {'whole ' if self._kind is int else ''}number", param, ctx)
        if not 0 <= number < float("inf"):
            self.fail(f"{value} is not 0 or more", param, ctx)
        return number


SIZE = Size()
COUNT = Number(int)
AMOUNT = Number(float)


def told_size(size: int) -> str:
    """A size as one would type it: 32MiB, 500MB, else the plain number."""
    for unit in ("TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "kB"):
        whole, rest = divmod(size, UNITS[unit[:-1].lower()])
        if whole and not rest:
            return f"{whole}{unit}"
    return str(size)


def settings_options(
    kind: type,
    spelled: Mapping[str, str] | None = None,
    helps: Mapping[str, str] | None = None,
    only: Iterable[str] | None = None,
) -> Callable[[Command], Command]:
    """A decorator that gives a command one option per field of a dataclass, or per field of `only`.

    `spelled` gives a field another spelling than its name with dashes: `--header`, or `--no-images` for a boolean that
    is true by default. `helps` are the texts of fields that carry none. Fields named in bytes are sizes; no number is
    negative whose default is not.
    """
    chosen = [f for f in fields(kind) if only is None or f.name in set(only)]
    hints = typing.get_type_hints(kind)

    def decorate(command: Command) -> Command:
        for setting in reversed(chosen):
            text = (helps or {}).get(setting.name) or setting.metadata.get("help", "")
            spelling = (spelled or {}).get(setting.name) or spelling_of(setting.name)
            command = _option(setting, hints[setting.name], spelling, text)(command)
        return command

    return decorate


def spelling_of(name: str) -> str:
    """A field's option: dashes, and seconds left unsaid where the word says time."""
    return "--" + re.sub(r"(?<!_per)_s$", "", name).replace("_", "-")


def built(kind: type[Kind], values: Mapping[str, Any]) -> Kind:  # Any: option values
    """The dataclass of the values of its options; fields without an option keep their defaults."""
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    return kind(**{name: values[name] for name in names if name in values})


def _option(
    setting: Field[Any], hint: Any, spelling: str, text: str
) -> Callable[[Command], Command]:  # Any: type forms
    default = None if setting.default is MISSING else setting.default
    text = _sentence(text) + _told(setting, default)
    if hint is bool:
        return click.option(spelling, setting.name, is_flag=True, flag_value=not default, default=default, help=text)
    many = typing.get_origin(hint) is tuple
    kind = _type(typing.get_args(hint)[0] if many else hint, setting)
    return click.option(spelling, setting.name, multiple=many, type=kind, default=default, help=text)


def _type(hint: Any, setting: Field[Any]) -> Any:  # Any: type forms, and click's types
    kinds = [a for a in typing.get_args(hint) if a is not types.NoneType] if typing.get_args(hint) else [hint]
    if "bytes" in setting.name:
        return SIZE
    if kinds[0] is float and isinstance(setting.default, float) and setting.default < 0:
        return click.FLOAT  # loudness and the like are below zero
    table = {int: COUNT, float: AMOUNT, str: click.STRING, Path: click.Path(path_type=Path)}
    return table[kinds[0]]


def _told(setting: Field[Any], default: Any) -> str:  # Any: a setting's value
    """The default as one would type it, for the end of the help."""
    if default in (None, "") or isinstance(default, (bool, tuple)):
        return ""
    if "bytes" in setting.name:
        return f"  [default: {told_size(default)}]"
    return f"  [default: {default:g}]" if isinstance(default, float) else f"  [default: {default}]"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") or not text else ".")
