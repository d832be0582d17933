"""Recipes: a list of stages with settings, as TOML, as Python, or as a command's options: three steps of one stair."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import re
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from pixmo.errors import BadSetting, UnknownName, UnknownSetting
from pixmo.ids import digest_of
from pixmo.stage import AnyStage, RowStage, fingerprint, is_effort
from pixmo.storage.export.writers import FORMATS


@dataclass(frozen=True)
class Step:
    """A stage in a recipe; `when` is a boolean column, maybe with `not ` before: other rows get nulls."""

    use: str
    stage: AnyStage
    when: str | None = None

    @property
    def name(self) -> str:
        """What its side files are called."""
        return self.use.rpartition(":")[2].rpartition(".")[2].lower()

    @property
    def fingerprint(self) -> str:
        """Of the stage and its `when`."""
        return digest_of([fingerprint(self.stage), self.when])

    @property
    def kind(self) -> str:
        """`select`, `reduce`, `world`, `picture` or `stage`."""
        if hasattr(self.stage, "keep"):
            return "select"
        if isinstance(self.stage, RowStage) and self.stage.takes_picture():
            return "picture"
        call = type(self.stage).__call__
        if inspect.iscoroutinefunction(call):
            return "world"
        return "reduce" if "batches" in inspect.signature(call).parameters else "stage"


@dataclass(frozen=True)
class Recipe:
    """What a run makes of its rows."""

    name: str
    steps: tuple[Step, ...]
    input: str | tuple[str, ...] | None = None  # several files are one list
    url_column: str | None = None
    sha256_column: str | None = None
    splits: tuple[str, ...] = ()
    format: str = "parquet"
    shard_size: int = 500_000_000
    source: dict[str, Any] = field(
        default_factory=dict
    )  # Any: what of the input is read and what its rows are: _SOURCE

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UnknownName("format", self.format, FORMATS)
        if [s.kind for s in self.steps].count("select") > 1 or any(s.kind == "select" for s in self.steps[:-1]):
            raise BadSetting(f"recipe {self.name!r}: `select` decides once, as the last stage")

    @property
    def select(self) -> AnyStage | None:
        """The last stage, where it selects."""
        return self.steps[-1].stage if self.steps and self.steps[-1].kind == "select" else None

    def find(self, use: str) -> AnyStage | None:
        """The first stage of this name."""
        return next((s.stage for s in self.steps if s.use == use), None)

    def to_toml(self) -> str:
        """The recipe as a file; settings at their defaults are left out."""
        head = {k: getattr(self, k) for k in ("name", "input", "url_column", "sha256_column", "splits")}
        head |= {"format": self.format, "shard_size": self.shard_size} | self.source
        lines = [f"{k} = {_toml(v)}" for k, v in head.items() if v not in (None, ())]
        for step in self.steps:
            lines += ["", "[[stage]]", f"use = {_toml(step.use)}"]
            lines += [f"when = {_toml(step.when)}"] if step.when else []
            lines += [
                f"{f.name} = {_toml(getattr(step.stage, f.name))}"
                for f in fields(step.stage)
                if getattr(step.stage, f.name) != f.default
            ]
        return "\n".join(lines) + "\n"

    def meaning(self) -> dict[str, Any]:  # Any: plain settings
        """What of the recipe the published files depend on, for the manifest."""
        steps = [
            {"use": s.use, **({"when": s.when} if s.when else {})}
            | {f.name: getattr(s.stage, f.name) for f in fields(s.stage) if not is_effort(f)}
            | ({"content": s.stage.content()} if hasattr(s.stage, "content") else {})
            for s in self.steps
        ]
        return {"name": self.name, "splits": self.splits, "format": self.format, "steps": steps}


Place = Callable[[str], str]  # key of a stage or a recipe → `file:line`


def load_stage(use: str, settings: Mapping[str, Any], place: Place = lambda key: "") -> AnyStage:  # Any: TOML values
    """The stage of a name (`pixmo/stages/NAME.py`) or of `package.module:Class`, with its settings checked."""
    kind = _stage_class(use, place("use"))
    known = {f.name: f for f in fields(kind)}
    for key in settings:
        if key not in known:
            raise UnknownSetting(f"stage {use!r}", key, known, place(key))
    hints = typing.get_type_hints(kind)
    checked = {k: _checked(f"{k} of stage {use!r}", v, hints[k], place(k)) for k, v in settings.items()}
    try:
        return kind(**checked)
    except (BadSetting, ValueError) as error:
        raise BadSetting(f"{_before(place(next(iter(settings), 'use')))}{error}") from error


def _stage_class(use: str, where: str) -> type[Any]:  # Any: one of the protocols
    module, _, name = use.partition(":") if ":" in use else (f"pixmo.stages.{use}", "", "")
    if ":" not in use and use not in stage_names():
        raise UnknownName("stage", use, stage_names(), where)
    try:
        found = importlib.import_module(module)
        kind = getattr(found, name or "".join(part.capitalize() for part in use.split("_")))
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise BadSetting(f"{_before(where)}cannot load stage {use!r}: {error}") from error
    if not (isinstance(kind, type) and is_dataclass(kind) and hasattr(kind, "version")):
        raise BadSetting(f"{_before(where)}{use!r} is not a stage: it should be a dataclass with a `version`")
    return kind


def stage_names() -> list[str]:
    """All stages that come with pixmo."""
    folder = Path(__file__).parent.parent / "stages"
    return sorted(p.stem for p in folder.glob("[a-z]*.py"))


def load_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file; raises a PixmoError naming file, line and the nearest known key."""
    try:
        text = path.read_text(encoding="utf-8")
        told = tomllib.loads(text)
    except FileNotFoundError:
        raise BadSetting(f"{path}: no such recipe; `pixmo init NAME` copies one to edit") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSetting(f"{path}: is not a recipe: {error}") from error
    return recipe_of(told, str(path), text)


