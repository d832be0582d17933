"""What a model is charged for its guesses.

B rows, T tokens, M width, N vocabulary
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

Z_LOSS = 1e-4  # of the squared log-sum-exp, in the released recipes


class Losses(NamedTuple):
    """Sums over all tokens: divide by `weight`, in training the weight of all processes."""

    ce: Tensor
    z: Tensor
    right: Tensor  # weight of the tokens whose best guess is the label
    weight: Tensor
    ce_BT: Tensor  # weight times cross-entropy of each token


def token_losses(logits_BTN: Tensor, labels_BT: Tensor, weights_BT: Tensor, z_loss: float = Z_LOSS) -> Losses:
    """Weighted cross-entropy, z-loss and hits in float32. Negative weights count as 0; labels there may be anything."""
    weights_BT = weights_BT.float().clamp(min=0)
    logits_BTN = logits_BTN.float()
    labels_BT = torch.where(weights_BT > 0, labels_BT, 0)  # an image token as a label has no logit
    ce_BT = (
        cross_entropy(logits_BTN.flatten(0, 1), labels_BT.flatten(), reduction="none").view_as(labels_BT) * weights_BT
    )
    z_BT = z_loss * logits_BTN.logsumexp(dim=-1).square() * weights_BT
    right_BT = (logits_BTN.detach().argmax(dim=-1) == labels_BT) * weights_BT
    return Losses(ce_BT.sum(), z_BT.sum(), right_BT.sum(), weights_BT.sum(), ce_BT)


def chunked_losses(
    head: Callable[[Tensor], Tensor],
    states_BTM: Tensor,
    labels_BT: Tensor,
    weights_BT: Tensor,
    chunk: int = 512,
    *,
    z_loss: float = Z_LOSS,
) -> Losses:
    """`token_losses(head(states), …)` without ever holding the logits of more than `chunk` tokens of each row.

    They are computed again in the backward pass: at 152,064 words, logits and their gradient are most of the memory.
    """

    def part(states: Tensor, labels: Tensor, weights: Tensor) -> Losses:
        return token_losses(head(states), labels, weights, z_loss)

    pieces = [
        checkpoint(part, *(x[:, at : at + chunk] for x in (states_BTM, labels_BT, weights_BT)), use_reentrant=False)
        for at in range(0, states_BTM.shape[1], chunk)
    ]
    ce, z, right, weight, ce_BT = zip(*pieces, strict=True)
    return Losses(sum(ce), sum(z), sum(right), sum(weight), torch.cat(ce_BT, dim=1))
