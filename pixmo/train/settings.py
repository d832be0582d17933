"""What a training run is: small frozen dataclasses, and the TOML they are written in.

model = "begun"              # a checkpoint folder to start from
steps = 1000
batch = 64

[[source]]
path = "cap-out"             # whatever `pixmo.load` reads
prompts = "molmo1-captioner"
"""

from __future__ import annotations

import json
import math
import tomllib
import typing
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from pixmo.errors import BadSetting, UnknownName, UnknownSetting
from pixmo.text.prompts import settings_named

PRECISIONS = ("bf16", "fp32")


@dataclass(frozen=True)
class Source:
    """One set of the mixture."""

    path: str
    share: float = 1.0  # of the examples, beside the shares of the other sources
    split: str = ""  # empty: all rows
    prompts: str = ""  # in whose words; empty: as the model's own captioner was trained
    styles: tuple[str, ...] = ()  # which ways of asking are learned; empty: all that the rows know
    transcripts: int = 1  # at most so many of a caption's transcripts each time its row comes, drawn anew
    weight: float = 0.0  # of each token that is learned; 0: as the model was trained
    as_: str = ""  # what the rows of a file are that does not say so itself
    unit: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.share < math.inf or self.transcripts < 0:
            raise BadSetting(f"source {self.path!r}: share is above 0, transcripts are not negative")
        if self.weight and not 1e-6 <= self.weight <= 1e6:
            raise BadSetting(f"source {self.path!r}: weight is from 1e-6 to 1e6, or 0 for that of the model")
        if self.prompts:
            settings_named(self.prompts)  # UnknownName names the nearest


@dataclass(frozen=True)
class Component:
    """How fast a part of the model learns: the peak of its learning rate, and the steps it takes to get there."""

    rate: float
    warmup: int

    def __post_init__(self) -> None:
        if not 0 <= self.rate < math.inf or not 0 <= self.warmup < 2**31:
            raise BadSetting("rates and warm-ups are not negative; rate = 0 keeps a part as it is")


@dataclass(frozen=True)
class Training:
    """A run. Defaults are the released captioner's (docs/train.md); meaning first, effort last."""

    model: str
    source: tuple[Source, ...]
    steps: int
    batch: int = 128  # examples a step, over all processes
    context: int = 2304  # tokens of an example; longer ones are cut
    connector: Component = Component(2e-4, 200)  # with the added rows of the embedding
    vit: Component = Component(6e-6, 2000)
    decoder: Component = Component(2e-5, 2000)
    floor: float = 0.1  # of its peak, where a rate ends
    betas: tuple[float, ...] = (0.9, 0.95)
    eps: float = 1e-6
    weight_decay: float = 0.0
    clip: float = 1.0  # norm of a component's gradient; 0: not clipped
    z_loss: float = 1e-4
    dropout: float = 0.0
    response_dropout: float = 0.1
    precision: str = "bf16"  # of products; weights and moments are float32
    seed: int = 6198  # of dropout
    data_seed: int = 95818  # of the order and the words
    # effort
    micro_batch: int = 8  # examples at a time in one process
    checkpointing: bool = True  # blocks are computed again in the backward pass: slower, far less memory
    save_every: int = 500  # steps
    loaders: int = 2  # threads that prepare pictures

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "context", "micro_batch", "save_every", "loaders"):
            if not 1 <= getattr(self, name) < 2**31:
                raise BadSetting(f"{name} is at least 1 and below 2^31, not {getattr(self, name)}")
        if not all(0 <= seed < 2**32 for seed in (self.seed, self.data_seed)):
            raise BadSetting("seeds are from 0 to below 2^32")
        if self.precision not in PRECISIONS:
            raise UnknownName("precision", self.precision, PRECISIONS)
        if not self.source:
            raise BadSetting("no [[source]]: at least one set to learn from")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise BadSetting(f"betas are two numbers from 0 to below 1, not {self.betas}")
        if not all(0 <= rate < 1 for rate in (self.dropout, self.response_dropout)):
            raise BadSetting("dropout rates are from 0 to below 1")
        if min(self.clip, self.z_loss, self.weight_decay) < 0 or not 0 <= self.floor <= 1 or self.eps <= 0:
            raise BadSetting("clip, z_loss and weight_decay are not negative, floor is from 0 to 1, eps above 0")


