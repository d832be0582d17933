"""COCO's JSON: captions, and keypoints where they are asked for.

Coordinates are pixels of `width` × `height`, 0-indexed from the upper left corner; a keypoint is (x, y, v), with v 0 where it is not
labelled, 1 where it is hidden, 2 where it is seen (cocodataset.org, data format). Which way up a picture is, COCO does not say.

A keypoint of COCO is a part of one object with a skeleton, a point of ours is a thing. Each point is written as an object of its own,
whose category is the label and whose skeleton has one keypoint; read, all keypoints of a name in a picture become one record.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import IO, Any, NamedTuple

from pixmo.dataset.convert.carry import marks_of, no_place, number_of, points_lost, refused, size_told
from pixmo.dataset.convert.gathered import Gathered
from pixmo.dataset.convert.items import Item, Loss, Pair, Settings, Size, short
from pixmo.dataset.convert.json_text import JsonText
from pixmo.errors import BadRecord, BadSetting, BadSource
from pixmo.records.caption import Caption
from pixmo.records.count import Count
from pixmo.records.places import Orientation, Unit
from pixmo.records.points import Points
from pixmo.storage.publish import disk_errors

_URLS = ("coco_url", "flickr_url", "file_name")  # in this order whichever there is

Id = int | str
Json = dict[str, Any]  # Any: JSON


class _Image(NamedTuple):
    url: str
    size: Size | None


class _Heads(NamedTuple):
    """Images by id, and the names of the keypoints of each category."""

    images: dict[Id, _Image]
    names: dict[Id, list[str]]


def read(path: Path, told: Settings) -> Iterator[Item | Loss]:
    """The captions, and with `keypoints_lossy` the keypoints. Raises BadSource for what is no COCO file."""
    text = JsonText(path)
    if not text.is_object:
        raise BadSource(f"{path}: is not COCO: no object with images and annotations")
    heads = yield from _heads(text)
    said: set[Id] = set()
    new: dict[Id, Gathered] = {}
    for element in text.elements():
        if element.key == "annotations" and element.at is not None:
            one = element.value
            if isinstance(one, dict) and isinstance(one.get("image_id"), int | str):
                said.add(one["image_id"])
            yield from _annotation(one, element.where, heads, new, told)
    for image_id, marks in new.items():
        here = heads.images[image_id]
        for record in marks.records(here.url, Unit.PIXELS, told.orientation or Orientation.UNKNOWN):
            yield Item(f"image {image_id}", record)
    for image_id, image in heads.images.items():
        if image_id not in said:
            yield Loss("nothing_said", f"image {image_id}", "", "", image.url)


def _heads(text: JsonText) -> Generator[Loss, None, _Heads]:
    """What annotations refer to, found before any of them is read."""
    found, keys = _Heads({}, {}), set()
    for element in text.elements():
        keys.add(element.key)
        one = element.value
        if element.at is None or element.key not in ("images", "categories"):
            continue
        if not isinstance(one, dict) or not isinstance(one.get("id"), int | str):
            yield Loss("unreadable", element.where, "id", f"{short(one)}, should be an object with an id")
        elif element.key == "categories":
            found.names[one["id"]] = _keypoint_names(one)
        else:
            yield from _image(one, element.where, found.images)
    if "images" not in keys or "annotations" not in keys:
        raise BadSource(f"{text.name}: is not COCO: it has no images and annotations")
    return found


def _image(one: Json, where: str, images: dict[Id, _Image]) -> Iterator[Loss]:
    key = next((k for k in _URLS if isinstance(one.get(k), str)), None)
    if key is None:
        yield Loss("no_picture", where, "file_name", short(one.get("file_name")))
        return
    images[one["id"]] = _Image(one[key], size_told(one.get("width"), one.get("height")))
    rest = sorted(k for k in set(one) - {"id", "width", "height", key} if one[k] and one[k] != one[key])
    if rest:
        yield Loss("bookkeeping", where, "", ", ".join(rest)[:200], one[key])


def _keypoint_names(category: Json) -> list[str]:
    """A label for each keypoint: its name, after the category's where that is another one."""
    told, name = category.get("keypoints"), category.get("name")
    return [str(k) if k == name else f"{name} {k}" for k in told] if isinstance(told, list) else []


def _annotation(
    one: Any, where: str, heads: _Heads, new: dict[Id, Gathered], told: Settings
) -> Iterator[Item | Loss]:  # Any: JSON
    image = (
        heads.images.get(one["image_id"])
        if isinstance(one, dict) and isinstance(one.get("image_id"), int | str)
        else None
    )
    if image is None:
        yield Loss("no_picture", where, "image_id", short(one.get("image_id") if isinstance(one, dict) else one))
    elif "caption" in one:
        if isinstance(one["caption"], str):
            yield Item(where, Caption(image_url=image.url, caption=one["caption"], transcripts=()))
        else:
            yield Loss("unreadable", where, "caption", f"{short(one['caption'])}, should be text", image.url)
    elif "keypoints" not in one:
        yield Loss("unsupported", where, "", f"an object with {', '.join(sorted(one))[:100]}", image.url)
    elif not told.keypoints_lossy:
        yield Loss("keypoints_not_asked", where, "keypoints", "", image.url)
    else:
        names = heads.names.get(one.get("category_id") if isinstance(one.get("category_id"), int | str) else -1, [])
        yield from _keypoints(one, where, image, names, new.setdefault(one["image_id"], Gathered()))


