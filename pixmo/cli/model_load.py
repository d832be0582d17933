"""`pixmo model load`: does a checkpoint work on this machine, and what does it need?"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pixmo.cli.model_options import config_named, dtype_option, folder_argument, model_option, type_of
from pixmo.cli.printing import amount, printable
from pixmo.errors import BadSetting, BadSource

if TYPE_CHECKING:
    import torch

    from pixmo.molmo.molmo import Molmo
    from pixmo.molmo.molmo2 import Molmo2

STATUS = Path("/proc/self/status")


@click.command()
@folder_argument
@dtype_option
@click.option(
    "--device", "devices", multiple=True, help="cpu, cuda, cuda:1 …; several share the blocks.  [default: cpu]"
)
@model_option
def command(folder: Path, dtype: str | None, devices: tuple[str, ...], name: str | None) -> None:
    """Load the checkpoint in FOLDER and let it read one token: parameters, seconds, memory, devices.

    Exit code 2 and a report when tensors are missing, unexpected or of another shape.
    """
    import torch

    from pixmo.molmo.weights.read import load

    before, began = memory("VmRSS"), time.monotonic()
    try:
        model = load(folder, config=config_named(name), dtype=type_of(dtype), devices=checked(devices))
        took, peak = time.monotonic() - began, memory("VmHWM")
        began = time.monotonic()
        proof = read_one(model)
    except torch.OutOfMemoryError as error:
        raise BadSetting(f"{folder}: does not fit; give more --device, or --dtype bfloat16 ({error})") from error
    print("\n".join(_lines(folder, model, took, peak - before if peak else None)))
    print(f"read a token  in {time.monotonic() - began:.2f} s, its best word has logit {proof:.3f}")


def checked(names: tuple[str, ...]) -> list[torch.device]:
    """Devices that are there; BadSetting names one that is not."""
    import torch

    made = []
    for name in names or ("cpu",):
        try:
            device = torch.device(name)
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:  # AssertionError: torch without CUDA says so
            raise BadSetting(f"--device {name}: {str(error).splitlines()[0]}") from error
        made.append(device)
    return made


def memory(field: str) -> int:
    """Bytes of host memory of this process, now (VmRSS) or at most so far (VmHWM); 0 where the system does not tell."""
    if not STATUS.exists():
        return 0
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def read_one(model: Molmo | Molmo2) -> float:
    """The best logit after one token; BadSource when the weights give no numbers."""
    import torch

    with torch.inference_mode():
        best = float(model(torch.zeros(1, 1, dtype=torch.long, device=model.decoder.embedding.base.device)).max())
    if not math.isfinite(best):
        raise BadSource(
            f"the model answers {best} to a token: its weights hold no finite numbers, or --dtype is too narrow"
        )
    return best


def _lines(folder: Path, model: Molmo | Molmo2, took: float, peak: int | None) -> Iterator[str]:
    parameters = list(model.parameters())
    size: dict[str, int] = {}
    for each in parameters:
        size[str(each.device)] = size.get(str(each.device), 0) + each.nbytes
    type_ = str(parameters[0].dtype).removeprefix("torch.")
    yield f"{printable(str(folder))}: {sum(each.numel() for each in parameters):,} parameters as {type_}"
    yield "devices       " + ", ".join(f"{device} {amount(there)}" for device, there in size.items())
    beyond = (
        "" if peak is None else f", at most {amount(max(peak - size.get('cpu', 0), 0))} of host memory beyond the model"
    )
    yield f"loaded        in {took:.1f} s{beyond}"
