"""Language models: Qwen2, OLMo, OLMoE, Qwen3, Olmo3.

B rows, T tokens, M width, H heads, K key heads, E head width, X experts, I hidden width of an expert, N vocabulary
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pixmo.molmo.attention import attend
from pixmo.molmo.cache import Cache
from pixmo.molmo.config import DecoderConfig
from pixmo.molmo.connector import SwiGLU
from pixmo.molmo.rope import Turn, frequencies, rotate, turn


class RMSNorm(nn.Module):
    """x / rms(x) in float32, cast back, then times the weight: the released models round in this order."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Same shape, over the last dimension."""
        return functional.rms_norm(x, x.shape[-1:], None, self.eps) * self.weight


class Embedding(nn.Module):
    """Two tables read as one: the base model's, and the rows that Molmo adds."""

    def __init__(self, vocabulary: int, extra: int, width: int) -> None:
        super().__init__()
        self.base = nn.Parameter(torch.zeros(vocabulary, width))
        self.extra = nn.Parameter(torch.zeros(extra, width))

    def forward(self, ids_BT: Tensor) -> Tensor:
        """(B, T, M); negative ids (padding) read as 0."""
        rows = len(self.base)
        base_BTM = functional.embedding(ids_BT.clamp(0, rows - 1), self.base)
        if not len(self.extra):
            return base_BTM
        extra_BTM = functional.embedding((ids_BT - rows).clamp(min=0), self.extra)
        return torch.where((ids_BT >= rows)[..., None], extra_BTM, base_BTM)


class Experts(nn.Module):
    """A mixture of gated feed-forwards; each token takes its best few, weighted by a softmax over all."""

    def __init__(self, width: int, hidden: int, experts: int, per_token: int) -> None:
        super().__init__()
        self.per_token = per_token
        self.router = nn.Linear(width, experts, bias=False)
        self.up = nn.Parameter(torch.zeros(experts, hidden, width))
        self.gate = nn.Parameter(torch.zeros(experts, hidden, width))
        self.down = nn.Parameter(torch.zeros(experts, hidden, width))  # transposed, as in the training code

    def forward(self, x: Tensor) -> Tensor:
        """(…, M) to the same; the weights of the chosen are not normalised to one."""
        x_AM = x.flatten(0, -2)
        share_AX = self.router(x_AM).float().softmax(dim=-1)
        share_AC, chosen_AC = share_AX.topk(self.per_token, dim=-1)
        few = len(x_AM) * self.per_token <= len(self.up)
        y_AM = (self._gathered if few else self._by_expert)(x_AM, share_AC.to(x.dtype), chosen_AC)
        return y_AM.view(x.shape)

    def _gathered(self, x_AM: Tensor, share_AC: Tensor, chosen_AC: Tensor) -> Tensor:
        """For few tokens: the weights come to the tokens, without a word from the device to the host."""
        up_ACI = torch.einsum("acim,am->aci", self.up[chosen_AC], x_AM)
        gate_ACI = torch.einsum("acim,am->aci", self.gate[chosen_AC], x_AM)
        hidden_ACI = functional.silu(gate_ACI) * up_ACI * share_AC[..., None]
        return torch.einsum("aci,acim->am", hidden_ACI, self.down[chosen_AC])

    def _by_expert(self, x_AM: Tensor, share_AC: Tensor, chosen_AC: Tensor) -> Tensor:
        """For many tokens: the tokens come to the weights, expert by expert."""
        y_AM = torch.zeros_like(x_AM)
        for expert in range(len(self.up)):
            token, place = (chosen_AC == expert).nonzero(as_tuple=True)
            taken = x_AM[token]
            hidden = functional.silu(taken @ self.gate[expert].T) * (taken @ self.up[expert].T)
            y_AM = y_AM.index_add(0, token, (hidden @ self.down[expert] * share_AC[token, place, None]).to(x_AM.dtype))
        return y_AM


