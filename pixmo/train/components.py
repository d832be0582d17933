"""The parts of a captioner that learn at their own pace: connector, tower, language model.

Each has its peak rate, its warm-up, and the norm its gradient is clipped to. A part whose rate is 0 stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import AdamW

from pixmo.errors import BadSetting
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.train.parallel import clip
from pixmo.train.settings import Component, Training

NAMES = ("connector", "vit", "decoder")
Components = Mapping[str, list[Parameter]]


def component_of(name: str) -> str:
    """The component of a parameter, by its name in the model: the rows added to the embedding are the connector's."""
    return "connector" if name == "decoder.embedding.extra" else name.split(".", 1)[0]


def freeze(model: Molmo | Molmo2, training: Training) -> None:
    """Leave the parts whose rate is 0 as they are. BadSetting when all are."""
    still = [name for name in NAMES if not pace(training, name).rate]
    if len(still) == len(NAMES):
        raise BadSetting("the rates of connector, vit and decoder are all 0: nothing would learn")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(component_of(name) not in still)


def components(model: Molmo | Molmo2) -> Components:
    """The parameters of each part that learns."""
    parts: dict[str, list[Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parts.setdefault(component_of(name), []).append(parameter)
    return {name: parts[name] for name in NAMES if name in parts}


def pace(training: Training, name: str) -> Component:
    """How fast a part learns."""
    paces = {"connector": training.connector, "vit": training.vit, "decoder": training.decoder}
    return paces[name]


def rate(training: Training, name: str, step: int) -> float:
    """The learning rate of a part at a step, counted from 1: a line from 0 to its peak, then a cosine to its floor at the last step."""
    peak, warmup = pace(training, name).rate, pace(training, name).warmup
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / max(training.steps - warmup, 1)
    floor = peak * training.floor
    return floor + (peak - floor) * (1 + math.cos(math.pi * min(done, 1))) / 2


def optimizer_of(parts: Components, training: Training) -> AdamW:
    """AdamW over the parts, a group for each and one for its vectors, which do not decay. Rates are set by `set_rates`."""
    groups = [
        {
            "params": chosen,
            "component": name,
            "weight_decay": training.weight_decay if is_matrix else 0.0,
        }
        for name, parameters in parts.items()
        for is_matrix in (True, False)
        if (chosen := [p for p in parameters if (p.ndim > 1) == is_matrix])
    ]
    beta1, beta2 = training.betas
    on_cuda = all(p.device.type == "cuda" for parameters in parts.values() for p in parameters)
    return AdamW(groups, lr=0.0, betas=(beta1, beta2), eps=training.eps, fused=on_cuda)


def set_rates(optimizer: torch.optim.Optimizer, training: Training, step: int) -> dict[str, float]:
    """Set the rates of a step; them by component."""
    rates = {}
    for group in optimizer.param_groups:
        name = group["component"]
        group["lr"] = rates[name] = rate(training, name, step)
    return rates


def clip_each(parts: Components, most: float) -> dict[str, Tensor]:
    """The norm of each part's gradient, which is scaled to `most` where it is above that; 0 scales none."""
    return {name: clip(parameters, most) for name, parameters in parts.items()}
