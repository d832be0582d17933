"""CVAT's XML, version 1.1, for images.

Coordinates are pixels of the image's `width` × `height`, from the upper left corner (docs.cvat.ai, XML annotation format). Whether
pictures were turned upright by their EXIF data depends on CVAT's release: files do not tell it. CVAT itself exports two decimals.

The file is parsed as it is read and never held. A document type is refused before anything in it counts: CVAT writes none, and entities
are how such files attack.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from pixmo.dataset.convert.carry import Marks, marks_of, points_lost, refused, size_told
from pixmo.dataset.convert.gathered import Gathered
from pixmo.dataset.convert.items import Item, Loss, Pair, Settings, Size, short
from pixmo.dataset.convert.spool import by_picture
from pixmo.errors import BadSource
from pixmo.records.places import Orientation, Unit

CHUNK_BYTES = 2**20
DEEPEST = 16
_SHAPES = {"box", "polygon", "polyline", "cuboid", "ellipse", "mask", "skeleton", "tag"}
_NUMBER = re.compile(r"\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+|inf|nan)(?:[eE][-+]?\d+)?\s*", re.IGNORECASE)
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_USUAL = {
    "occluded": ("0", None),
    "outside": ("0", None),
    "z_order": ("0", None),
    "source": ("manual", "file", "", None),
    "group_id": (None,),
}


def read(path: Path, told: Settings) -> Iterator[Item | Loss]:
    """The points of each image. Raises BadSource for what is no XML, no CVAT, or has a document type."""
    reader = _Reader(str(path), told)
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                reader.feed(chunk)
                yield from reader.taken()
        reader.feed(b"", is_last=True)
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {error.strerror}") from error
    yield from reader.taken()


class _Reader:
    """What the parser tells, as items and losses."""

    def __init__(self, name: str, told: Settings) -> None:
        self._name, self._told = name, told
        self._found: deque[Item | Loss] = deque()
        self._path: list[str] = []
        self._text: list[str] = []
        self._image: _Image | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, data: bytes, *, is_last: bool = False) -> None:
        """The next part of the file."""
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            raise BadSource(f"{self._name}:{error.lineno}: is not XML: {expat.ErrorString(error.code)}") from None

    def taken(self) -> Iterator[Item | Loss]:
        """What was found since."""
        while self._found:
            yield self._found.popleft()

    def _doctype(self, *_: object) -> NoReturn:
        self._fail("has a document type (<!DOCTYPE), which CVAT never writes; take it out if you trust the file")

    def _fail(self, what: str) -> NoReturn:
        raise BadSource(f"{self._name}:{self._parser.CurrentLineNumber}: {what}")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path and tag != "annotations":
            self._fail(f"is XML of <{tag[:40]}>, not CVAT's <annotations>")
        if len(self._path) >= DEEPEST:
            self._fail("is nested too deeply")
        self._path.append(tag)
        self._text.clear()
        inside = self._path[1:-1]
        if tag == "image" and not inside:
            self._image = _Image(
                attributes, f"image {attributes.get('id', '')[:20]} (line {self._parser.CurrentLineNumber})"
            )
            self._found.extend(self._image.begun())
        elif tag == "track" and not inside:
            self._found.append(
                Loss("unsupported", f"line {self._parser.CurrentLineNumber}", "track", "a track of a video")
            )
        elif self._image is not None and inside == ["image"]:
            self._found.extend(self._image.shape(tag, attributes))
        elif self._image is not None and inside[:1] == ["image"] and tag == "attribute":
            self._image.attribute(self._found, inside[-1], attributes)

    def _characters(self, text: str) -> None:
        if self._path == ["annotations", "version"]:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        if self._path == ["annotations", "version"] and "".join(self._text).strip() not in ("1.0", "1.1"):
            self._fail(f"is of version {short(''.join(self._text).strip())}, not 1.1")
        if self._path == ["annotations", "image"] and self._image is not None:
            self._found.extend(self._image.ended(self._told))
            self._image = None
        self._path.pop()


class _Image:
    """One image on its way."""

    def __init__(self, attributes: dict[str, str], where: str) -> None:
        self._attributes, self._where = attributes, where
        self._name = attributes.get("name")
        self._size = _size(attributes)
        self._new = Gathered()
        self._shapes = 0

    def _loss(self, reason: str, path: str, detail: str) -> Loss:
        return Loss(reason, self._where, path, detail, self._name)

    def begun(self) -> Iterator[Loss]:
        """What is lost of the image itself."""
        if self._name is None:
            yield self._loss("no_picture", "name", "")
        for key in sorted(set(self._attributes) - {"id", "name", "width", "height", "task_id"}):
            yield self._loss("no_place", key, short(self._attributes[key]))

    def shape(self, tag: str, attributes: dict[str, str]) -> Iterator[Loss]:
        """One annotation."""
        self._shapes += 1
        label = attributes.get("label")
        if tag != "points":
            yield self._loss("unsupported" if tag in _SHAPES else "unreadable", tag[:40], short(label))
            return
        if label is None or self._name is None:
            yield self._loss("unreadable", "points", "without a label" if label is None else "without an image")
            return
        for key, usual in _USUAL.items():
            if attributes.get(key) not in usual:
                yield self._loss("no_place", f"points.{key}", short(attributes[key]))
        points = _points(attributes.get("points", ""))
        if points is None:
            yield self._loss("unreadable", "points", short(attributes.get("points")))
            self._new.spoil(label)
            return
        for point in points:
            self._new.add(label, point, self._size)

    def attribute(self, found: deque[Item | Loss], tag: str, attributes: dict[str, str]) -> None:
        """A value the user gave a shape."""
        if tag == "points":
            found.append(self._loss("no_place", "points.attribute", short(attributes.get("name"))))

    def ended(self, told: Settings) -> Iterator[Item | Loss]:
        """Its records."""
        for record in self._new.records(self._name, Unit.PIXELS, told.orientation or Orientation.UNKNOWN):
            yield Item(self._where, record)
        if not self._shapes and self._name is not None:
            yield self._loss("nothing_said", "", "")


def _size(attributes: dict[str, str]) -> Size | None:
    sides = [attributes.get(name, "") for name in ("width", "height")]
    return (
        size_told(*(int(s) for s in sides)) if all(s.isascii() and s.isdigit() and len(s) < 10 for s in sides) else None
    )


def _points(text: str) -> list[Pair] | None:
    """`x,y;x,y`; None where it is anything else."""
    pairs = [pair.split(",") for pair in text.split(";")]
    if any(len(pair) != 2 or not all(_NUMBER.fullmatch(v) for v in pair) for pair in pairs):
        return None
    return [(float(x), float(y)) for x, y in pairs]


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes one file, an image for each picture; gives what could not be carried."""
    with out.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
        number = 0
        for picture in by_picture(items):
            fit: list[Marks] = []
            for item in picture:
                found = _fit(item, fit)
                if isinstance(found, Loss):
                    yield found
                    continue
                if any(found.label == other.label for other in fit):
                    yield item.loss("merged", "label", found.label)
                fit.append(found)
                yield from points_lost(item, Unit.PIXELS)
            if fit:
                file.write(_image(number, str(picture[0].picture), fit))
                number += 1
        file.write("</annotations>\n")


def _fit(item: Item, others: list[Marks]) -> Marks | Loss:
    found = marks_of(item, Unit.PIXELS, needs_size=True)
    if isinstance(found, Loss):
        return found
    loss = refused(item)
    for text in (str(item.picture), found.label):
        if wrong := _NOT_XML.search(text):
            loss = loss or item.loss("cannot_hold", "label", f"{wrong[0]!r}, which XML cannot hold")
    if not found.points:
        loss = loss or item.loss("no_points", "points", found.label)
    if others and others[0].size_px != found.size_px:
        loss = loss or item.loss("sizes_differ", "image_width_px", f"{found.size_px}, but {others[0].size_px}")
    return loss or found


def _image(number: int, name: str, marks: list[Marks]) -> str:
    width, height = marks[0].size_px or (0, 0)
    lines = [f'  <image id="{number}" name={quoteattr(name)} width="{width}" height="{height}">']
    for one in marks:
        points = ";".join(f"{x!r},{y!r}" for x, y in one.points)
        lines.append(
            f'    <points label={quoteattr(one.label)} source="manual" occluded="0" points="{points}" z_order="0">\n    </points>'
        )
    return "\n".join([*lines, "  </image>\n"])
