"""LabelMe's JSON, one file for each picture.

Coordinates are pixels of `imageWidth` × `imageHeight`, from the upper left corner. LabelMe turns pictures upright as their EXIF data
says before it shows them (labelme `LabelFile.load_image_file`), so its points are of the upright picture. `imagePath` is text here: no
file it names is ever opened, and `imageData` is not decoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.dataset.convert.carry import KEY, Marks, Native, beside, marks_of, pair_of, refused, restored, size_told
from pixmo.dataset.convert.gathered import Beside, Gathered, owner, those_beside
from pixmo.dataset.convert.items import Item, Loss, Pair, Settings, Size, short
from pixmo.dataset.convert.json_text import JsonText
from pixmo.dataset.convert.spool import by_picture
from pixmo.errors import BadRecord, BadSource
from pixmo.records.places import Orientation, Unit

VERSION = "5.5.0"  # whose files ours are like
_KNOWN = {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth", KEY}
_LONGEST_NAME = 80

Json = dict[str, Any]  # Any: JSON


class _Page(NamedTuple):
    """A file on its way."""

    picture: str
    size: Size | None
    held: list[Beside]
    new: Gathered


def read(path: Path, told: Settings) -> Iterator[Item | Loss]:
    """The records of a file, or of all files of a folder by name. Raises BadSource for what is no LabelMe file."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise BadSource(f"{path}: holds no .json files")
    for file in files:
        content = JsonText(file)
        if not content.is_object:
            raise BadSource(f"{file}: is not a LabelMe file: no object with shapes")
        page = content.value()
        if not isinstance(page.get("shapes"), list):
            raise BadSource(f"{file}: is not a LabelMe file: it has no list of shapes")
        yield from _page(page, file.name, told)


def _page(page: Json, where: str, told: Settings) -> Iterator[Item | Loss]:
    picture = page.get("imagePath")
    if not isinstance(picture, str):
        yield Loss("no_picture", where, "imagePath", short(picture))
        return
    here = _Page(
        picture, size_told(page.get("imageWidth"), page.get("imageHeight")), those_beside(page.get(KEY)), Gathered()
    )
    yield from _around(page, where, picture)
    for i, shape in enumerate(page["shapes"]):
        yield from _shape(shape, f"{where} shapes[{i}]", here)
    for i, one in enumerate(here.held):
        if not one.spoilt:
            yield _restored(one, f"{where} {KEY}[{i}]", here)
    for record in here.new.records(picture, Unit.PIXELS, told.orientation or Orientation.UPRIGHT):
        yield Item(where, record)
    if not page["shapes"] and not here.held:
        yield Loss("nothing_said", where, "shapes", "", picture)


def _around(page: Json, where: str, picture: str) -> Iterator[Loss]:
    if page.get("imageData"):
        yield Loss("no_place", where, "imageData", "the picture's bytes", picture)
    for name in sorted((set(page) - _KNOWN) | {"flags"}):
        if page.get(name):
            yield Loss("no_place", where, name, short(page[name]), picture)


def _restored(one: Beside, where: str, page: _Page) -> Item | Loss:
    try:
        return Item(where, restored(one.told, Native({}, one.points, Unit.PIXELS, page.size)))
    except BadRecord as error:
        return Loss("unreadable", where, "", str(error), page.picture)


def _shape(shape: Any, where: str, page: _Page) -> Iterator[Loss]:  # Any: JSON
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        yield Loss("unreadable", where, "label", f"{short(shape)}, should be a shape with a label", page.picture)
        return
    if shape.get("shape_type") != "point":  # older files without a type mean polygons
        yield Loss("unsupported", where, "shape_type", short(shape.get("shape_type", "polygon")), page.picture)
        return
    label, group = shape["label"], shape.get("group_id")
    its = owner(group if isinstance(group, int) else None, label, page.held)
    for name in sorted(set(shape) - {"label", "points", "shape_type"}):
        if (group is not None and its is None) if name == "group_id" else shape[name]:
            yield Loss("no_place", where, name, short(shape[name]), page.picture)
    try:
        point = _only_point(shape.get("points"))
    except BadRecord as error:
        yield Loss("unreadable", where, "points", str(error), page.picture)
        page.new.spoil(label)
        if its is not None:
            its.spoilt = True
        return
    if its is not None:
        its.points.append(point)
    else:
        page.new.add(label, point, page.size)


def _only_point(told: object) -> Pair:
    if not isinstance(told, list) or len(told) != 1:
        raise BadRecord(f"a point has {short(told)}, should be a list of one point")
    return pair_of(told[0])


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes a file for each picture into a folder; gives what could not be carried."""
    names: set[str] = set()
    for picture in by_picture(items):
        fit: list[tuple[Item, Marks]] = []
        for item in picture:
            found = refused(item) or marks_of(item, Unit.PIXELS, needs_size=True)
            if not isinstance(found, Loss) and fit and fit[0][1].size_px != found.size_px:
                found = item.loss("sizes_differ", "image_width_px", f"{found.size_px}, but {fit[0][1].size_px}")
            if isinstance(found, Loss):
                yield found
                continue
            fit.append((item, found))
            if getattr(item.record, "orientation", None) is Orientation.STORED:
                yield item.loss("orientation", "orientation", "stored")
        if fit:
            page = json.dumps(_written(fit), indent=2, ensure_ascii=False, allow_nan=False)
            (out / _file_name(str(picture[0].picture), names)).write_text(page, encoding="utf-8")


def _written(fit: list[tuple[Item, Marks]]) -> Json:
    shapes: list[Json] = [
        {
            "label": marks.label, "points": [[x, y]], "group_id": i, "description": "", "shape_type": "point", "flags": {},
            "mask": None,
        }
        for i, (_, marks) in enumerate(fit)
        for x, y in marks.points
    ]  # fmt: skip
    size = fit[0][1].size_px or (None, None)
    return {
        "version": VERSION, "flags": {}, "shapes": shapes, "imagePath": fit[0][0].picture, "imageData": None,
        "imageHeight": size[1], "imageWidth": size[0], KEY: [beside(item.record, ("points",), Unit.PIXELS) for item, _ in fit],
    }  # fmt: skip


def _file_name(picture: str, taken: set[str]) -> str:
    """A name of the picture's own last part, of letters any disk takes, that no other file has."""
    last = re.split(r"[/\\]", re.split(r"[?#]", picture)[0])[-1]
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", last.rpartition(".")[0] or last)[:_LONGEST_NAME].strip(".") or "picture"
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.lower())
    return f"{name}.json"
