"""Marks of one picture, brought together by label: a record of Points has all places of a thing in its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pixmo.dataset.convert.items import Pair, Size
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points


class Gathered:
    """Points by label, labels in the order of their first mark."""

    def __init__(self) -> None:
        self._points: dict[str, list[Pair]] = {}
        self._sizes: dict[str, Size | None] = {}
        self._spoilt: set[str] = set()

    def add(self, label: str, point: Pair, size: Size | None = None) -> None:
        """One more mark."""
        self._points.setdefault(label, []).append(point)
        self._sizes.setdefault(label, size)

    def spoil(self, label: str) -> None:
        """A mark of this label could not be read. Its record would say that all places are there, and they are not: there will be none."""
        self._spoilt.add(label)

    def records(self, picture: str | None, unit: Unit, orientation: Orientation) -> Iterator[Points]:
        """One for each label none of whose marks was spoilt."""
        for label, points in self._points.items():
            if label in self._spoilt:
                continue
            width, height = self._sizes[label] or (None, None)
            yield Points(
                image_url=picture, label=label, points=tuple(Point(x, y) for x, y in points), unit=unit,
                orientation=orientation, image_width_px=width, image_height_px=height,
            )  # fmt: skip


@dataclass
class Beside:
    """A record that travelled beside its marks, and the marks and the text that were found for it."""

    told: Any  # Any: JSON of unknown origin
    points: list[Pair] = field(default_factory=list)
    text: str | None = None
    size: Size | None = None
    spoilt: bool = False

    @property
    def kind(self) -> object:
        """The kind of record it says it is."""
        return self.told.get("record") if isinstance(self.told, dict) else None

    @property
    def label(self) -> object:
        """What its points are on."""
        return self.told.get("label") if isinstance(self.told, dict) else None


def those_beside(told: object) -> list[Beside]:
    """The records of a file's list of them; none where there is no list."""
    return [Beside(one) for one in told] if isinstance(told, list) else []


def owner(number: int | None, label: str, held: Sequence[Beside]) -> Beside | None:
    """The record a mark belongs to: the one it was written for, unless it has another label now; else the first with its label."""
    if number is not None and 0 <= number < len(held) and held[number].label == label:
        return held[number]
    return next((one for one in held if one.label == label), None)
