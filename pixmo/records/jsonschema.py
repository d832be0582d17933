"""Records as JSON Schema 2020-12: meaning, unit and range of every field, for readers in any language."""

from __future__ import annotations

import enum
import typing
from typing import Any

from pixmo.records.arrow import ANNOTATIONS, VERSION
from pixmo.records.base import Part, Record, Shape, shapes
from pixmo.records.kinds import PICTURE_FIELDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def json_schema(kind: type[Record]) -> dict[str, Any]:  # Any: JSON
    """One record as an object; fields without which there is no record are required, others may be null."""
    head = _head(kind, kind.KIND, kind.__doc__ or "")
    return head | _object(shapes(kind))


def grouped_json_schema(kind: type[Record]) -> dict[str, Any]:  # Any: JSON
    """One picture with all its annotations of a kind."""
    of_picture = [s for s in shapes(kind) if s.name in PICTURE_FIELDS]
    of_annotation = [s for s in shapes(kind) if s.name not in PICTURE_FIELDS]
    told = _object(of_picture)
    told["properties"][ANNOTATIONS] = {
        "description": "all annotations of the picture, in the order of the source",
        "type": "array",
        "items": _object(of_annotation),
    }
    told["required"] = [*told["required"], ANNOTATIONS]
    return _head(kind, f"{kind.KIND}.grouped", f"One picture with all its annotations. Each: {kind.__doc__}") | told


def _head(kind: type[Record], name: str, doc: str) -> dict[str, Any]:  # Any: JSON
    title = f"pixmo {name}, version {VERSION}"
    return {
        "$schema": DIALECT,
        "$id": f"pixmo/v{VERSION}/{name}.schema.json",
        "title": title,
        "description": _line(doc),
    }


def _object(fields: typing.Iterable[Shape]) -> dict[str, Any]:  # Any: JSON
    told = list(fields)
    return {
        "type": "object",
        "properties": {s.name: _field(s) for s in told},
        "required": [s.name for s in told if not s.optional],
        "additionalProperties": True,  # other columns travel along, and a later release may add fields
    }


def _field(shape: Shape) -> dict[str, Any]:  # Any: JSON
    unit = f" ({shape.about.unit})" if shape.about.unit else ""
    told = {"description": shape.about.doc + unit} | _value(shape.hint, shape.about.minimum, shape.about.maximum)
    return _or_null(told) if shape.optional else told


def _value(hint: Any, minimum: float | None, maximum: float | None) -> dict[str, Any]:  # Any: a type form; JSON
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        options = [a for a in typing.get_args(inner) if a is not type(None)]
        may_be_null = type(None) in typing.get_args(inner)
        items = _value(options[0] if may_be_null else inner, minimum, maximum)
        return {"type": "array", "items": _or_null(items) if may_be_null else items}
    if issubclass(hint, Part):
        return _object(shapes(hint))
    if issubclass(hint, enum.StrEnum):
        return {"type": "string", "enum": [str(v) for v in hint]}
    bounds = {"minimum": minimum, "maximum": maximum}
    return {"type": _PLAIN[hint]} | {name: bound for name, bound in bounds.items() if bound is not None}


def _or_null(told: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    if "enum" in told:
        return told | {"type": [told["type"], "null"], "enum": [*told["enum"], None]}
    return told | {"type": [told["type"], "null"]}


def _line(doc: str) -> str:
    return " ".join(doc.split())
