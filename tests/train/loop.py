"""A training loop of a dozen lines for the tests of what is spread over processes.

Rows differ in how many of their tokens are learned, so that a mean per process would not be the mean of the step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pixmo.molmo.build import build, config_of, initialise
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.loss import chunked_losses
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.train.parallel import Processes, clip, shard

ROWS, TOKENS, WORDS = 4, 40, 256
MOLMO, MOLMO2 = config_of("molmo-tiny"), config_of("molmo2-tiny")
CASES: dict[str, MolmoConfig] = {
    "molmo": MOLMO,
    "molmo-experts": replace(MOLMO, decoder=replace(MOLMO.decoder, experts=4, experts_per_token=2)),
    "molmo2": MOLMO2,
    "molmo2-tied": replace(MOLMO2, decoder=replace(MOLMO2.decoder, tied=True)),
}


class Learned(NamedTuple):
    """What a run came to."""

    losses: list[float]
    norms: list[float]
    weights: dict[str, Tensor]


class Run:
    """A model that learns."""

    def __init__(
        self, config: MolmoConfig, ours: Processes, *, precision: str = "fp32", frozen: str = "none", seed: int = 0
    ) -> None:
        model = build(config)
        initialise(model, seed, 0.1)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not name.startswith(frozen))
        self.model: Molmo | Molmo2 = model.train()
        self.ours, self.precision = ours, precision
        shard(model, ours, precision=precision, checkpointing=config.family == "molmo")
        self.learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        # Its eps keeps gradients that are 0 but for rounding, those of key biases, from being made steps of full length.
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(self.learning, lr=1e-3, eps=1e-4, fused=False)

    def learn(self, first: int, last: int) -> Learned:
        """Steps from `first` up to, not with, `last`."""
        losses, norms = [], []
        for step in range(first, last):
            rows, labels, weights = batch(self.model.config, step)
            share = range(self.ours.rank * ROWS // self.ours.world, (self.ours.rank + 1) * ROWS // self.ours.world)
            weight = self.ours.summed(weights[list(share)].sum().to(self.ours.device))
            told = torch.zeros((), device=self.ours.device)
            for row in share:
                inputs = [value.to(self.ours.device) for value in rows[row]]
                here = (labels[row : row + 1].to(self.ours.device), weights[row : row + 1].to(self.ours.device))
                with torch.autocast(self.ours.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                    states = self.model.states(*inputs)
                    loss = chunked_losses(self.model.decoder.logits, states, *here, chunk=16)
                torch.autograd.backward((loss.ce + loss.z) / weight * self.ours.world)
                told += loss.ce.detach()
            norms.append(float(clip(self.learning, 1.0)))
            self.optimizer.step()
            self.optimizer.zero_grad()
            losses.append(float(self.ours.summed(told) / weight))
        return Learned(losses, norms, self.weights())

    def weights(self) -> dict[str, Tensor]:
        """Every parameter whole."""
        return {name: whole(parameter.detach()).cpu().clone() for name, parameter in self.model.named_parameters()}

    def moments(self) -> dict[str, dict[str, Tensor]]:
        """What the optimizer remembers of each parameter, whole."""
        state = self.optimizer.state
        return {
            name: {kind: whole(value).cpu().clone() for kind, value in state[parameter].items()}
            for name, parameter in self.model.named_parameters()
            if parameter in state
        }


def whole(x: Tensor) -> Tensor:
    """Of all processes."""
    return x.full_tensor() if hasattr(x, "full_tensor") else x  # type: ignore[no-any-return]


def batch(config: MolmoConfig, step: int) -> tuple[list[tuple[Tensor, ...]], Tensor, Tensor]:
    """The inputs of each row, labels and weights of a step; of the rows 9, 1, 5 and 3 in 10 tokens are learned."""
    chance = torch.Generator().manual_seed(step)
    ids = torch.randint(0, WORDS, (ROWS, TOKENS), generator=chance)
    weights = (torch.rand(ROWS, TOKENS, generator=chance) < torch.tensor([0.9, 0.1, 0.5, 0.3])[:, None]).float()
    labels, patches = ids.roll(-1, 1), config.vit.grid[0] * config.vit.grid[1]
    crops = 2 if config.family == "molmo" else 1
    images = torch.rand(ROWS, crops, patches, config.vit.patch_values, generator=chance)
    if config.family == "molmo":
        share = (torch.rand(ROWS, crops, patches, generator=chance) > 0.2).float()
        places = torch.arange(1, 19).view(1, 2, 9)
        return [(ids[[i]], images[[i]], share[[i]], places) for i in range(ROWS)], labels, weights
    ids[:, 1:10] = config.patch_token
    return [(ids[[i]], images[i], torch.arange(patches).view(9, 4)) for i in range(ROWS)], labels, weights
