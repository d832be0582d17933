"""The formats there are: how each is read and written, and how a file shows of which it is."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.dataset.convert.items import Item, Loss, Settings
from pixmo.dataset.convert.json_text import JsonText
from pixmo.errors import BadSetting, BadSource, UnknownName, UnknownSetting
from pixmo.records.places import Orientation, Unit

Read = Callable[[Path, Settings], Iterator[Item | Loss]]
Write = Callable[[Iterable[Item], Path, Settings], Iterator[Loss]]


class Format(NamedTuple):
    """`reader` and `writer` are modules of this room with `read` and `write`. `settings` are those it heeds, reading and writing."""

    what: str
    reader: str | None
    writer: str | None
    read_settings: tuple[str, ...] = ()
    write_settings: tuple[str, ...] = ()
    needs_sizes: bool = False  # pictures beside records are looked at for theirs
    file: str | None = None  # written into OUT by this name where OUT has no suffix
    is_folder: bool = False


FORMATS: dict[str, Format] = {
    "parquet": Format(
        "typed rows in Parquet or Arrow files or a finished folder", "parquet", "parquet",
        ("record", "unit", "orientation"), ("record",),
    ),
    "jsonl": Format("typed rows, one JSON object a line", "lines", "lines", ("record",)),
    "csv": Format("a table of one kind of records", "table", "table", ("record", "unit", "orientation"), ("record",)),
    "label-studio": Format(
        "Label Studio's JSON and JSON-MIN", "label_studio", "label_studio_write",
        ("orientation", "image", "caption", "question", "answer"),
    ),
    "coco": Format(
        "COCO captions; keypoints with --keypoints-lossy", "coco", "coco", ("orientation", "keypoints_lossy"),
        ("keypoints_lossy",), needs_sizes=True,
    ),
    "labelme": Format("a folder of LabelMe's JSON files", "labelme", "labelme", ("orientation",), needs_sizes=True, is_folder=True),
    "cvat": Format("CVAT for images 1.1, XML", "cvat", "cvat", ("orientation",), needs_sizes=True),
    "fiftyone": Format(
        "FiftyOne's samples.json", "fiftyone", "fiftyone", ("orientation", "keypoints", "caption"), needs_sizes=True,
        file="samples.json",
    ),
    "molmo": Format("Molmo's training messages, JSON lines", None, "molmo", (), ("prompts", "seed"), needs_sizes=True),
}  # fmt: skip

_TOP_LEVEL = {"samples": "fiftyone", "shapes": "labelme", "annotations": "label-studio", "images": "coco"}


def format_named(name: str) -> Format:
    """A format. Raises UnknownName."""
    if name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    return FORMATS[name]


def reader_of(name: str, target: Format) -> Read:
    """What reads a format. Raises BadSetting for one that is only written."""
    module = format_named(name).reader
    if module is None:
        raise BadSetting(f"--from {name}: is written, not read; what a text leaves out does not come back")
    read: Any = importlib.import_module(f"pixmo.dataset.convert.{module}").read  # Any: a module's attribute
    if module == "parquet" and target.needs_sizes:
        return lambda path, told: read(path, told, sizes=True)
    found: Read = read
    return found


def writer_of(name: str) -> Write:
    """What writes a format."""
    module = format_named(name).writer
    found: Write = importlib.import_module(f"pixmo.dataset.convert.{module}").write
    return found


def settings_of(told: Mapping[str, str], source: str, target: str, *, keypoints_lossy: bool = False) -> Settings:
    """The settings of `--set key=value`. Raises UnknownSetting, and BadSetting for one that neither format heeds."""
    heeded = {*FORMATS[source].read_settings, *FORMATS[target].write_settings}
    names = [f.name for f in fields(Settings) if f.name != "keypoints_lossy"]
    values: dict[str, Any] = {}  # Any: setting values
    for key, value in told.items():
        if key not in names:
            raise UnknownSetting("convert", key, names)
        if key not in heeded:
            able = sorted(heeded - {"keypoints_lossy"})
            raise BadSetting(
                f"--set {key}: is not heeded from {source} to {target}; {', '.join(able) or 'nothing'} can be set"
            )
        values[key] = _value(key, value)
    if keypoints_lossy and "coco" not in (source, target):
        raise BadSetting("--keypoints-lossy: is for COCO only")
    return replace(Settings(), **values, keypoints_lossy=keypoints_lossy)


def _value(key: str, value: str) -> Any:  # Any: a setting's value
    kinds: dict[str, type[Any]] = {"unit": Unit, "orientation": Orientation, "seed": int}
    try:
        return kinds[key](value) if key in kinds else value
    except ValueError:
        named: type[Unit | Orientation] = Orientation if key == "orientation" else Unit
        options = "a whole number" if key == "seed" else f"one of {', '.join(str(v) for v in named)}"
        raise BadSetting(f"--set {key}={value}: should be {options}") from None


def format_of(path: Path) -> str:
    """The format of a file or folder, by its name and what is in it. Raises BadSource where that does not tell."""
    if not path.exists():
        raise BadSource(f"{path}: no such file or folder")
    if path.is_dir():
        return _of_folder(path)
    suffix = path.suffix.lower()
    known = {
        ".parquet": "parquet",
        ".arrow": "parquet",
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
        ".csv": "csv",
        ".xml": "cvat",
    }
    if suffix in known:
        return known[suffix]
    if suffix == ".json":
        return _of_json(path)
    raise _untold(path, f"a name that ends in {suffix or 'nothing'} does not tell it")


def _of_folder(path: Path) -> str:
    if (path / "samples.json").is_file():
        return "fiftyone"
    if (path / "manifest.json").is_file() or (path / ".pixmo").is_dir():
        return "parquet"
    suffixes = {p.suffix.lower() for p in path.rglob("*") if p.is_file()}
    found = [name for name, ends in (("labelme", {".json"}), ("parquet", {".parquet", ".arrow"})) if ends & suffixes]
    if len(found) != 1:
        raise _untold(
            path, f"the folder could be {' or '.join(found)}" if found else "the folder has no file that tells it"
        )
    if found == ["labelme"]:
        first = min(path.glob("*.json"), default=None)
        if first is None or _of_json(first) != "labelme":
            raise _untold(path, "its .json files are not LabelMe's; name one of them")
    return found[0]


def _of_json(path: Path) -> str:
    text = JsonText(path)
    if text.is_array:
        keys = {k for e in islice(text.elements(), 1) if isinstance(e.value, dict) for k in e.value}
        if keys & {"data", "annotations", "completions", "predictions"} or {"annotation_id", "annotator"} <= keys:
            return "label-studio"
        raise _untold(path, "its array holds no tasks of Label Studio")
    found = {str(e.key) for e in text.elements()} if text.is_object else set()
    if {"images", "annotations"} <= found:
        return "coco"
    names = {_TOP_LEVEL[k] for k in found & set(_TOP_LEVEL)} - {"coco"}
    if len(names) == 1:
        return names.pop()
    raise _untold(
        path, f"it could be {' or '.join(sorted(names))}" if names else "its keys are those of no format known here"
    )


def _untold(path: Path, why: str) -> BadSource:
    return BadSource(f"{path}: of which format it is cannot be told ({why}); say it: --from {' | '.join(FORMATS)}")
