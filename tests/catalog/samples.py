"""A sample of each set of the catalogue, with exactly the columns it publishes."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from pixmo.catalog.load import Variant, entry
from pixmo.catalog.types import arrow_type

WORDS = ("a cup", "Red  Cups ", "naïve café", "椅子", "two birds\non a wire", "", "<b>&amp;</b>", "🦜")
SHA = "0123456789abcdef" * 4
PLACES = ("points", "answer_points")


def features(name: str, variant: Variant | None = None) -> pa.Schema:
    """The columns of a set as published, or as a variant of it has them."""
    return pa.schema([(column, arrow_type(kind)) for column, kind in entry(name).columns(variant).items()])


def variant_of(name: str, config: str) -> Variant | None:
    """What a config has otherwise."""
    return next((v for v in entry(name).variants if config in v.configs), None)


def sample(
    name: str, config: str | None = None, rows: int = 40, seed: int = 0, nulls: bool = True, variant: Variant | None = None
) -> pa.Table:  # fmt: skip
    """Rows of odd values: empty lists, negative and far coordinates, texts of many scripts, and nulls where asked."""
    rng = random.Random(f"{name} {seed}")
    schema = features(name, variant_of(name, config) if config else variant)
    return pa.Table.from_pylist([_row(name, schema, rng, number, nulls) for number in range(rows)], schema=schema)


def _row(name: str, schema: pa.Schema, rng: random.Random, number: int, nulls: bool) -> dict[str, Any]:
    length = rng.choice([0, 1, 1, 2, 3, 5])
    told = {f.name: _value(f.name, f.type, rng, number, length) for f in schema}
    if nulls and number % 7 == 3:
        column = rng.choice(schema.names)
        told |= dict.fromkeys(_side_by_side(name, column) & set(schema.names))
    return told


def _side_by_side(name: str, column: str) -> set[str]:
    """The columns that are null together with this one: lists side by side are one field."""
    together = (set(come.values()) for come in entry(name).fields.values() if not isinstance(come, str))
    return next((columns for columns in together if column in columns), {column})


def _value(name: str, kind: pa.DataType, rng: random.Random, number: int, length: int) -> Any:
    if name == "masks":
        sizes = [(rng.randint(0, 4), rng.randint(0, 5)) for _ in range(length)]
        return [[[rng.random() < 0.4 for _ in range(w)] for _ in range(h)] for h, w in sizes]
    if name in PLACES:
        return _places(kind, rng, length)
    if pt.is_struct(kind) and {f.name for f in kind} == {"bytes", "path"}:
        return {"bytes": b"\x89PNG %d" % number, "path": f"{number}.png"}
    if pt.is_struct(kind):
        return {f.name: _value(f.name, f.type, rng, number, length) for f in kind}
    if pt.is_list(kind):
        return [_value(name, kind.value_type, rng, number, length) for _ in range(length)]
    return _plain(name, kind, rng, number)


def _places(kind: pa.DataType, rng: random.Random, length: int) -> Any:
    """Points in lists, laid out as the type says: as structs, as pairs, or as lists of x and of y."""
    if kind == pa.list_(pa.float64()):
        return [_coordinate(rng, 0.0), _coordinate(rng, 0.0)]
    if pt.is_list(kind):
        within = length if pt.is_struct(kind.value_type) else rng.choice([0, 1, 2, 4])
        return [_places(kind.value_type, rng, within) for _ in range(length)]
    of_x = kind.field("x").type
    if not pt.is_list(of_x):
        return {axis: _coordinate(rng, 0.0) for axis in "xy"}
    if pt.is_list(of_x.value_type):
        lengths = [rng.choice([0, 1, 3]) for _ in range(length)]
        return {axis: [[_coordinate(rng, 0.0) for _ in range(n)] for n in lengths] for axis in "xy"}
    whole = pt.is_float32(of_x.value_type)
    return {
        axis: [_coordinate(rng, float(rng.randint(0, 999)) if whole else 0.0) for _ in range(length)] for axis in "xy"
    }


def _coordinate(rng: random.Random, whole: float) -> float:
    return whole or rng.choice([rng.uniform(-0.5, 100.5), 0.0, 100.0, 0.1])


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
    return _coordinate(rng, 0.0)
