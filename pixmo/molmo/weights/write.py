"""Models as others read them: safetensors shards, an index and `config.json`, in any published layout."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from pixmo.errors import BadSetting
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.weights.layouts import LAYOUTS, Piece
from pixmo.molmo.weights.published import read_config, write_config
from pixmo.molmo.weights.read import INDEX, shapes
from pixmo.storage.publish import publish_bytes, publishing

SHARD_BYTES = 5 * 10**9
OF_FAMILY = {"molmo": ("hub-molmo",), "molmo2": ("transformers", "hub-molmo2")}  # the first when not told


def save(
    model: Molmo | Molmo2,
    folder: str | Path,
    *,
    layout: str | None = None,
    dtype: torch.dtype | None = None,
    shard_bytes: int = SHARD_BYTES,
    read: Callable[[str], Tensor] | None = None,
) -> Path:
    """Write the model to `folder`, `config.json` last; returns the folder.

    `layout`: for Molmo2 "transformers" (the default: vLLM and others serve it) or "hub-molmo2", for Molmo "hub-molmo".
    No more than one shard is copied at a time. A tensor larger than `shard_bytes` has a shard of its own. `read` gives the
    values of a parameter by our name, for a model that has none itself (on the meta device).
    """
    layout, settings = published_settings(model.config, layout)
    folder = Path(folder)
    type_ = dtype or next(model.parameters()).dtype
    pieces = list(LAYOUTS[layout](model.config))
    shards = list(_shards(shapes(pieces, model), shard_bytes, type_.itemsize))
    placed: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = "model.safetensors" if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        with publishing(folder / file) as temporary:
            _save(dict(_published(read or model.get_parameter, pieces, set(names), type_)), temporary)
        placed |= dict.fromkeys(names, file)
    if len(shards) > 1:
        size = sum(parameter.numel() for parameter in model.parameters()) * type_.itemsize
        _publish_json(folder / INDEX, {"metadata": {"total_size": size}, "weight_map": placed})
    else:
        (folder / INDEX).unlink(missing_ok=True)  # of an earlier, larger model: it would be read instead
    _publish_json(folder / "config.json", settings | {"torch_dtype": str(type_).removeprefix("torch.")})
    return folder


def published_settings(
    config: MolmoConfig, layout: str | None = None
) -> tuple[str, dict[str, Any]]:  # Any: JSON values
    """The layout that a model is written in and its `config.json`; BadSetting when it cannot be written so."""
    layouts = OF_FAMILY[config.family]
    layout = layout or layouts[0]
    if layout not in layouts:
        raise BadSetting(f"a {config.family} is written as {' or '.join(layouts)}, not {layout!r}")
    settings = write_config(config, layout)
    read = read_config(settings)  # a tied head is written as a copy and read as one of its own
    if replace(read, decoder=replace(read.decoder, tied=config.decoder.tied)) != config:
        raise BadSetting(f"the settings of {layout} have no words for this model; it would be read as another")
    return layout, settings


def _shards(needed: dict[str, tuple[int, ...]], most: int, item_bytes: int) -> Iterator[list[str]]:
    names: list[str] = []
    filled = 0
    for name, shape in needed.items():
        size = torch.Size(shape).numel() * item_bytes
        if names and filled + size > most:
            yield names
            names, filled = [], 0
        names.append(name)
        filled += size
    yield names


@torch.no_grad()
def _published(
    read: Callable[[str], Tensor], pieces: Iterable[Piece], names: set[str], dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
    parts: dict[str, list[Tensor]] = {}
    for piece in pieces:
        if piece.name in names:
            parts.setdefault(piece.name, []).append(piece.view(read(piece.ours)))
    for name, tensors in parts.items():
        # A copy always: views of one parameter share memory, which the format does not allow.
        yield name, torch.cat([tensor.to("cpu", dtype) for tensor in tensors])


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:  # the number of the system's error, of a full disk say, stands in its words only
        if number := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(number[1]), str(error)) from error
        raise
    os.chmod(path, 0o644)  # the library gives it to its owner only


def _publish_json(path: Path, value: object) -> None:
    publish_bytes(path, (json.dumps(value, indent=2) + "\n").encode())