class Attention(nn.Module):
    """Causal attention with rotary positions and fewer key heads than query heads."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        H, K, E = config.heads, config.kv_heads, config.head_width
        self.qkv = nn.Linear(config.width, (H + 2 * K) * E, bias=config.qkv_bias)
        self.out = nn.Linear(H * E, config.width, bias=False)
        if config.qk_norm != "no":
            full = config.qk_norm == "full"
            self.q_norm = RMSNorm(H * E if full else E, config.norm_eps)
            self.k_norm = RMSNorm(K * E if full else E, config.norm_eps)

    def forward(self, x_BTM: Tensor, seen: Seen, block: int) -> Tensor:
        """Same shape."""
        B, T, _ = x_BTM.shape
        H, K, E = self.config.heads, self.config.kv_heads, self.config.head_width
        qkv = self.qkv(x_BTM)
        if self.config.qk_norm == "full":
            q, k, v = qkv.split((H * E, K * E, K * E), dim=-1)
            qkv = torch.cat((self.q_norm(q), self.k_norm(k), v), dim=-1)
        heads = qkv.view(B, T, H + 2 * K, E)
        if self.config.qk_norm == "head":
            q, k, v = heads.split((H, K, K), dim=2)
            heads = torch.cat((self.q_norm(q), self.k_norm(k), v), dim=2)
        turned = rotate(heads[:, :, : H + K], seen.turns[block]).transpose(1, 2)
        q, k, v = turned[:, :H], turned[:, H:], heads[:, :, H + K :].transpose(1, 2)
        if seen.cache is not None:
            k, v = seen.cache.append(block, k, v)
        return self.out(attend(q, k, v, seen.mask, seen.causal))  # type: ignore[no-any-return]


class Seen(NamedTuple):
    """What all blocks share in one pass: the angles of each block, who sees whom, what was read before."""

    turns: list[Turn]
    mask: Tensor | None
    causal: bool
    cache: Cache | None
    keep: Tensor | None = None  # (B, T, 1) share of activations that dropout keeps; None: all


class Block(nn.Module):
    """Attention, then feed-forward; normed before each, or after it inside the branch (`norm_after`)."""

    def __init__(self, config: DecoderConfig, number: int) -> None:
        super().__init__()
        self.number, self.norm_after = number, config.norm_after
        self.attention_norm = RMSNorm(config.width, config.norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = RMSNorm(config.width, config.norm_eps)
        if config.experts:
            self.mlp: nn.Module = Experts(config.width, config.hidden, config.experts, config.experts_per_token)
        else:
            self.mlp = SwiGLU(config.width, config.hidden, config.width)

    def forward(self, x_BTM: Tensor, seen: Seen) -> Tensor:
        """Same shape."""
        if self.norm_after:
            x_BTM = x_BTM + drop(self.attention_norm(self.attention(x_BTM, seen, self.number)), seen.keep)
            return x_BTM + drop(self.mlp_norm(self.mlp(x_BTM)), seen.keep)
        x_BTM = x_BTM + drop(self.attention(self.attention_norm(x_BTM), seen, self.number), seen.keep)
        return x_BTM + drop(self.mlp(self.mlp_norm(x_BTM)), seen.keep)


def drop(x_BTM: Tensor, keep_BT1: Tensor | None) -> Tensor:
    """Dropout with its own rate for each token: survivors are divided by the share kept."""
    if keep_BT1 is None:
        return x_BTM
    return x_BTM * torch.bernoulli(keep_BT1.expand_as(x_BTM)).to(x_BTM.dtype) / keep_BT1.to(x_BTM.dtype)


class Decoder(nn.Module):
    """Embeddings in, last states out; `logits` reads the states. Dropout rates are set by who trains."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False  # recompute the blocks in the backward pass
        self.dropout, self.response_dropout = 0.0, 0.0
        self.embedding = Embedding(config.vocabulary, config.extra_tokens, config.width)
        self.blocks = nn.ModuleList(Block(config, number) for number in range(config.depth))
        self.norm = RMSNorm(config.width, config.norm_eps)
        self.head = None if config.tied else nn.Linear(config.width, config.vocabulary, bias=False)
        self._frequencies: dict[tuple[torch.device, bool], Tensor] = {}

    def forward(
        self,
        x_BTM: Tensor,
        positions_BT: Tensor,
        mask: Tensor | None,
        cache: Cache | None = None,
        response_BT: Tensor | None = None,
    ) -> Tensor:
        """States after the last norm, (B, T, M). Without a mask tokens see those before them."""
        seen = Seen(
            self._turns(positions_BT), mask, mask is None and x_BTM.shape[1] > 1, cache, self._keep(x_BTM, response_BT)
        )
        for block in self.blocks:
            if self.checkpointing and self.training:
                x_BTM = checkpoint(block, x_BTM, seen, use_reentrant=False)
            else:
                x_BTM = block(x_BTM, seen)
        return self.norm(x_BTM)  # type: ignore[no-any-return]

    def logits(self, states_BTM: Tensor) -> Tensor:
        """Scores of the base vocabulary, (…, N): the added tokens cannot be said."""
        if self.head is None:
            return functional.linear(states_BTM, self.embedding.base)
        return self.head(states_BTM)  # type: ignore[no-any-return]

    def _turns(self, positions_BT: Tensor) -> list[Turn]:
        yarn = self.config.yarn
        plain = turn(positions_BT, self._angle_steps(positions_BT.device, stretched=False))
        if yarn is None:
            return [plain] * self.config.depth
        stretched = turn(positions_BT, self._angle_steps(positions_BT.device, stretched=True), yarn.attention_factor)
        return [stretched if number in yarn.layers else plain for number in range(self.config.depth)]

    def _angle_steps(self, device: torch.device, *, stretched: bool) -> Tensor:
        """Not a buffer: weights built on the meta device would have to be given it separately."""
        key = (device, stretched)
        if key not in self._frequencies:
            made = frequencies(self.config.head_width, self.config.theta, self.config.yarn if stretched else None)
            self._frequencies[key] = made.to(device)
        return self._frequencies[key]

    def _keep(self, x_BTM: Tensor, response_BT: Tensor | None) -> Tensor | None:
        """Share kept per token. A response rate of 0 means no rate of its own, as in the released training code."""
        if not self.training or not (self.dropout or self.response_dropout):
            return None
        keep_BT1 = x_BTM.new_full((*x_BTM.shape[:2], 1), 1 - self.dropout, dtype=torch.float32)
        if self.response_dropout and response_BT is not None:
            keep_BT1 = torch.where(response_BT[..., None], 1 - self.response_dropout, keep_BT1)
        return keep_BT1
