"""FiftyOne's samples.json, as its FiftyOneDataset export writes it; the package is not needed.

Coordinates are of the unit square, 0 to 1 of width and height (fiftyone.core.labels.Keypoint). A point of NaN is one that is missing.
A Keypoint has all points of its label, so it is a record; several of one label are one record all the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pixmo.dataset.convert.carry import KEY, Native, beside, marks_of, pair_of, refused, restored, size_told
from pixmo.dataset.convert.gathered import Gathered
from pixmo.dataset.convert.items import Item, Loss, Pair, Settings, Size, short
from pixmo.dataset.convert.json_text import JsonText
from pixmo.dataset.convert.spool import by_picture
from pixmo.errors import BadRecord, BadSource
from pixmo.records.caption import Caption
from pixmo.records.count import Count
from pixmo.records.places import Orientation, Unit
from pixmo.records.points import Points

FILE = "samples.json"
KEYPOINTS, CAPTIONS = "ground_truth", "captions"
_INSIDE = {"Keypoints": "keypoints", "Classifications": "classifications"}
_BOOKKEEPING = {"id", "metadata", "created_at", "last_modified_at"}  # and whatever begins with _

Json = dict[str, Any]  # Any: JSON


def read(path: Path, told: Settings) -> Iterator[Item | Loss]:
    """The records of all samples. Raises BadSource for what is no such file, or leaves open which keypoints are meant."""
    file = path / FILE if path.is_dir() else path
    text = JsonText(file)
    is_there = False
    for element in text.elements():
        if element.key == "samples" and element.at is not None:
            is_there = True
            yield from _sample(element.value, f"{file.name} {element.where}", told)
    if not is_there and not (text.is_object and isinstance(text.value().get("samples"), list)):
        raise BadSource(f"{file}: is not FiftyOne's {FILE}: no object with a list of samples")


def _sample(sample: Any, where: str, told: Settings) -> Iterator[Item | Loss]:  # Any: JSON
    if not isinstance(sample, dict):
        yield Loss("unreadable", where, "", f"{short(sample)}, should be a sample")
        return
    picture = sample.get("filepath")
    if not isinstance(picture, str):
        yield Loss("no_picture", where, "filepath", short(picture))
        return
    if sample.get("_media_type", "image") != "image":
        yield Loss("unsupported", where, "_media_type", short(sample["_media_type"]), picture)
        return
    keypoints, captions = _keypoints_field(sample, where, told), told.caption or CAPTIONS
    count = 0
    for name, value in sample.items():
        if name in (keypoints, captions):
            for found in _field(name, value, f"{where}.{name}", sample, told):
                count += 1
                yield found
        elif (
            name != "filepath" and name not in _BOOKKEEPING and not name.startswith("_") and value not in (None, [], {})
        ):
            kind = value.get("_cls") if isinstance(value, dict) else None
            yield Loss("unsupported" if kind else "no_place", where, name, short(kind or value), picture)
    if not count:
        yield Loss("nothing_said", where, "", "", picture)


def _keypoints_field(sample: Json, where: str, told: Settings) -> str:
    """The field whose keypoints are meant: the only one, or the one that is named."""
    there = [n for n, v in sample.items() if isinstance(v, dict) and v.get("_cls") in ("Keypoints", "Keypoint")]
    if told.keypoints is not None:
        return told.keypoints
    if len(there) > 1:
        raise BadSource(f"{where} has keypoints in {', '.join(there)}; say which are meant: --set keypoints={there[0]}")
    return there[0] if there else KEYPOINTS


def _field(name: str, value: Any, where: str, sample: Json, told: Settings) -> Iterator[Item | Loss]:  # Any: JSON
    picture = sample["filepath"]
    if isinstance(value, str | list):  # captions kept as plain text
        for i, one in enumerate([value] if isinstance(value, str) else value):
            if isinstance(one, str):
                yield Item(where, Caption(image_url=picture, caption=one, transcripts=()))
            else:
                yield Loss("unreadable", f"{where}[{i}]", "", f"{short(one)}, should be text", picture)
        return
    kind = value.get("_cls") if isinstance(value, dict) else None
    inside = value.get(_INSIDE[str(kind)]) if kind in _INSIDE else [value]
    if not isinstance(inside, list):
        yield Loss("unreadable", where, _INSIDE[str(kind)], f"{short(inside)}, should be a list", picture)
        return
    size, new = _size(sample), Gathered()
    for i, label in enumerate(inside):
        yield from _label(label, f"{where}[{i}]", picture, size, new)
    for record in new.records(picture, Unit.UNIT_SQUARE, told.orientation or Orientation.UNKNOWN):
        yield Item(where, record)


def _size(sample: Json) -> Size | None:
    told = sample.get("metadata")
    return size_told(told.get("width"), told.get("height")) if isinstance(told, dict) else None


def _label(
    label: Any, where: str, picture: str, size: Size | None, new: Gathered
) -> Iterator[Item | Loss]:  # Any: JSON
    kind = label.get("_cls") if isinstance(label, dict) else None
    name = label.get("label") if isinstance(label, dict) else None
    if kind not in ("Keypoint", "Classification"):
        yield Loss("unsupported", where, "_cls", short(kind), picture)
        return
    if not isinstance(name, str):
        yield Loss("unreadable", where, "label", f"{short(name)}, should be text", picture)
        return
    for key in sorted(set(label) - {"label", "points", KEY}):
        if not key.startswith("_") and key != "id" and label[key] not in (None, [], {}):
            yield Loss("no_place", where, key, short(label[key]), picture)
    try:
        if kind == "Keypoint":
            yield from _keypoint(label, name, where, picture, size, new)
        else:
            yield Item(where, _caption(label, name, picture))
    except BadRecord as error:
        yield Loss("unreadable", where, "", str(error), picture)
        new.spoil(name)


def _keypoint(
    label: Json, name: str, where: str, picture: str, size: Size | None, new: Gathered
) -> Iterator[Item | Loss]:
    told = label.get("points")
    if not isinstance(told, list):
        raise BadRecord(f"points are {short(told)}, should be a list")
    points = [pair_of([_number(v) for v in p] if isinstance(p, list) else p) for p in told]
    there = [p for p in points if not (math.isnan(p[0]) and math.isnan(p[1]))]
    if len(there) < len(points):
        yield Loss("no_place", where, "points", f"{len(points) - len(there)} points marked as missing", picture)
    if KEY in label:
        yield Item(
            where, restored(label[KEY], Native({"image_url": picture, "label": name}, there, Unit.UNIT_SQUARE, size))
        )
    elif not there:
        yield Loss("nothing_said", where, "points", "", picture)
    for point in there if KEY not in label else ():
        new.add(name, point, size)


def _caption(label: Json, text: str, picture: str) -> Any:  # Any: a record
    if KEY in label:
        return restored(label[KEY], Native({"image_url": picture, "caption": text}))
    return Caption(image_url=picture, caption=text, transcripts=())


def _number(told: object) -> object:
    """A number as MongoDB's extended JSON writes those that JSON has not."""
    if isinstance(told, dict) and set(told) == {"$numberDouble"} and isinstance(told["$numberDouble"], str):
        try:
            return float(told["$numberDouble"])
        except ValueError:
            return told
    return told


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes a sample for each picture; gives what could not be carried."""
    comma = '{"samples": ['
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for picture in by_picture(items):
            labels: dict[str, list[Json]] = {KEYPOINTS: [], CAPTIONS: []}
            for item in picture:
                found = _written(item)
                if isinstance(found, Loss):
                    yield found
                else:
                    labels[CAPTIONS if found["_cls"] == "Classification" else KEYPOINTS].append(found)
            if any(labels.values()):
                file.write(
                    f"{comma}\n{json.dumps(_sample_of(picture[0], labels), ensure_ascii=False, allow_nan=False)}"
                )
                comma = ","
        file.write("\n]}\n" if comma == "," else '{"samples": []}\n')


def _written(item: Item) -> Json | Loss:
    record = item.record
    if isinstance(record, Points | Count):
        marks = marks_of(item, Unit.UNIT_SQUARE)
        if isinstance(marks, Loss):
            return marks
        points: list[Pair] = list(marks.points)
        native = ("image_url", "label", "points")
        told = {
            "_cls": "Keypoint",
            "label": marks.label,
            "points": points,
            KEY: beside(record, native, Unit.UNIT_SQUARE),
        }
    elif isinstance(record, Caption):
        told = {
            "_cls": "Classification",
            "label": record.caption,
            KEY: beside(record, ("image_url", "caption"), Unit.UNIT_SQUARE),
        }
    else:
        return item.loss("other_kind", "", record.KIND)
    return refused(item) or told


def _sample_of(item: Item, labels: dict[str, list[Json]]) -> Json:
    fields = {
        KEYPOINTS: {"_cls": "Keypoints", "keypoints": labels[KEYPOINTS]},
        CAPTIONS: {"_cls": "Classifications", "classifications": labels[CAPTIONS]},
    }
    return {"filepath": item.picture, "tags": [], "_media_type": "image"} | {
        n: v for n, v in fields.items() if labels[n]
    }
