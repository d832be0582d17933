"""Vision towers: CLIP, MetaCLIP, SigLIP, SigLIP2, DINOv2.

C crops, P patches, L = P + 1 with a class token else P, V values of a patch, D width, H heads, E head width,
F = D times the number of blocks asked for
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pixmo.molmo.attention import attend
from pixmo.molmo.config import Activation, ViTConfig


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's cheap GELU."""
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "quick_gelu": quick_gelu,
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    "gelu": functional.gelu,
}


class VisionAttention(nn.Module):
    """Every patch sees every patch of its crop."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x_CLD: Tensor) -> Tensor:
        """Same shape; the product of q and k is in float32 unless autocast decides."""
        C, L, D = x_CLD.shape
        q, k, v = self.qkv(x_CLD).view(C, L, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        out_CLD = attend(q.float(), k.float(), v.float(), None).to(x_CLD.dtype)
        return self.out(out_CLD)  # type: ignore[no-any-return]


class VisionMLP(nn.Module):
    """Two biased layers."""

    def __init__(self, width: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        hidden: Tensor = self.up(x)
        return self.down(self.activation(hidden))  # type: ignore[no-any-return]


class VisionBlock(nn.Module):
    """Pre-norm attention and feed-forward, each scaled per channel where the tower has layer scales (DINOv2)."""

    attention_scale: nn.Parameter | None
    mlp_scale: nn.Parameter | None

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width, config.norm_eps)
        self.attention = VisionAttention(config.width, config.heads)
        self.mlp_norm = nn.LayerNorm(config.width, config.norm_eps)
        self.mlp = VisionMLP(config.width, config.mlp_width, config.activation)
        self.attention_scale = nn.Parameter(torch.ones(config.width)) if config.layer_scale else None
        self.mlp_scale = nn.Parameter(torch.ones(config.width)) if config.layer_scale else None

    def forward(self, x_CLD: Tensor) -> Tensor:
        """Same shape."""
        branch: Tensor = self.attention(self.attention_norm(x_CLD))
        x_CLD = x_CLD + (branch if self.attention_scale is None else branch * self.attention_scale)
        branch = self.mlp(self.mlp_norm(x_CLD))
        return x_CLD + (branch if self.mlp_scale is None else branch * self.mlp_scale)


class ViT(nn.Module):
    """A tower that gives the outputs of some of its blocks."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False  # recompute the blocks in the backward pass
        self.patch = nn.Linear(config.patch_values, config.width, bias=config.patch_bias)
        self.cls = nn.Parameter(torch.zeros(config.width)) if config.class_token else None
        self.positions = nn.Parameter(torch.zeros(config.positions, config.width))
        self.pre_norm = nn.LayerNorm(config.width, config.norm_eps) if config.pre_norm else nn.Identity()
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config.depth))

    def forward(self, pixels_CPV: Tensor, layers: tuple[int, ...]) -> Tensor:
        """Outputs of the blocks `layers` side by side, (C, P, F), without the class token; deeper blocks do not run."""
        x_CLD = self.patch(pixels_CPV)
        if self.cls is not None:
            x_CLD = torch.cat((self.cls.to(x_CLD.dtype).expand(len(x_CLD), 1, -1), x_CLD), dim=1)
        x_CLD = self.pre_norm(x_CLD + self.position_rows().to(x_CLD.dtype))
        outputs = {}
        for number, block in enumerate(self.blocks[: max(layers) + 1]):
            x_CLD = (
                checkpoint(block, x_CLD, use_reentrant=False) if self.checkpointing and self.training else block(x_CLD)
            )
            outputs[number] = x_CLD
        features_CLF = torch.cat([outputs[layer] for layer in layers], dim=-1)
        return features_CLF if self.cls is None else features_CLF[:, 1:]

    def position_rows(self) -> Tensor:
        """The position table for the grid of the crops, (L, D): as stored, or interpolated from a square table."""
        prefix = int(self.cls is not None)
        rows, columns = self.config.grid
        table_PD = self.positions[prefix:]
        if len(table_PD) == rows * columns:
            return self.positions
        side = round(len(table_PD) ** 0.5)
        square_1Dss = table_PD.float().view(1, side, side, -1).permute(0, 3, 1, 2)
        resized = functional.interpolate(square_1Dss, (rows, columns), mode="bicubic", antialias=True)
        return torch.cat((self.positions[:prefix], resized.flatten(2)[0].T.to(self.positions.dtype)))
