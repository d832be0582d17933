"""Models from the checkpoints of others: safetensors memory-mapped, checked before a byte of weights is read.

Only Ai2's training checkpoints (`model.pt`) are not safetensors; they are read with `weights_only`.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pixmo.errors import BadSource
from pixmo.molmo.build import build
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.settings import read_json
from pixmo.molmo.weights.layouts import LAYOUTS, Piece, cut_at
from pixmo.molmo.weights.place import Devices, move_between, placed
from pixmo.molmo.weights.published import Json, read_config, read_training_config

INDEX = "model.safetensors.index.json"
TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
}  # fmt: skip


class Stored(NamedTuple):
    """A tensor in a file."""

    shape: tuple[int, ...]
    type: str
    file: Path


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds, by its headers: nothing of the weights is read yet."""

    folder: Path
    tensors: Mapping[str, Stored]
    settings: Json = field(repr=False)

    @property
    def files(self) -> list[Path]:
        """The files with weights, by name."""
        return sorted({stored.file for stored in self.tensors.values()})

    @property
    def bytes(self) -> int:
        """Bytes of all weight files."""
        return sum(file.stat().st_size for file in self.files)


@dataclass(frozen=True)
class Report:
    """How a checkpoint differs from what a model needs."""

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshaped: tuple[str, ...] = ()  # name, its shape, the shape needed

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.misshaped)

    def __str__(self) -> str:
        groups = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.misshaped}
        told = (f"{len(names)} {kind} ({_few(names)})" for kind, names in groups.items() if names)
        return ", ".join(told) or "every tensor is there"


