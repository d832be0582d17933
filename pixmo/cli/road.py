"""The road as a recipe: what `pixmo download` runs, for the command line and for Python alike."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pixmo.catalog.load import Entry, entry, entry_of_hub, names
from pixmo.errors import BadSetting, UnknownSetting
from pixmo.run.recipe import Recipe, Step, load_stage

MEDIA = ("url", "embedded", "none")
HEAD = ("url_column", "sha256_column", "splits", "format", "shard_size")
INPUT = ("config", "split", "revision", "limit", "pictures", "record", "unit", "orientation", "fields", "grouped")
STAGES = ("download", "inspect_image", "hash_image", "find_duplicates", "find_leaks", "fold_outcome", "select")
NONE = "none"


@dataclass(frozen=True)
class Shape:
    """Which stages the road has and which rows it keeps; settings of the road as a whole."""

    decode: bool = True  # look at the pictures; else bytes are taken as they come
    drop_duplicates: bool = False  # keep one row per picture
    keep_other_splits: bool = False  # keep a training row whose picture stands in another split too
    keep_leaks: bool = False  # keep a row whose picture stands in a held-out set; it is marked all the same


def road(source: str | Sequence[str] | None, name: str = "", media: str = "url", **settings: Any) -> Recipe:
    """The default recipe over a source: fetch, look, hash, find duplicates, fold the outcome, select.

    `media` says where pictures come from: `url` (fetched), `embedded` (in the rows), `none` (annotations only).
    Settings are those of Recipe (`splits`, `format`, …), of the input (`config`, `split`, `revision`, `limit`; `record`,
    `unit`, `orientation`, `fields`, `grouped`), of Shape (`decode`, …) and of the stages (`per_host`, `max_pixels`,
    `hash_policy`, `images`, …). `against` names the held-out sets no picture of which is to be kept; for a set of the
    catalog those its entry names, and ("none",) for none. Raises UnknownSetting for any other.
    """
    if media not in MEDIA:
        raise BadSetting(f"media {media!r} is none of {', '.join(MEDIA)}")
    head, inputs, shape, told = parted(source, settings, INPUT)
    steps = tuple(_steps(media, shape, bool(head["splits"]), told))
    _check_all_used(told)
    given = source if source is None or isinstance(source, str) else tuple(source)
    return Recipe(name or name_of(given), steps, given, source=inputs, **head)


def parted(
    source: str | Sequence[str] | None, settings: Mapping[str, Any], of_input: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any], Shape, dict[str, Any]]:  # Any: settings
    """Settings of the recipe, of its input, of the road as a whole, and of stages; those that are None are left out."""
    told = {k: v for k, v in settings.items() if v is not None}
    head = {k: told.pop(k) for k in HEAD if k in told}
    head["splits"] = tuple(head.get("splits", ()))
    inputs = {k: told.pop(k) for k in of_input if k in told}
    shape = Shape(**{f.name: told.pop(f.name) for f in fields(Shape) if f.name in told})
    told["against"] = _held_out(source, inputs, told.get("against"))
    return head, inputs, shape, told


def _held_out(
    source: str | Sequence[str] | None, inputs: Mapping[str, Any], given: Any
) -> tuple[str, ...]:  # Any: settings
    """The sets whose pictures are not to be trained on: as given, else what the catalog says of the source; `none` is none."""
    if given:
        return tuple(name for name in given if name != NONE)
    known = known_set(source)
    return known.held_out(inputs.get("split")) if known else ()


def known_set(source: str | Sequence[str] | None) -> Entry | None:
    """What the catalog knows of a source, by its short name or its name on the Hub."""
    if isinstance(source, str):
        return entry(source) if source in names() else entry_of_hub(source)
    return known_set(source[0]) if source and len(source) == 1 else None


def name_of(source: str | Sequence[str] | None) -> str:
    """What a recipe over this source is called: the file, folder or set without its suffixes."""
    first = source if isinstance(source, str) else source[0] if source else ""
    last = first.rstrip("/").rpartition("/")[2].partition("?")[0]
    return "".join(c for c in last.split(".")[0] if c.isalnum() or c in "-_") or "pixmo"


def known_settings() -> list[str]:
    """Every setting `road` takes."""
    of_stages = (f.name for use in STAGES for f in fields(load_stage(use, {})))
    return [*HEAD, *INPUT, *(f.name for f in fields(Shape)), *of_stages]


def fitting(media: str, settings: Mapping[str, Any]) -> dict[str, Any]:  # Any: settings
    """Of the settings, those that a road of such media can use: for doing several sets in one go."""
    shown = [
        step.use for step in _steps(media, Shape(**{k: settings[k] for k in ("decode",) if k in settings}), False, {})
    ]
    usable = {f.name for use in shown for f in fields(load_stage(use, {}))} if media != "none" else set()
    return {k: v for k, v in settings.items() if k in usable or k in (*HEAD, *INPUT, *Shape.__dataclass_fields__)}


def _check_all_used(left: dict[str, Any]) -> None:
    for key in left:
        known = known_settings()
        if key not in known:
            raise UnknownSetting("the road", key, known)
        raise BadSetting(f"{key!r} sets a stage that this road does not have; leave it out")


def _steps(media: str, shape: Shape, has_splits: bool, told: dict[str, Any]) -> Iterator[Step]:
    """The stages; takes their settings out of `told`."""
    if media == "none":
        told.pop("images", None)
        told.pop("against", None)
        yield step_of("select", {"where": (), "images": False})
        return
    clauses = yield from picture_steps(media, shape, has_splits, told)
    told.setdefault("where", clauses)
    yield step_of("select", told)


def picture_steps(
    media: str, shape: Shape, has_splits: bool, told: dict[str, Any]
) -> Generator[Step, None, tuple[str, ...]]:
    """From a picture's address, or its bytes, to its outcome; returns the clauses that a good picture meets.

    Takes the settings of its stages out of `told`.
    """
    if shape.drop_duplicates and not shape.decode:
        raise BadSetting("duplicates are found by looking at pictures: give either --no-decode or --drop-duplicates")
    against = told.pop("against", ())
    radius = {"radius": told["radius"]} if "radius" in told else {}
    yield step_of("download" if media == "url" else "unpack_pictures", told)
    if shape.decode:
        yield step_of("inspect_image", told, "fetched")
        yield step_of("hash_image", told, "image_ok")
        yield step_of("find_duplicates", told)
    if against:
        yield step_of("find_leaks", {"against": against} | radius)
    yield step_of("fold_outcome", told)
    clauses = ["ok"]
    clauses += ["not is_duplicate"] if shape.drop_duplicates else []
    clauses += ["not in_other_split"] if shape.decode and has_splits and not shape.keep_other_splits else []
    clauses += ["not is_leak"] if against and not shape.keep_leaks else []
    return tuple(clauses)


def step_of(use: str, told: dict[str, Any], when: str | None = None) -> Step:
    """A stage with those of the settings that are its own; they are taken out of `told`."""
    known = [f.name for f in fields(load_stage(use, {}))]
    return Step(use, load_stage(use, {k: told.pop(k) for k in known if k in told}), when)
