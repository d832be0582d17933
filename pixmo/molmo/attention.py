"""Attention of query heads that may share keys, and who may see whom.

B rows, T tokens asking, S tokens seen, H query heads, K key heads, G = H/K, E head width
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


def attend(q_BHTE: Tensor, k_BKSE: Tensor, v_BKSE: Tensor, mask_B1TS: Tensor | None, causal: bool = False) -> Tensor:
    """Softmax attention, (B, T, H * E); scale 1/sqrt(E). `mask` is True where seen; None and not causal: all see all."""
    B, H, T, E = q_BHTE.shape
    K = k_BKSE.shape[1]
    if H != K and T == 1:  # a decoding step: the G heads of one key head stand in for G tokens, no key is copied
        grouped = q_BHTE.reshape(B, K, H // K, E)
        return scaled_dot_product_attention(grouped, k_BKSE, v_BKSE, attn_mask=mask_B1TS).reshape(B, 1, H * E)
    if H != K:  # copies instead of enable_gqa, which together with a mask leaves the fast kernels
        k_BKSE, v_BKSE = (x.repeat_interleave(H // K, dim=1) for x in (k_BKSE, v_BKSE))
    out_BHTE = scaled_dot_product_attention(q_BHTE, k_BKSE, v_BKSE, attn_mask=mask_B1TS, is_causal=causal)
    return out_BHTE.transpose(1, 2).reshape(B, T, H * E)


def visible(valid_BS: Tensor, asking: int, segments_BS: Tensor | None = None, image_BS: Tensor | None = None) -> Tensor:
    """Which of S tokens each of the last `asking` sees: a boolean (B, 1, asking, S).

    Valid earlier tokens and itself; of those only segments not below its own, when `segments` are given (a shared
    prefix carries a high number, so its followers see it and not each other); all image tokens for image tokens.
    """
    S = valid_BS.shape[1]
    order_S = torch.arange(S, device=valid_BS.device)
    asking_T = order_S[S - asking :]
    seen_BTS = (order_S <= asking_T[:, None]).expand(len(valid_BS), asking, S)
    if image_BS is not None:
        seen_BTS = seen_BTS | (image_BS[:, S - asking :, None] & image_BS[:, None, :])
    if segments_BS is not None:
        seen_BTS = seen_BTS & (segments_BS[:, S - asking :, None] <= segments_BS[:, None, :])
    # Padding sees itself, so that no row of the softmax is empty; nothing valid sees padding.
    return ((seen_BTS & valid_BS[:, None, :]) | (order_S == asking_T[:, None]))[:, None]
