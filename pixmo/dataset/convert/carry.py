"""What all tools have in common: points in the tool's unit, and the fields it has no place for.

Label Studio, LabelMe and FiftyOne keep data they do not know. There, whatever of a record is not a mark or a text of the tool's own
travels *beside* it, under the key `pixmo`, and comes back. Points whose unit is not the tool's travel beside as well: a mark that was
not moved comes back as it was, to the last bit, one that was moved comes back converted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING
from typing import Any, NamedTuple

from pixmo.dataset.convert.items import Item, Loss, Pair, Size, short
from pixmo.errors import BadRecord
from pixmo.records.base import Record, shapes
from pixmo.records.checks import FULL
from pixmo.records.count import Count
from pixmo.records.kinds import KINDS
from pixmo.records.places import Orientation, Unit
from pixmo.records.points import Points

KEY = "pixmo"
"""Under this key a tool's file holds what travels beside."""

LARGEST_SIDE_PX = 2**31


class Marks(NamedTuple):
    """A record's points in a tool's unit."""

    label: str
    points: tuple[Pair, ...]
    size_px: Size | None


def marks_of(item: Item, unit: Unit, *, needs_size: bool = False) -> Marks | Loss:
    """The points of a record of Points or Count; the loss that keeps it from being written in this unit."""
    record = item.record
    if not isinstance(record, Points | Count):
        return item.loss("other_kind", "", record.KIND)
    size = size_of(record) or item.size_px
    if size is None and (
        needs_size or (record.points and Unit.PIXELS in {unit, record.unit} and unit is not record.unit)
    ):
        return item.loss("size_unknown", "image_width_px", f"points are in {record.unit}, the format counts {unit}")
    told = tuple((p.x, p.y) for p in record.points or ())
    points = tuple(converted(told, record.unit, unit, size))
    for i, (x, y) in enumerate(points):
        if not (math.isfinite(x) and math.isfinite(y)):
            return item.loss("cannot_hold", f"points[{i}]", f"({x}, {y})")
    return Marks(record.label, points, size)


def size_of(record: Points | Count) -> Size | None:
    """The size a record gives; None where a side is missing or less than a pixel."""
    width, height = record.image_width_px, record.image_height_px
    return (width, height) if width and height and min(width, height) > 0 else None


def converted(points: Iterable[Pair], source: Unit, target: Unit, size: Size | None) -> Iterator[Pair]:
    """Points in another unit; `size` is needed where one of the two is pixels. The same unit changes no bit."""
    points = list(points)
    if source is target or not points:
        yield from points
        return
    (from_x, from_y), (to_x, to_y) = _edges(source, size), _edges(target, size)
    for x, y in points:
        yield x * to_x / from_x, y * to_y / from_y


def _edges(unit: Unit, size: Size | None) -> Pair:
    if unit is not Unit.PIXELS:
        return FULL[unit], FULL[unit]
    assert size is not None
    return float(size[0]), float(size[1])


def refused(item: Item) -> Loss | None:
    """Why no JSON can hold a record: NaN, infinity, text that is not Unicode; None where one can."""
    if item.picture is None:
        return item.loss(
            "no_picture", "image_url", "the record names its picture by nothing but a digest, or not at all"
        )
    return unfit(item, item.record.to_dict())


