"""Arrow types as text."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pixmo.catalog.types import PLAIN, arrow_type


@pytest.mark.parametrize("name", PLAIN)
def test_plain_types_are_written_as_arrow_writes_them(name: str) -> None:
    """The same names, so that what Arrow prints can be read."""
    assert str(PLAIN[name]) == name
    assert arrow_type(f" {name} ") == PLAIN[name]


def test_lists_and_structs_nest() -> None:
    """To any depth, with white space or without."""
    told = "list<struct<x: large_list<double>,__index_level_0__:struct<a: string>>>"
    inner = pa.struct([("x", pa.large_list(pa.float64())), ("__index_level_0__", pa.struct([("a", pa.string())]))])
    assert arrow_type(told) == pa.list_(inner)
    assert arrow_type(told.replace(" ", "")) == pa.list_(inner)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "ends where a type was expected"),
        ("text", "no type 'text'"),
        ("list", "ends where '<' was expected"),
        ("list<string", "ends where '>' was expected"),
        ("list<string>>", "goes on after its type"),
        ("struct<>", "'string'|where ':'|ends where"),
        ("struct<a string>", "'string' where ':' was expected"),
        ("list[string]", "is not an Arrow type"),
        ("struct<a: string, >", "ends where|where ':'"),
    ],
)
def test_other_texts_are_refused(text: str, told: str) -> None:
    """Saying what was expected where."""
    with pytest.raises(ValueError, match=told):
        arrow_type(text)