def _keypoints(one: Json, where: str, image: _Image, names: list[str], new: Gathered) -> Iterator[Loss]:
    told = one["keypoints"]
    if not isinstance(told, list) or len(told) != 3 * len(names) or not names:
        yield Loss(
            "unreadable",
            where,
            "keypoints",
            f"{short(told)}, should be three numbers for each of {len(names)}",
            image.url,
        )
        for name in names:
            new.spoil(name)
        return
    if len(names) > 1:
        yield Loss("merged", where, "keypoints", "which keypoints belong to one object", image.url)
    if one.get("segmentation") or one.get("area"):
        yield Loss("no_place", where, "segmentation", short(one.get("segmentation")), image.url)
    for i, name in enumerate(names):
        x, y, seen = told[3 * i : 3 * i + 3]
        if seen not in (0, 1, 2):
            yield Loss("unreadable", where, f"keypoints[{3 * i + 2}]", f"{short(seen)}, should be 0, 1 or 2", image.url)
            new.spoil(name)
        elif seen:
            if seen == 1:
                yield Loss("no_place", where, f"keypoints[{3 * i + 2}]", "hidden", image.url)
            try:
                new.add(name, (number_of(x), number_of(y)), image.size)
            except BadRecord as error:
                yield Loss("unreadable", where, f"keypoints[{3 * i}]", str(error), image.url)
                new.spoil(name)


class _Written:
    """Images and categories as they come up, each with its number."""

    def __init__(self) -> None:
        self.images: dict[str, tuple[int, Size | None]] = {}
        self.categories: dict[str, int] = {}
        self.labels: set[tuple[int, int]] = set()

    def image(self, item: Item, size: Size | None) -> int | Loss:
        """The number of an item's image; a loss where it is there with another size."""
        number, there = self.images.setdefault(str(item.picture), (len(self.images) + 1, size))
        if size is not None and there is None:
            self.images[str(item.picture)] = (number, size)
        elif size is not None and there != size:
            return item.loss("sizes_differ", "image_width_px", f"{size}, but {there}")
        return number

    def category(self, label: str) -> int:
        """The number of a label's category."""
        return self.categories.setdefault(label, len(self.categories) + 1)


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes one file; gives what could not be carried. Raises BadSetting for points that were not asked for as keypoints."""
    written, ids = _Written(), count(1)
    with disk_errors(out), tempfile.TemporaryFile("w+", encoding="utf-8", dir=out.parent) as annotations:
        for item in items:
            found = _entries(item, written, told)
            if isinstance(found, Loss):
                yield found
                continue
            yield from _not_carried(item, written)
            for one in found:
                annotations.write(json.dumps({"id": next(ids)} | one, ensure_ascii=False, allow_nan=False) + "\n")
        annotations.seek(0)
        with out.open("w", encoding="utf-8", newline="\n") as file:
            _whole(file, written, annotations)


def _entries(item: Item, written: _Written, told: Settings) -> list[Json] | Loss:
    record = item.record
    if isinstance(record, Points | Count) and not told.keypoints_lossy:
        raise BadSetting(
            f"--to coco: {item.where} has points, and COCO's keypoints hold them with losses; --keypoints-lossy writes them all the same"
        )
    loss = None if isinstance(record, Points | Count | Caption) else item.loss("other_kind", "", record.KIND)
    loss = loss or refused(item)
    if loss is not None:
        return loss
    if isinstance(record, Caption):
        number = written.image(item, None)
        return number if isinstance(number, Loss) else [{"image_id": number, "caption": record.caption}]
    marks = marks_of(item, Unit.PIXELS)
    if isinstance(marks, Loss):
        return marks
    if not marks.points:
        return item.loss("no_points", "points", marks.label)
    number = written.image(item, marks.size_px)
    return (
        number
        if isinstance(number, Loss)
        else [_keypoint(number, written.category(marks.label), p) for p in marks.points]
    )


def _keypoint(image: int, category: int, point: Pair) -> Json:
    x, y = point
    return {
        "image_id": image, "category_id": category, "keypoints": [x, y, 2], "num_keypoints": 1, "bbox": [x, y, 0, 0], "area": 0,
        "iscrowd": 0,
    }  # fmt: skip


def _not_carried(item: Item, written: _Written) -> Iterator[Loss]:
    record = item.record
    if isinstance(record, Caption):
        yield from no_place(item, ("image_url", "caption"))
        return
    assert isinstance(record, Points | Count)
    place = (written.images[str(item.picture)][0], written.categories[record.label])
    if place in written.labels:
        yield item.loss("merged", "label", record.label)
    written.labels.add(place)
    yield from points_lost(item, Unit.PIXELS)


def _whole(file: IO[str], written: _Written, annotations: Iterable[str]) -> None:
    images = ({"id": n, "file_name": url, "coco_url": url} | _sides(size) for url, (n, size) in written.images.items())
    categories = (
        {"id": n, "name": label, "supercategory": "", "keypoints": [label], "skeleton": []}
        for label, n in written.categories.items()
    )
    parts = {
        "images": (json.dumps(one, ensure_ascii=False) for one in images),
        "annotations": (line.rstrip("\n") for line in annotations),
        "categories": (json.dumps(one, ensure_ascii=False) for one in categories),
    }
    file.write('{"info": {}, "licenses": []')
    for key, lines in parts.items():
        file.write(f',\n"{key}": [')
        for i, line in enumerate(lines):
            file.write(f"{',' if i else ''}\n{line}")
        file.write("]")
    file.write("}\n")


def _sides(size: Size | None) -> Json:
    return {"width": size[0], "height": size[1]} if size else {}
