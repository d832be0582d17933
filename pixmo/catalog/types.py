"""Arrow types written as text, as in the catalog's files: `list<struct<x: double, y: double>>`."""

from __future__ import annotations

import re

import pyarrow as pa

PLAIN: dict[str, pa.DataType] = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "binary": pa.binary(),
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}
LISTS = {"list": pa.list_, "large_list": pa.large_list}
_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|[<>:,])")


def arrow_type(text: str) -> pa.DataType:
    """The type of a text: a name of PLAIN, `list<TYPE>`, `large_list<TYPE>` or `struct<NAME: TYPE, …>`. Raises ValueError for anything else."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != "".join(text.split()):
        raise ValueError(f"{text!r} is not an Arrow type")
    kind = _read(tokens)
    if tokens:
        raise ValueError(f"{text!r} goes on after its type")
    return kind


def _read(tokens: list[str]) -> pa.DataType:
    name = _next(tokens, "a type")
    if name in LISTS:
        _expect(tokens, "<")
        inner = _read(tokens)
        _expect(tokens, ">")
        return LISTS[name](inner)
    if name == "struct":
        return _struct(tokens)
    if name not in PLAIN:
        raise ValueError(f"no type {name!r}; known: {', '.join(PLAIN)}, {', '.join(LISTS)}<…>, struct<…>")
    return PLAIN[name]


def _struct(tokens: list[str]) -> pa.DataType:
    _expect(tokens, "<")
    fields = []
    while True:
        name = _next(tokens, "a field's name")
        _expect(tokens, ":")
        fields.append(pa.field(name, _read(tokens)))
        if _next(tokens, "',' or '>'") == ">":
            return pa.struct(fields)


def _expect(tokens: list[str], wanted: str) -> None:
    found = _next(tokens, repr(wanted))
    if found != wanted:
        raise ValueError(f"{found!r} where {wanted!r} was expected")


def _next(tokens: list[str], what: str) -> str:
    if not tokens:
        raise ValueError(f"ends where {what} was expected")
    return tokens.pop(0)
