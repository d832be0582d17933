"""What a record says of its picture, against the picture itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from pixmo.image.decode import Look, look
from pixmo.records.base import Finding, Level, Record
from pixmo.records.places import Mask, Orientation, Point, Unit

RULES = {
    "picture_missing": "the row has no picture, or fewer than it names",
    "picture_broken": "its bytes do not decode whole",
    "picture_differs": "its bytes are not those of the sha256 the row names",
    "size_differs": "it is not of the size the record says it was pointed at in",
    "mask_not_of_picture": "a mask is not of its size",
    "point_outside_picture": "a point in pixels lies outside of it",
}
"""Rule and meaning."""

_TURNED = (5, 6, 7, 8)


def against(record: Record, pictures: Sequence[bytes | None], seen: dict[int, Look]) -> Iterator[Finding]:
    """Where the record and its pictures disagree. `seen` keeps what was decoded for other records of the same pictures."""
    for number, data in enumerate(pictures):
        where = f"pictures[{number}]" if len(pictures) > 1 else "picture"
        if data is None:
            yield Finding("picture_missing", where, "no bytes", Level.WARNING)
            continue
        yield from _digest(record, number, len(pictures), data, where)
        if number not in seen:
            seen[number] = look(data)
        found = seen[number]
        if found.image is None or found.width is None or found.height is None:
            yield Finding("picture_broken", where, f"{found.outcome} {found.detail}".rstrip())
        else:
            yield from _sizes(record, number, len(pictures), _sides(found, record))
    if not pictures:
        yield Finding("picture_missing", "picture", "no picture", Level.WARNING)


def _digest(record: Record, number: int, of: int, data: bytes, where: str) -> Iterator[Finding]:
    told = getattr(record, "image_sha256", None) if of == 1 else None
    several = getattr(record, "image_sha256s", None)
    if several is not None and number < len(several):
        told = several[number]
    found = hashlib.sha256(data).hexdigest()
    if told is not None and told != found:
        yield Finding("picture_differs", where, f"sha256 {found}, named is {told[:80]}", Level.WARNING)


def _sides(found: Look, record: Record) -> list[tuple[int, int]]:
    """Width and height the record may mean: as stored, or as turned by its EXIF data; either where it does not tell."""
    stored = (found.width or 0, found.height or 0)
    turned = stored[::-1] if found.exif_orientation in _TURNED else stored
    orientation = getattr(record, "orientation", Orientation.UNKNOWN)
    return {Orientation.STORED: [stored], Orientation.UPRIGHT: [turned]}.get(orientation, [stored, turned])


def _sizes(record: Record, number: int, of: int, sides: list[tuple[int, int]]) -> Iterator[Finding]:
    size = f"{sides[0][0]} × {sides[0][1]} px"
    told = (getattr(record, "image_width_px", None), getattr(record, "image_height_px", None))
    if of == 1 and None not in told and told not in sides:
        yield Finding("size_differs", "image_width_px", f"{told[0]} × {told[1]} px, the picture is {size}")
    for path, value in _of_picture(record, number, of):
        if isinstance(value, Mask) and (value.width_px, value.height_px) not in sides:
            yield Finding(
                "mask_not_of_picture", path, f"{value.width_px} × {value.height_px} px, the picture is {size}"
            )
        is_pixels = isinstance(value, Point) and getattr(record, "unit", None) == Unit.PIXELS
        if is_pixels and not any(0 <= value.x <= w and 0 <= value.y <= h for w, h in sides):
            yield Finding("point_outside_picture", path, f"({value.x:g}, {value.y:g}), the picture is {size}")


def _of_picture(record: Record, number: int, of: int) -> Iterator[tuple[str, Any]]:  # Any: points and masks
    """Points and masks of one picture of the record, each with its path."""
    for at, one in enumerate(getattr(record, "labels", ())):  # across several pictures: a list of points for each
        if number < len(one.points):
            yield from _walk(f"labels[{at}].points[{number}]", one.points[number])
    if of == 1:
        yield from _walk("points", getattr(record, "points", None))
        yield from _walk("masks", getattr(record, "masks", None))
        for at, asked in enumerate(getattr(record, "questions", ())):
            yield from _walk(f"questions[{at}].points", getattr(asked, "points", None))


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:  # Any: nested tuples of points and masks
    if isinstance(value, tuple):
        for at, inner in enumerate(value):
            yield from _walk(f"{path}[{at}]", inner)
    elif value is not None:
        yield path, value