EFFORT = ("micro_batch", "checkpointing", "save_every", "loaders")


def meaning(training: Training) -> dict[str, Any]:  # Any: plain settings
    """The settings that change what is learned: a run that goes on must have the same."""
    return {key: value for key, value in asdict(training).items() if key not in EFFORT}


def read_training(path: Path) -> Training:
    """The run that a TOML file describes; paths in it are seen from its folder. Errors name the file and the key."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadSetting(f"{path}: no such file; docs/train.md shows one to copy") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(f"{path}: cannot be read: {error}") from error
    try:
        made: Training = _built(Training, told, str(path))
    except (BadSetting, UnknownName) as error:
        raise BadSetting(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
    here = path.resolve().parent
    seen = (replace(s, path=s.path if "://" in s.path else str(here / s.path)) for s in made.source)
    return replace(made, model=str(here / made.model), source=tuple(seen))


def written(training: Training) -> str:
    """A run as TOML that `read_training` reads."""
    plain = asdict(training)
    sources = plain.pop("source")
    tables = {name: plain.pop(name) for name in ("connector", "vit", "decoder")}
    lines = [*_lines(plain), *(line for name, told in tables.items() for line in ("", f"[{name}]", *_lines(told)))]
    return "\n".join([*lines, *(line for told in sources for line in ("", "[[source]]", *_lines(told)))]) + "\n"


def _lines(told: dict[str, Any]) -> list[str]:  # Any: plain settings
    # JSON's way of writing these values is TOML's as well, but for one character
    return [
        f"{k.rstrip('_')} = {json.dumps(v, ensure_ascii=False)}".replace("\x7f", "\\u007f") for k, v in told.items()
    ]


def difference(ours: Training, before: Training) -> str | None:
    """The name of the first setting of meaning in which two runs differ, with both values; None when they are the same run."""
    now, then = dict(_flat(meaning(ours))), dict(_flat(meaning(before)))
    keys = [key for key in now | then if now.get(key) != then.get(key)]
    return next((f"{key} is {then.get(key)!r} there, {now.get(key)!r} here" for key in keys), None)


def _flat(told: Any, name: str = "") -> Iterator[tuple[str, Any]]:  # Any: plain settings
    inner = told.items() if isinstance(told, dict) else enumerate(told, 1) if name == "source" else ()
    if not inner:
        yield name, told
    for key, value in inner:
        yield from _flat(value, f"{name} {key}".strip())


def _built(kind: type[Any], told: dict[str, Any], where: str) -> Any:  # Any: dataclasses and TOML values
    """A dataclass from a table; unknown keys, missing ones and values of another type are refused by name."""
    known, hints = {f.name.rstrip("_"): f for f in fields(kind)}, typing.get_type_hints(kind)
    owner = "a training run" if kind is Training else f"[{kind.__name__.lower()}]"
    for key in told:
        if key not in known:
            raise UnknownSetting(owner, key, known, where)
    for key, setting in known.items():
        if key not in told and setting.default is MISSING and setting.default_factory is MISSING:
            raise BadSetting(f"{owner} needs {key}")
    return kind(**{known[k].name: _value(f"{k} of {owner}", v, hints[known[k].name], where) for k, v in told.items()})


def _value(what: str, value: Any, hint: Any, where: str) -> Any:  # Any: dataclasses and TOML values
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        if not isinstance(value, list):
            raise BadSetting(f"{what} is {value!r}, should be a list")
        return tuple(_value(what, each, inner, where) for each in value)
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise BadSetting(f"{what} is {value!r}, should be a table")
        return _built(typing.cast("type[Any]", hint), value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not hint or value in (math.inf, -math.inf) or value != value:
        raise BadSetting(f"{what} is {value!r}, should be {_WORDS[hint]}")
    return value


_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
