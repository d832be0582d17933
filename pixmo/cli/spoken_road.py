"""The road from recordings to captions as a recipe: what `pixmo caption` runs, for the command line and for Python alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pixmo.cli.road import HEAD, Shape, name_of, parted, picture_steps, step_of
from pixmo.errors import BadSetting, UnknownSetting
from pixmo.run.recipe import Recipe, Step, load_stage

PICTURES = ("download", "inspect_image", "hash_image", "find_duplicates", "find_leaks", "fold_outcome")
SOUND = ("listen", "find_repeated_recordings", "check_recording", "transcribe", "transcribe_again", "check_transcript")
CAPTION = ("write_caption", "check_caption")
INPUT = ("limit", "pictures_in", "image_column", "audio_column", "config", "split", "revision")
HEARD = ("recorded", "told")


def spoken_road(
    source: str | None, media: str = "embedded", heard: str = "recorded", name: str = "", **settings: Any
) -> Recipe:
    """The recipe from what people said of pictures to one dense caption each.

    `media` says where pictures come from: `embedded` (files beside the recordings), `url` (fetched), `none` (addresses stay as they
    are). `heard` is `recorded` for recordings, `told` for rows that have transcripts already. Settings are those of Recipe, of the
    input, of Shape and of the stages. Raises UnknownSetting for any other.
    """
    if heard not in HEARD:
        raise BadSetting(f"heard {heard!r} is none of {', '.join(HEARD)}")
    head, inputs, shape, told = parted(source, settings, INPUT)
    steps = tuple(_steps(media, heard, shape, bool(head["splits"]), told))
    if any(key.startswith("second_") for key in told):
        raise BadSetting("a second engine is asked where --second-engine names one")
    for key in told:
        raise _unused(key)
    by = [step.stage.fingerprint for step in steps if step.use in ("transcribe", "transcribe_again")]
    if len(by) > len(set(by)):
        raise BadSetting(
            f"the second engine is the first ({by[0]}): it could not disagree; name another with --second-engine"
        )
    return Recipe(name or name_of(source), steps, source, source={"recordings": True, **inputs}, **head)


def _steps(media: str, heard: str, shape: Shape, has_splits: bool, told: dict[str, Any]) -> Iterator[Step]:
    """The stages; takes their settings out of `told`."""
    clauses: tuple[str, ...] = ()
    if media == "none":
        told.pop("against", None)
        told["images"] = False
    else:
        clauses = yield from picture_steps(media, shape, has_splits, told)
    for use in (*(SOUND if heard == "recorded" else ()), *CAPTION):
        if use != "transcribe_again" or "second_engine" in told:
            yield step_of(use, told)
    told.setdefault("where", (*clauses, "caption_ok"))
    told.setdefault("apart", True)
    yield step_of("select", told)


def known_settings() -> list[str]:
    """Every setting `spoken_road` takes."""
    of_stages = (f.name for use in (*PICTURES, *SOUND, *CAPTION, "select") for f in fields(load_stage(use, {})))
    return [*HEAD, *INPUT, *(f.name for f in fields(Shape)), *of_stages]


def _unused(key: str) -> BadSetting | UnknownSetting:
    known = known_settings()
    if key not in known:
        return UnknownSetting("the road from speech", key, known)
    return BadSetting(f"{key!r} sets a stage that this road does not have; leave it out")
