"""Values of ground truth as files hold them, made what metrics take. Each raises ValueError or TypeError for what cannot be meant."""

from __future__ import annotations

import ast
import json
import re
from typing import Any  # a value of a file: whatever JSON, CSV or Parquet say

from pixmo.records.places import Unit


def text(value: Any) -> str:
    """A text; numbers are taken as they are written."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError("a text is needed")
    return str(value)


def texts(value: Any) -> list[str]:
    """Texts out of one text, a list, or the challenge's [{"answer": …}, …]; a list written as text is read too."""
    found = _listed(value)
    if not found:
        raise ValueError("there is none")
    if all(type(one) is str for one in found):
        return found
    return [text(one["answer"] if isinstance(one, dict) else one) for one in found]


def options(value: Any) -> list[str]:
    """The options of a multiple choice; none for an empty list or none at all."""
    return texts(value) if value not in (None, "", "[]", []) else []


def whole(value: Any) -> int:
    """A whole number."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("a whole number is needed")
    return int(value)


def number(value: Any) -> float | None:
    """A number; none for an empty text."""
    return None if value == "" else float(value)


def flag(value: Any) -> bool:
    """Yes or no, also as 0 and 1 and as text."""
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    found = known.get(str(value).strip().lower())
    if found is None:
        raise ValueError("true or false is needed")
    return found


def option(value: Any) -> str | int:
    """The right one of some options: its number from 0, its letter, or itself."""
    return value if isinstance(value, int) and not isinstance(value, bool) else text(value).strip()


def subject(value: Any) -> str | None:
    """Accounting, out of itself or of validation_Accounting_1; None for an id of another form."""
    found = re.fullmatch(r"(?:dev|validation|test)_(.+)_\d+", text(value))
    if found:
        return found[1]
    return None if any(c.isdigit() for c in text(value)) else text(value)


def points(value: Any) -> list[tuple[float, float]]:
    """Points, as [[x, y], …], [{"x": x, "y": y}, …] or {"x": [x, …], "y": [y, …]}."""
    if isinstance(value, dict):
        value = list(zip(value["x"], value["y"], strict=True))
    pairs = [(one["x"], one["y"]) if isinstance(one, dict) else tuple(one) for one in value]
    return [(float(x), float(y)) for x, y in pairs]


def masks(value: Any) -> list[dict[str, list[int]]]:
    """Masks as run lengths, out of run lengths or of rows of booleans; see `pixmo.evaluate.tasks.masks`."""
    return [_mask(one) for one in value]


def unit(value: Any) -> str:
    """What coordinates count."""
    return str(Unit(value))


def _mask(value: Any) -> dict[str, list[int]]:
    if not isinstance(value, dict):
        return _runs(value)
    if "runs" in value:
        return {
            "size": [whole(value["height_px"]), whole(value["width_px"])],
            "counts": [whole(n) for n in value["runs"]],
        }
    return {"size": [whole(n) for n in value["size"]], "counts": [whole(n) for n in value["counts"]]}


def _runs(rows: list[list[bool]]) -> dict[str, list[int]]:
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError("its rows are of different lengths")
    counts, inside = [0], False
    for pixel in (bool(pixel) for row in rows for pixel in row):
        if pixel != inside:
            counts.append(0)
            inside = pixel
        counts[-1] += 1
    return {"size": [len(rows), widths.pop() if widths else 0], "counts": counts}


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _written(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    return [value]


def _written(value: str) -> Any:
    """A list written as JSON or as Python does (MMMU's options); anything else stays the text it is."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list):
            return found
    return value
