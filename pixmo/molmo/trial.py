"""Does a checkpoint work on this machine, and what does it need? Loaded, measured, and asked for one token."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pixmo.errors import BadSetting, BadSource
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.device import device_named
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.weights.read import load

STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Trial:
    """What loading took."""

    parameters: int
    dtype: torch.dtype
    bytes_on: dict[str, int]  # of the parameters, by device
    load_s: float
    beyond_bytes: (
        int | None
    )  # host memory at its highest, without the model and what was there before; None: not told here
    read_s: float
    best: float  # the highest logit after one token


def try_out(
    folder: Path, *, config: MolmoConfig | None = None, dtype: str | None = None, devices: Sequence[str] = ("cpu",)
) -> Trial:
    """Load a checkpoint and let it read one token. BadSource for damaged weights, BadSetting for what does not fit."""
    places = [device_named(name) for name in devices]
    before, began = _memory("VmRSS"), time.monotonic()
    try:
        model = load(folder, config=config, dtype=dtype_named(dtype), devices=places)
        loaded, peak = time.monotonic(), _memory("VmHWM")
        best = _read_one(model)
    except torch.OutOfMemoryError as error:
        told = str(error).splitlines()[0]
        raise BadSetting(f"{folder}: does not fit; give more devices, or bfloat16 ({told})") from error
    bytes_on: dict[str, int] = {}
    for each in model.parameters():
        bytes_on[str(each.device)] = bytes_on.get(str(each.device), 0) + each.nbytes
    beyond = max(peak - before - bytes_on.get("cpu", 0), 0) if peak else None
    count = sum(each.numel() for each in model.parameters())
    return Trial(count, each.dtype, bytes_on, loaded - began, beyond, time.monotonic() - loaded, best)


def dtype_named(name: str | None) -> torch.dtype | None:
    """torch's type of that name, one of float32, bfloat16, float16; None for None."""
    return (
        None if name is None else {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    )


def _memory(field: str) -> int:
    """Bytes of host memory of this process, now (VmRSS) or at most so far (VmHWM); 0 where the system does not tell."""
    if not STATUS.exists():
        return 0
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


@torch.inference_mode()
def _read_one(model: Molmo | Molmo2) -> float:
    best = float(model(torch.zeros(1, 1, dtype=torch.long, device=model.decoder.embedding.base.device)).max())
    if not math.isfinite(best):
        raise BadSource(
            f"the model answers {best} to a token: its weights hold no finite numbers, or the type is too narrow"
        )
    return best