def unfit(item: Item, told: Any) -> Loss | None:  # Any: JSON
    """The loss of plain values that are no JSON; None where they are."""
    try:
        json.dumps(told, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return item.loss("cannot_hold", "", f"text with {error.object[error.start]!r}, which is no character")
    except ValueError as error:
        return item.loss("cannot_hold", "", str(error))
    return None


def no_place(item: Item, carried: Collection[str]) -> Iterator[Loss]:
    """A loss for each field that says something and is not carried."""
    for shape in shapes(type(item.record)):
        value = getattr(item.record, shape.name)
        says_nothing = value is None or value == () or value == Orientation.UNKNOWN or value == shape.default
        if shape.name not in carried and not says_nothing:
            yield item.loss("no_place", shape.name, short(value))


def points_lost(item: Item, unit: Unit) -> Iterator[Loss]:
    """What a tool loses of points that has a picture, its size, a label and places in its own unit, and no more."""
    record = item.record
    assert isinstance(record, Points | Count)
    carried = {"image_url", "label", "points", "unit"} | (
        {"image_width_px", "image_height_px"} if size_of(record) else set()
    )
    yield from no_place(item, carried)
    if isinstance(record, Count):
        yield item.loss("kind_changed", "", "a count comes back as points")
    if record.unit is not unit:
        yield item.loss("unit_changed", "unit", f"{record.unit} to {unit}")


def beside(record: Record, native: Collection[str], unit: Unit) -> dict[str, Any]:  # Any: JSON
    """What a tool has no place for: all fields but the `native` ones and those that say nothing; points where their unit is not the tool's."""
    told: dict[str, Any] = {"record": record.KIND}
    plain = record.to_dict()
    for shape in shapes(type(record)):
        value = plain[shape.name]
        if shape.name not in native and (value is not None or shape.default is MISSING):
            told[shape.name] = value
    if isinstance(record, Points | Count) and (record.unit is not unit or record.points is None):
        told["points"] = plain["points"]
    return told


class Native(NamedTuple):
    """What a tool's own file says of one record that has something beside it."""

    values: Mapping[str, Any]  # Any: field values the tool holds
    points: Sequence[Pair] = ()
    unit: Unit = Unit.PERCENT
    size_px: Size | None = None


def restored(told: object, native: Native) -> Record:
    """The record of what travelled beside and what the tool holds. Raises BadRecord where they make none."""
    if not isinstance(told, Mapping) or told.get("record") not in KINDS:
        raise BadRecord(f"{KEY} is {short(told)}, should be an object that names its record")
    kind = KINDS[told["record"]]
    values = {k: v for k, v in told.items() if k != "record"} | dict(native.values)
    if kind in (Points, Count):
        values["points"] = _points_back(values, native)
    return record_of(kind, values)


def _points_back(told: Mapping[str, Any], native: Native) -> list[dict[str, float]] | None:  # Any: JSON
    kept, unit = told.get("points"), _unit_of(told)
    if "points" in told and kept is None and not native.points:
        return None
    size = _size_told(told) or native.size_px
    if unit is not native.unit and Unit.PIXELS in {unit, native.unit} and native.points and size is None:
        raise BadRecord("its points are in pixels of a picture of unknown size")
    waiting = _unmoved(kept if unit is not native.unit and native.points else None, unit, native.unit, size)
    found = []
    for point in native.points:
        originals = waiting.get(point)
        x, y = originals.pop(0) if originals else next(converted([point], native.unit, unit, size))
        found.append({"x": x, "y": y})
    return found


def _unmoved(kept: object, unit: Unit, tool: Unit, size: Size | None) -> dict[Pair, list[Pair]]:
    """The points that travelled beside, by the mark each was written as."""
    if not isinstance(kept, list):
        return {}
    before = [pair_of((p.get("x"), p.get("y")) if isinstance(p, Mapping) else p) for p in kept]
    found: dict[Pair, list[Pair]] = {}
    for original, mark in zip(before, converted(before, unit, tool, size), strict=True):
        found.setdefault(mark, []).append(original)
    return found


def _unit_of(told: Mapping[str, Any]) -> Unit:  # Any: JSON
    try:
        return Unit(str(told.get("unit")))
    except ValueError:
        raise BadRecord(f"unit is {short(told.get('unit'))}, should be one of {', '.join(Unit)}") from None


def _size_told(told: Mapping[str, Any]) -> Size | None:  # Any: JSON
    return size_told(told.get("image_width_px"), told.get("image_height_px"))


def size_told(width: object, height: object) -> Size | None:
    """A size as files tell it: whole numbers of pixels, maybe written as 640.0; None for anything else."""
    sides = [int(v) for v in (width, height) if isinstance(v, int | float) and 0 < v < LARGEST_SIDE_PX and v == int(v)]
    return (sides[0], sides[1]) if len(sides) == 2 and not isinstance(width, bool | str) else None


def pair_of(told: object) -> Pair:
    """A point as files tell it: two numbers, whatever they are. Raises BadRecord for anything else."""
    if not isinstance(told, list | tuple) or len(told) != 2:
        raise BadRecord(f"a point is {short(told)}, should be two numbers")
    return number_of(told[0]), number_of(told[1])


def number_of(told: object) -> float:
    """A coordinate as files tell it; NaN and infinity pass, since what is wrong with a record is for `check` to find."""
    if isinstance(told, bool) or not isinstance(told, int | float):
        raise BadRecord(f"a coordinate is {short(told)}, should be a number")
    try:
        return float(told)
    except OverflowError:
        raise BadRecord(f"a coordinate is {short(told)}, which no float holds") from None


def record_of(kind: type[Record], values: Mapping[str, Any]) -> Record:  # Any: plain values of unknown origin
    """The record of plain values. Raises BadRecord where they make none."""
    try:
        return kind.from_dict(values)
    except OverflowError:
        raise BadRecord(f"{kind.__name__} has a number which no float holds") from None