def _few(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


# --- looking ------------------------------------------------------------------------------------------------------


def open_checkpoint(path: str | Path) -> Checkpoint:
    """The tensors of a checkpoint folder. BadSource says which file is missing, truncated or damaged."""
    folder = Path(path)
    if not folder.is_dir():
        what = "a file" if folder.exists() else "no such folder"
        raise BadSource(f"{folder}: {what}; give the folder with config.json and model.safetensors")
    if (folder / "model.pt").is_file():
        tensors = {
            name: Stored(tuple(x.shape), str(x.dtype), folder / "model.pt") for name, x in _pickled(folder).items()
        }
        return Checkpoint(folder, tensors, _settings(folder / "config.yaml"))
    settings = _settings(folder / "config.json")
    if (folder / INDEX).is_file():
        placed_in = read_json(folder / INDEX).get("weight_map")
        if not isinstance(placed_in, dict) or not all(_is_name(file) for file in placed_in.values()):
            raise BadSource(f"{folder / INDEX}: no weight_map from tensors to files of this folder")
        tensors = dict(_headers(folder / file for file in sorted(set(placed_in.values()))))
        for name, file in placed_in.items():
            if name not in tensors or tensors[name].file.name != file:
                raise BadSource(f"{folder / file}: lacks {name}, which {INDEX} says is in it")
        return Checkpoint(folder, tensors, settings)
    return Checkpoint(folder, dict(_headers([folder / "model.safetensors"])), settings)


def _is_name(file: object) -> bool:
    return isinstance(file, str) and Path(file).name == file


def _headers(files: Iterable[Path]) -> Iterator[tuple[str, Stored]]:
    for path in files:
        with opened(path) as file:
            for name in file.keys():  # noqa: SIM118  # not a dict
                part = file.get_slice(name)
                yield name, Stored(tuple(part.get_shape()), part.get_dtype(), path)


@contextmanager
def opened(path: Path) -> Iterator[Any]:  # safetensors has no types for its handle
    """A safetensors file, memory-mapped; what is wrong with it is a BadSource."""
    if not path.is_file():
        raise BadSource(f"{path}: no such file; is the checkpoint completely downloaded?")
    if not os.access(path, os.R_OK):  # the library says "no such file" to that, too
        raise BadSource(f"{path}: may not be read")
    try:
        with safe_open(path, "pt") as file:
            yield file
    except SafetensorError as error:
        raise BadSource(f"{path}: not a whole safetensors file: {error}") from error


def _settings(path: Path) -> Json:
    if path.suffix == ".yaml":
        import yaml  # type: ignore[import-untyped]  # comes with datasets

        try:
            settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadSource(f"{path}: {str(error).splitlines()[0]}") from error
        return settings if isinstance(settings, dict) else {}
    return read_json(path)


def _pickled(folder: Path) -> dict[str, Tensor]:
    path = folder / "model.pt"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
        raise BadSource(f"{path}: not plain weights: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict) or not all(isinstance(x, Tensor) for x in state.values()):
        raise BadSource(f"{path}: not a flat table of tensors")
    return state


# --- deciding -----------------------------------------------------------------------------------------------------


def layout_of(checkpoint: Checkpoint) -> str:
    """Which of LAYOUTS the names are in; BadSource when none."""
    names = checkpoint.tensors
    if any(name.startswith("model.language_model.") for name in names):
        return "transformers"
    if "model.transformer.wte.embedding" in names:
        return "hub-molmo2" if checkpoint.settings.get("model_type") == "molmo2" else "hub-molmo"
    if "transformer.wte.embedding" in names:
        return "training"
    raise BadSource(
        f"{checkpoint.folder}: its tensors are named like no Molmo's: {_few(tuple(names)) or 'there are none'}"
    )


def config_in(checkpoint: Checkpoint, vision: Json | None = None) -> MolmoConfig:
    """The numbers its settings tell; `vision` as in `read_config`."""
    if layout_of(checkpoint) == "training":
        return read_training_config(checkpoint.settings, str(checkpoint.folder / "config.yaml"))
    return read_config(checkpoint.settings, str(checkpoint.folder / "config.json"), vision)


def pieces_of(checkpoint: Checkpoint, config: MolmoConfig) -> list[Piece]:
    """Where each of its tensors belongs in a model of these numbers."""
    layout = layout_of(checkpoint)
    pieces = list(LAYOUTS[layout](config))
    if layout == "hub-molmo2":
        pieces = cut_at(pieces, checkpoint.tensors["model.transformer.wte.embedding"].shape[0], config.decoder)
    return pieces


def shapes(pieces: Iterable[Piece], model: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of every published tensor that `model` has or needs."""
    ours = dict(model.named_parameters())
    needed: dict[str, tuple[int, ...]] = {}
    for piece in pieces:
        high, *rest = piece.view(ours[piece.ours]).shape
        needed[piece.name] = (high + needed.get(piece.name, (0,))[0], *rest)
    return needed


def compare(checkpoint: Checkpoint, needed: Mapping[str, tuple[int, ...]]) -> Report:
    """What is missing, unexpected or of another shape."""
    there = checkpoint.tensors
    wrong = (
        f"{name} {list(there[name].shape)}, needed {list(shape)}"
        for name, shape in needed.items()
        if name in there and there[name].shape != shape
    )
    return Report(
        missing=tuple(name for name in needed if name not in there),
        unexpected=tuple(name for name in there if name not in needed),
        misshaped=tuple(wrong),
    )


# --- reading ------------------------------------------------------------------------------------------------------


def load(
    path: str | Path,
    *,
    config: MolmoConfig | None = None,
    dtype: torch.dtype | None = None,
    devices: Devices = "cpu",
    vision: Json | None = None,
) -> Molmo | Molmo2:
    """The model of a checkpoint folder, in evaluation mode.

    `dtype`: as stored when not given. `devices`: one, or several that the blocks are spread over. `config` stands in
    for settings that do not tell (some training checkpoints). BadSource before anything is read when tensors are
    missing, unexpected or of another shape. Beyond the model, host memory holds pages of one shard at a time.
    """
    checkpoint = open_checkpoint(path)
    model = build(config or config_in(checkpoint, vision), device="meta")
    pieces = pieces_of(checkpoint, model.config)
    report = compare(checkpoint, shapes(pieces, model))
    if report:
        raise BadSource(f"{checkpoint.folder}: not the weights of this model: {report}")
    materialise(model, dtype or stored_type(checkpoint), devices)
    fill(model, pieces, checkpoint)
    return model.eval()


def stored_type(checkpoint: Checkpoint) -> torch.dtype:
    """The type of the first floating-point tensor, float32 when it is none of torch's."""
    name = next(iter(checkpoint.tensors.values())).type.removeprefix("torch.")
    types = TYPES | {str(known).removeprefix("torch."): known for known in TYPES.values()}
    return types.get(name, torch.float32)


def materialise(model: Molmo | Molmo2, dtype: torch.dtype, devices: Devices) -> None:
    """Give a model built on the meta device memory, not yet filled, where its parts belong."""
    model.to(dtype)
    where = placed(model, devices)
    for name, module in model.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            full = f"{name}.{leaf}"
            empty = torch.empty_like(parameter, device=where(full))
            module.register_parameter(leaf, torch.nn.Parameter(empty))
    move_between(model)


@torch.no_grad()
def fill(model: torch.nn.Module, pieces: Iterable[Piece], checkpoint: Checkpoint) -> None:
    """Copy a checkpoint's tensors into the parameters, file by file, tensor by tensor."""
    parameters = dict(model.named_parameters())
    wanted: dict[str, list[Piece]] = {}
    for piece in pieces:
        wanted.setdefault(piece.name, []).append(piece)
    for path in checkpoint.files:
        if path.suffix == ".pt":
            for name, tensor in _pickled(checkpoint.folder).items():
                _copy(wanted.get(name, ()), parameters, tensor)
            continue
        with opened(path) as file:
            for name in file.keys():  # noqa: SIM118  # not a dict
                if name in wanted:
                    _copy(wanted[name], parameters, file.get_slice(name))


def _copy(pieces: Iterable[Piece], parameters: Mapping[str, Tensor], source: Any) -> None:  # a tensor or a file's slice
    at = 0
    for piece in pieces:
        target = piece.view(parameters[piece.ours])
        target.copy_(source[at : at + len(target)])
        at += len(target)
