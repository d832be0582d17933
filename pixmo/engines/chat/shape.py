"""Whether a text is JSON of the shape that was asked for, and if not, why: in words that a model can act on.

Of JSON Schema this knows what schemas for answers are made of: type, enum, const, properties, required,
additionalProperties, items, minItems, maxItems, minLength, maxLength, minimum, maximum, anyOf and $ref into $defs.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from pixmo.errors import BadSetting

_FENCE = re.compile(r"\s*```[a-zA-Z]*\s*\n(.*)\n\s*```\s*", re.DOTALL)
_KINDS: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "number": (int, float),
}  # fmt: skip
_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default", "examples", "$comment"}
_KNOWN = _ANNOTATIONS | {
    "type", "enum", "const", "properties", "required", "additionalProperties", "items", "minItems", "maxItems",
    "minLength", "maxLength", "minimum", "maximum", "anyOf", "$ref",
}  # fmt: skip


def unfenced(text: str) -> str:
    """The text without the code fence that some models put around all of it."""
    found = _FENCE.fullmatch(text)
    return found[1] if found else text


def json_fault(text: str, schema: str) -> str:
    """Why the text is no JSON of this schema; '' when it is. Raises BadSetting for a schema that is none."""
    rules = parse_schema(schema)
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as error:
        return f"it is no JSON: {error}"
    if "\\ud" in text.lower() and not _is_text(value):
        return "a string holds half a character (a lone surrogate)"
    return fault(value, rules, rules)


@lru_cache(maxsize=64)
def parse_schema(schema: str) -> dict[str, Any]:
    """The schema as plain values. Raises BadSetting for what is no schema, or one with rules that are not known here."""
    try:
        rules = json.loads(schema)
    except ValueError as error:
        raise BadSetting(f"the schema of an answer is no JSON: {error}") from None
    _check_rules(rules, "the schema of an answer")
    return dict(rules)


def fault(value: Any, rules: dict[str, Any], root: dict[str, Any], at: str = "") -> str:
    """The first rule that the value breaks, with its place; '' when it breaks none."""
    if "$ref" in rules and (found := fault(value, _referred(rules["$ref"], root), root, at)):
        return found
    if "type" in rules and not _is_of(value, rules["type"]):
        return f"{at or 'it'} is {_kind(value)}, not {_either(rules['type'])}"
    if "enum" in rules and not any(_same(value, v) for v in rules["enum"]):
        return f"{at or 'it'} is none of {json.dumps(rules['enum'], ensure_ascii=False)}"
    if "const" in rules and not _same(value, rules["const"]):
        return f"{at or 'it'} is not {json.dumps(rules['const'], ensure_ascii=False)}"
    if "anyOf" in rules:
        faults = [fault(value, r, root, at) for r in rules["anyOf"]]
        if all(faults):
            return faults[0]
    if isinstance(value, dict):
        return _object_fault(value, rules, root, at)
    if isinstance(value, list):
        return _array_fault(value, rules, root, at)
    return _plain_fault(value, rules, at)


def _object_fault(value: dict[str, Any], rules: dict[str, Any], root: dict[str, Any], at: str) -> str:
    for name in rules.get("required", ()):
        if name not in value:
            return f"{at or 'it'} has no {name!r}"
    named, others = rules.get("properties", {}), rules.get("additionalProperties", True)
    for name, inner in value.items():
        if (of := named.get(name, others)) is False:
            return f"{at or 'it'} has {name!r}, which is not asked for"
        if isinstance(of, dict) and (found := fault(inner, of, root, f"{at}.{name}" if at else name)):
            return found
    return ""


def _array_fault(value: list[Any], rules: dict[str, Any], root: dict[str, Any], at: str) -> str:
    if not rules.get("minItems", 0) <= len(value) <= rules.get("maxItems", len(value)):
        return f"{at or 'it'} has {len(value)} items"
    if isinstance(of := rules.get("items"), dict):
        for number, inner in enumerate(value):
            if found := fault(inner, of, root, f"{at}[{number}]"):
                return found
    return ""


def _plain_fault(value: Any, rules: dict[str, Any], at: str) -> str:
    if isinstance(value, str) and not rules.get("minLength", 0) <= len(value) <= rules.get("maxLength", len(value)):
        return f"{at or 'it'} has {len(value)} characters"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and not rules.get("minimum", value) <= value <= rules.get("maximum", value):
        return f"{at or 'it'} is {value}, out of range"
    return ""


def _is_of(value: Any, kinds: str | list[str]) -> bool:
    return any(_is_one(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _is_one(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, _KINDS[kind])


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, whatever Python says, and 1.0 is."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _kind(value: Any) -> str:
    return next(kind for kind in ("boolean", "null", "object", "array", "string", "number") if _is_one(value, kind))


def _either(kinds: str | list[str]) -> str:
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _referred(ref: str, root: dict[str, Any]) -> dict[str, Any]:
    return dict(root if ref == "#" else root["$defs"][ref.removeprefix("#/$defs/")])


def _check_rules(rules: Any, where: str, root: dict[str, Any] | None = None) -> None:
    if not isinstance(rules, dict):
        raise BadSetting(f"{where} is no object")
    root = rules if root is None else root
    if unknown := sorted(rules.keys() - _KNOWN):
        raise BadSetting(f"{where} has a rule that is not checked here: {unknown[0]!r}")
    kinds = rules.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind not in _KINDS and kind != "integer":
            raise BadSetting(f"{where} has a type that is none: {kind!r}")
    ref = rules.get("$ref", "#")
    if ref != "#" and (not ref.startswith("#/$defs/") or ref.removeprefix("#/$defs/") not in root.get("$defs", {})):
        raise BadSetting(f"{where} refers to {ref!r}, which it does not hold")
    inner = [*rules.get("properties", {}).values(), *rules.get("$defs", {}).values(), *rules.get("anyOf", ())]
    inner += [rules[k] for k in ("items", "additionalProperties") if k in rules and not isinstance(rules[k], bool)]
    for one in inner:
        _check_rules(one, where, root)


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
