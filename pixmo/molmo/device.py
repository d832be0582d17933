"""Devices by the names that people give them."""

from __future__ import annotations

import torch

from pixmo.errors import BadSetting


def device_named(name: str | None = None) -> torch.device:
    """The device of that name, which is there; without a name a GPU if there is one. BadSetting for any other."""
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise BadSetting(f"no device named {name!r}; one of: cpu, cuda, cuda:1")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadSetting(f"{name}: there are {torch.cuda.device_count()} GPUs here; --device cpu takes longer")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise BadSetting("mps: is not here; --device cpu takes longer")
    return device
