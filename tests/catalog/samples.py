"""A sample of each set of the catalogue, with exactly the columns it publishes."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from pixmo.catalog.load import entry
from pixmo.catalog.types import arrow_type

WORDS = ("a cup", "Red  Cups ", "naïve café", "椅子", "two birds\non a wire", "", "<b>&amp;</b>", "🦜")
SHA = "0123456789abcdef" * 4


def features(name: str) -> pa.Schema:
    """The columns of a set as published."""
    return pa.schema([(column, arrow_type(kind)) for column, kind in entry(name).features.items()])


def sample(name: str, rows: int = 40, seed: int = 0, nulls: bool = True) -> pa.Table:
    """Rows of odd values: empty lists, negative and far coordinates, texts of many scripts, and nulls where asked."""
    rng = random.Random(f"{name} {seed}")
    schema = features(name)
    parallel = {c for come in entry(name).fields.values() if not isinstance(come, str) for c in come.values()}
    may_be_null = [n for n in schema.names if n not in parallel] if nulls else []
    return pa.Table.from_pylist([_row(schema, rng, number, may_be_null) for number in range(rows)], schema=schema)


def _row(schema: pa.Schema, rng: random.Random, number: int, may_be_null: list[str]) -> dict[str, Any]:
    length = rng.choice([0, 1, 1, 2, 3, 5])
    told = {f.name: _value(f.name, f.type, rng, number, length) for f in schema}
    if may_be_null and number % 7 == 3:
        told[rng.choice(may_be_null)] = None
    return told


def _value(name: str, kind: pa.DataType, rng: random.Random, number: int, length: int) -> Any:
    if name == "masks":
        sizes = [(rng.randint(0, 4), rng.randint(0, 5)) for _ in range(length)]
        return [[[rng.random() < 0.4 for _ in range(w)] for _ in range(h)] for h, w in sizes]
    if name == "points" and pt.is_list(kind) and str(kind).count("double") == 1 and "struct" not in str(kind):
        return [[[rng.uniform(0, 100), rng.uniform(0, 100)] for _ in range(rng.randint(0, 3))] for _ in range(length)]
    if pt.is_struct(kind) and {f.name for f in kind} == {"bytes", "path"}:
        return {"bytes": b"\x89PNG %d" % number, "path": f"{number}.png"}
    if pt.is_struct(kind):
        return {f.name: _value(f.name, f.type, rng, number, length) for f in kind}
    if pt.is_list(kind):
        inner = rng.choice([0, 1, 2, 4]) if pt.is_nested(kind.value_type) else length
        return [_value(name, kind.value_type, rng, number, inner) for _ in range(length)]
    return _plain(name, kind, rng, number)


def _plain(name: str, kind: pa.DataType, rng: random.Random, number: int) -> Any:
    if "url" in name:
        return f"https://pictures.example/{number % 9}.jpg"
    if "sha256" in name:
        return SHA[number % 9 :] + SHA[: number % 9]
    if pt.is_string(kind):
        return rng.choice(WORDS)
    if pt.is_boolean(kind):
        return rng.random() < 0.5
    if pt.is_integer(kind):
        return rng.randint(-1, 23)
    return (
        rng.choice([rng.uniform(-0.5, 100.5), 0.0, 100.0, 0.1]) if pt.is_float64(kind) else float(rng.randint(0, 999))
    )