def recipe_of(told: dict[str, Any], where: str = "recipe", text: str = "") -> Recipe:  # Any: TOML values
    """A recipe from parsed TOML."""
    head = _head({k: v for k, v in told.items() if k != "stage"}, lambda key: _line(where, text, key, 0))
    entries = told.get("stage") or ()
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadSetting(f"{where}: stages are written `[[stage]]`, each with `use`")
    steps = tuple(_step(e, where, functools.partial(_line, where, text, stage=n)) for n, e in enumerate(entries, 1))
    if not steps:
        raise BadSetting(f"{where}: has no [[stage]]")
    inputs = {k: head.pop(k) for k in _SOURCE if k in head}
    return Recipe(**{"name": "recipe", "steps": steps, **head, "source": inputs})


_SOURCE = {
    "config": str, "split": str, "revision": str, "limit": int, "pictures": bool, "record": str, "unit": str, "orientation": str,
    "fields": tuple[str, ...], "grouped": bool, "recordings": bool, "pictures_in": str, "image_column": str, "audio_column": str,
    "references": str, "sample": int, "sample_seed": int, "allow_missing": bool, "prediction_column": str, "picture_key": str, "video": bool,
}  # fmt: skip
_HEAD = _SOURCE | {
    "name": str, "input": str | tuple[str, ...], "url_column": str, "sha256_column": str, "splits": tuple[str, ...],
    "format": str, "shard_size": int,
}  # fmt: skip


def _head(told: Mapping[str, Any], place: Place) -> dict[str, Any]:  # Any: TOML values
    head = {}
    for key, value in told.items():
        if key not in _HEAD:
            raise UnknownSetting("a recipe", key, {*_HEAD, "stage"}, place(key))
        head[key] = _checked(key, value, _HEAD[key], place(key))
        if key in ("shard_size", "limit", "sample") and head[key] < 1:
            raise BadSetting(f"{_before(place(key))}{key} is {value}, should be 1 or more")
    if head.get("format", "parquet") not in FORMATS:
        raise UnknownName("format", head["format"], FORMATS, place("format"))
    return head


def _step(entry: Mapping[str, Any], where: str, place: Place) -> Step:  # Any: TOML values
    settings = dict(entry)
    use, when = settings.pop("use", None), settings.pop("when", None)
    if not isinstance(use, str):
        raise BadSetting(f"{where}: every [[stage]] needs `use`, the name of a stage")
    stage = load_stage(use, settings, place)
    if when is not None and not (isinstance(when, str) and when):
        told = f"{_before(place('when'))}when of stage {use!r} is {when!r}"
        raise BadSetting(f"{told}, should be the name of a boolean column, maybe with `not` before")
    return Step(use, stage, when)


def _checked(what: str, value: Any, hint: Any, where: str) -> Any:  # Any: TOML values and type forms
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in options:
        if typing.get_origin(kind) is tuple and isinstance(value, (list, tuple)):
            inner = typing.get_args(kind)[0]
            if all(isinstance(v, inner) for v in value):
                return tuple(value)
        elif kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        elif isinstance(kind, type) and isinstance(value, kind) and (kind is bool) == isinstance(value, bool):
            return value
    names = " or ".join(map(_kind_name, options))
    raise BadSetting(f"{_before(where)}{what} is {value!r}, should be {names}")


def _kind_name(kind: Any) -> str:  # Any: a type form
    inner = typing.get_args(kind)
    return f"a list of {inner[0].__name__}" if inner else str(getattr(kind, "__name__", kind))


def _before(where: str) -> str:
    return f"{where}: " if where else ""


def _line(where: str, text: str, key: str, stage: int) -> str:
    """`file:line` of a key in the n-th [[stage]], 0 = before the first."""
    at = 0
    for number, line in enumerate(text.splitlines(), 1):
        at += bool(re.match(r"\s*\[\[\s*stage\s*\]\]", line))
        if at == stage and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return f"{where}:{number}"
    return where


def _toml(value: Any) -> str:  # Any: TOML values
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
