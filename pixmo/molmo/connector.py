"""The connector: patches of a window pooled by attention, then projected to the width of the language model.

W patches of a window, A windows, F features of a patch, D width of the pooling, H heads, E head width, M model width
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from pixmo.molmo.attention import attend
from pixmo.molmo.config import ConnectorConfig


class SwiGLU(nn.Module):
    """down(silu(gate x) * up x); `up_gate` holds the rows of up, then those of gate."""

    def __init__(self, width: int, hidden: int, out: int) -> None:
        super().__init__()
        self.up_gate = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) to (…, out)."""
        up, gate = self.up_gate(x).chunk(2, dim=-1)
        return self.down(silu(gate) * up)  # type: ignore[no-any-return]


class PoolAttention(nn.Module):
    """The mean of a window asks, its patches answer."""

    def __init__(self, features: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, width)
        self.key_value = nn.Linear(features, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x_AWF: Tensor, present_AW: Tensor | None = None) -> Tensor:
        """(A, D). Patches that are not `present` count neither in the mean nor as keys; None: all are."""
        if present_AW is None:
            mean_AF, mask = x_AWF.mean(dim=1), None
        else:
            weight_AW1 = present_AW[..., None].to(x_AWF.dtype)
            x_AWF = x_AWF * weight_AW1
            mean_AF = x_AWF.sum(dim=1) / weight_AW1.sum(dim=1).clamp(min=1)
            mask = (present_AW | ~present_AW.any(dim=1, keepdim=True))[:, None, None]  # an empty window sees zeros
        A, W, _ = x_AWF.shape
        q_AH1E = self.query(mean_AF).view(A, self.heads, 1, -1)
        k_AHWE, v_AHWE = self.key_value(x_AWF).view(A, W, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        pooled_A1D = attend(q_AH1E.float(), k_AHWE.float(), v_AHWE.float(), mask).to(x_AWF.dtype)
        return self.out(pooled_A1D[:, 0])  # type: ignore[no-any-return]


class Connector(nn.Module):
    """Windows of patch features to tokens of the language model."""

    def __init__(self, config: ConnectorConfig, vit_width: int, model_width: int) -> None:
        super().__init__()
        self.config = config
        features = len(config.vit_layers) * vit_width
        self.padding = nn.Parameter(torch.zeros(2, features)) if config.padding else None
        self.pool = PoolAttention(features, config.width, config.heads)
        self.project = SwiGLU(config.width, config.hidden, model_width)

    def forward(self, windows_AWF: Tensor, present_AW: Tensor | None = None) -> Tensor:
        """(A, M)."""
        return self.project(self.pool(windows_AWF, present_AW))  # type: ignore[no-any-return]

    def mark_padding(self, x_CPF: Tensor, share_CP: Tensor) -> Tensor:
        """`x` plus a learned vector where all (share 0) or a part (below 1, also -1) of a patch is padding."""
        if self.padding is None:
            return x_CPF
        whole, partly = self.padding.to(x_CPF.dtype)
        share_CP1 = share_CP[..., None]
        marked = torch.where(share_CP1 == 0, whole, torch.where(share_CP1 < 1, partly, torch.zeros_like(partly)))
        return x_CPF + marked.to(x_CPF.dtype)
