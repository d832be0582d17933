"""The little YAML a dataset card needs, written so that no value can be taken for syntax.

Strings that are not plain words are double-quoted with everything escaped that YAML, or a reader that splits lines
first (as `datasets` does), could take for a line break.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./ ()*-]*[A-Za-z0-9_.)*]|[A-Za-z]")
_TAKEN = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}


def dump(value: Mapping[str, Any]) -> str:  # Any: mappings, sequences, strings, numbers, booleans, None
    """A block mapping, keys in the order given, with a final newline."""
    return "".join(f"{line}\n" for line in _mapping(value))


def quoted(text: str) -> str:
    """The string as YAML: bare when it is a plain word, else double-quoted on one line."""
    if _WORD.fullmatch(text) and text.lower() not in _TAKEN:
        return text
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code < 0xE000:
        return "\ufffd"  # half a character: no file can hold it
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _scalar(value: Any) -> str | None:  # Any: as above
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    return None if value else "{}" if isinstance(value, Mapping) else "[]"


def _mapping(value: Mapping[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        scalar = _scalar(inner)
        if scalar is not None:
            yield f"{quoted(key)}: {scalar}"
        elif isinstance(inner, Mapping):
            yield f"{quoted(key)}:"
            yield from (f"  {line}" for line in _mapping(inner))
        else:
            yield f"{quoted(key)}:"
            yield from _sequence(inner)


def _sequence(value: Sequence[Any]) -> Iterator[str]:
    for inner in value:
        scalar = _scalar(inner)
        if scalar is not None:
            yield f"- {scalar}"
            continue
        lines = list(_mapping(inner)) if isinstance(inner, Mapping) else list(_sequence(inner))
        yield f"- {lines[0]}"
        yield from (f"  {line}" for line in lines[1:])
