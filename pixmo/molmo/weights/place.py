"""Which part of a model lives on which device, when one is not enough.

The tower, the connector and the embedding go to the first device, the blocks are spread by their size in their order,
the last norm and the head go to the last. Activations move where a block is on another device than the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from pixmo.molmo.decoder import Block, Seen
from pixmo.molmo.rope import Turn

Devices = str | torch.device | Sequence[str | torch.device]


def placed(model: nn.Module, devices: Devices) -> Callable[[str], torch.device]:
    """The device of a parameter by its name."""
    if isinstance(devices, str | torch.device):
        devices = [devices]
    places = [torch.device(device) for device in devices]
    sizes: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        sizes[_part(name)] = sizes.get(_part(name), 0) + parameter.numel()
    where, share, before = {}, sum(sizes.values()) / len(places), 0
    for part in sorted(sizes, key=_order):
        # by the middle of a part, so that each device gets its share to within half a block
        where[part] = places[min(int((before + sizes[part] / 2) / share), len(places) - 1)]
        before += sizes[part]
    where["first"], where["last"] = places[0], places[-1]
    return lambda name: where[_part(name)]


def _part(name: str) -> str:
    """What moves as one: a block, or all before or after the blocks."""
    if name.startswith("decoder.blocks."):
        return name.split(".")[2]
    return "last" if name.startswith(("decoder.norm", "decoder.head")) else "first"


def _order(part: str) -> float:
    return {"first": -1.0, "last": float("inf")}.get(part, 0) if not part.isdigit() else float(part)


def move_between(model: nn.Module) -> None:
    """Let activations follow the weights, where they are on several devices."""
    if len({parameter.device for parameter in model.parameters()}) == 1:
        return
    for module in model.modules():
        if isinstance(module, Block):
            module.register_forward_pre_hook(_to_block)
    decoder = model.get_submodule("decoder")
    for part in ("norm", "head"):
        module = getattr(decoder, part)
        if module is not None:
            module.register_forward_pre_hook(_to_module)


def _to_block(block: Block, args: tuple[Any, ...]) -> tuple[Any, ...]:
    x, seen = args
    to = block.mlp_norm.weight.device
    turn = seen.turns[block.number]
    turns = list(seen.turns)
    turns[block.number] = Turn(turn.cos_BT1R.to(to), turn.sin_BT1R.to(to))
    mask, keep = (None if t is None else t.to(to) for t in (seen.mask, seen.keep))
    return x.to(to), Seen(turns, mask, seen.causal, seen.cache, keep)


def _to_module(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return (args[0].to(next(module.parameters()).device),)
