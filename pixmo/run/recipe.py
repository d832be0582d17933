"""Recipes: a list of stages with settings, as TOML, as Python, or as a command's options: three steps of one stair."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pixmo.errors import BadSetting, UnknownName, UnknownSetting
from pixmo.ids import digest_of
from pixmo.stage import AnyStage, RowStage, fingerprint, is_effort

FORMATS = ("parquet", "arrow", "webdataset")


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
    input: str | None = None
    url_column: str | None = None
    sha256_column: str | None = None
    splits: tuple[str, ...] = ()
    format: str = "parquet"
    shard_size: int = 500_000_000
    source: dict[str, Any] = field(default_factory=dict)  # Any: config, split, revision, limit of the input

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
            for s in self.steps
        ]
        return {"name": self.name, "splits": self.splits, "format": self.format, "steps": steps}


def load_stage(use: str, settings: Mapping[str, Any], where: str = "") -> AnyStage:  # Any: TOML values
    """The stage of a name (`pixmo/stages/NAME.py`) or of `package.module:Class`, with its settings checked."""
    module, _, name = use.partition(":") if ":" in use else (f"pixmo.stages.{use}", "", "")
    if ":" not in use and use not in stage_names():
        raise UnknownName("stage", use, stage_names(), where)
    try:
        found = importlib.import_module(module)
        kind = getattr(found, name or "".join(part.capitalize() for part in use.split("_")))
    except (ModuleNotFoundError, AttributeError) as error:
        raise BadSetting(f"{where + ': ' if where else ''}cannot load stage {use!r}: {error}") from error
    known = {f.name: f for f in fields(kind)}
    for key in settings:
        if key not in known:
            raise UnknownSetting(f"stage {use!r}", key, known, where)
    hints = typing.get_type_hints(kind)
    return kind(**{k: _checked(use, k, v, hints[k], where) for k, v in settings.items()})


def stage_names() -> list[str]:
    """All stages that come with pixmo."""
    folder = Path(__file__).parent.parent / "stages"
    return sorted(p.stem for p in folder.glob("[a-z]*.py"))


def load_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file; raises a PixmoError naming file, line and the nearest known key."""
    try:
        text = path.read_text()
        told = tomllib.loads(text)
    except FileNotFoundError:
        raise BadSetting(f"{path}: no such recipe; `pixmo init NAME` copies one to edit") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSetting(f"{path}: is not a recipe: {error}") from error
    return recipe_of(told, str(path), text)


def recipe_of(told: dict[str, Any], where: str = "recipe", text: str = "") -> Recipe:  # Any: TOML values
    """A recipe from parsed TOML."""
    known = {"name", "input", "url_column", "sha256_column", "splits", "format", "shard_size", "stage", *_SOURCE_KEYS}
    for key in told:
        if key not in known:
            raise UnknownSetting("a recipe", key, known, _line(where, text, key))
    steps = []
    for entry in told.get("stage", ()):
        settings = dict(entry)
        use, when = settings.pop("use", None), settings.pop("when", None)
        if not isinstance(use, str):
            raise BadSetting(f"{where}: every [[stage]] needs `use`, the name of a stage")
        at = next((k for k in settings), "use")
        steps.append(Step(use, load_stage(use, settings, _line(where, text, at)), when))
    if not steps:
        raise BadSetting(f"{where}: has no [[stage]]")
    return Recipe(
        told.get("name", "recipe"), tuple(steps), told.get("input"), told.get("url_column"), told.get("sha256_column"),
        tuple(told.get("splits", ())), told.get("format", "parquet"), told.get("shard_size", 500_000_000),
        {k: told[k] for k in _SOURCE_KEYS if k in told},
    )  # fmt: skip


_SOURCE_KEYS = ("config", "split", "revision", "limit")


def _checked(use: str, key: str, value: Any, hint: Any, where: str) -> Any:  # Any: TOML values and type forms
    prefix = f"{where}: " if where else ""
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
    names = " or ".join(getattr(o, "__name__", str(o)) for o in options)
    raise BadSetting(f"{prefix}{key} of stage {use!r} is {value!r}, should be {names}")


def _line(where: str, text: str, key: str) -> str:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*{re.escape(key)}\s*=", line):
            return f"{where}:{number}"
    return where


def _toml(value: Any) -> str:  # Any: TOML values
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
