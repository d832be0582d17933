"""Molmo (2024): crops pooled one by one, their features added to the tokens that stand for them.

B rows, T tokens, C crops, P patches, V values of a patch, F features of a patch, W patches of a window,
Q pooled features of a crop, M width of the language model, N vocabulary
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pixmo.molmo.attention import visible
from pixmo.molmo.cache import Cache
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.connector import Connector
from pixmo.molmo.decoder import Decoder
from pixmo.molmo.vit import ViT


class Captioner(nn.Module):
    """What both Molmos share: a tower, a connector, a decoder, and how tokens are read."""

    def __init__(self, config: MolmoConfig) -> None:
        super().__init__()
        self.config = config
        self.vit = ViT(config.vit)
        self.connector = Connector(config.connector, config.vit.width, config.decoder.width)
        self.decoder = Decoder(config.decoder)

    def cache(self, rows: int, capacity: int) -> Cache:
        """An empty cache on the devices of the blocks, in their type."""
        weights = [block.get_parameter("attention.out.weight") for block in self.decoder.blocks]
        devices, home = [weight.device for weight in weights], self.decoder.embedding.base.device
        return Cache(self.config.decoder, rows, capacity, weights[0].dtype, devices, home)

    def read(
        self,
        embeds_BTM: Tensor,
        valid_BT: Tensor,
        position_ids: Tensor | None = None,
        subsegment_ids: Tensor | None = None,
        response_mask: Tensor | None = None,
        image_BT: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """States of the last block for embedded tokens, (B, T, M); `cache` takes them in and answers for what it holds."""
        T = embeds_BTM.shape[1]
        padded = (cache is not None and cache.padded) or (T > 1 and not bool(valid_BT.all()))  # asks the device once
        if position_ids is None:
            position_ids = (valid_BT.cumsum(dim=1) - 1).clamp(min=0)
            if cache is not None:
                position_ids = position_ids + cache.next_B[:, None]
        valid_BS = valid_BT
        if cache is not None:
            cache.begin(valid_BT, position_ids, padded)
            valid_BS = cache.valid_BN[:, : cache.length + T]
        more = subsegment_ids is not None or image_BT is not None or (valid_BS.shape[1] > T > 1)
        mask = visible(valid_BS, T, subsegment_ids, image_BT) if padded or more else None
        states_BTM: Tensor = self.decoder(embeds_BTM, position_ids, mask, cache, response_mask)
        if cache is not None:
            cache.finish(T)
        return states_BTM


class Molmo(Captioner):
    """The model of 2024."""

    def forward(
        self,
        input_ids: Tensor,
        images: Tensor | None = None,
        image_masks: Tensor | None = None,
        image_input_idx: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        subsegment_ids: Tensor | None = None,
        response_mask: Tensor | None = None,
        cache: Cache | None = None,
        last_only: bool = False,
    ) -> Tensor:
        """Logits (B, T, N), or (B, 1, N) of the last token alone.

        `input_ids` (B, T), -1 for padding; `images` (B, C, P, V) normalised pixels, unused crops all -1;
        `image_masks` (B, C, P) share of real pixels; `image_input_idx` (B, C, Q) where each feature goes, negative
        for nowhere. `subsegment_ids` and `response_mask` (B, T) serve packed annotations and dropout in training.
        """
        states_BTM = self.states(
            input_ids, images, image_masks, image_input_idx,
            attention_mask=attention_mask, position_ids=position_ids, subsegment_ids=subsegment_ids,
            response_mask=response_mask, cache=cache,
        )  # fmt: skip
        return self.decoder.logits(states_BTM[:, -1:] if last_only else states_BTM)

    def states(
        self,
        input_ids: Tensor,
        images: Tensor | None = None,
        image_masks: Tensor | None = None,
        image_input_idx: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        subsegment_ids: Tensor | None = None,
        response_mask: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """As `forward`, but what the head reads, (B, T, M): for losses that never hold all logits at once."""
        valid_BT = input_ids != -1 if attention_mask is None else attention_mask.bool()
        embeds_BTM = self.embed(input_ids, images, image_masks, image_input_idx)
        return self.read(embeds_BTM, valid_BT, position_ids, subsegment_ids, response_mask, cache=cache)

    def embed(
        self,
        input_ids: Tensor,
        images: Tensor | None = None,
        image_masks: Tensor | None = None,
        image_input_idx: Tensor | None = None,
    ) -> Tensor:
        """Token embeddings with the image features added, (B, T, M)."""
        embeds_BTM: Tensor = self.decoder.embedding(input_ids)
        if images is None:
            return embeds_BTM
        if image_input_idx is None or image_masks is None:
            raise ValueError("images need image_masks and image_input_idx")
        B, T, M = embeds_BTM.shape
        features_BCQM = self.image_features(images, image_masks)
        kept = image_input_idx >= 0
        row = torch.arange(B, device=kept.device)[:, None, None].expand_as(kept)
        place = (row * T + image_input_idx)[kept]
        return embeds_BTM.reshape(B * T, M).index_add(0, place, features_BCQM[kept].to(embeds_BTM.dtype)).view(B, T, M)

    def image_features(self, images_BCPV: Tensor, masks_BCP: Tensor) -> Tensor:
        """Features of every crop as tokens, (B, C, Q, M); unused crops (all values -1) give what is never used."""
        B, C, P, _ = images_BCPV.shape
        used = (images_BCPV != -1).flatten(2).any(dim=2).flatten()
        pixels = images_BCPV.flatten(0, 1).to(self.vit.patch.weight.dtype)
        seen = self.vit(pixels[used], self.config.connector.vit_layers)
        x_CPF = seen.new_zeros(B * C, P, seen.shape[-1]).index_put((used,), seen)
        x_CPF = self.connector.mark_padding(x_CPF, masks_BCP.flatten(0, 1))
        features: Tensor = self.connector(self._windows(x_CPF).flatten(0, 1))
        return features.view(B, C, -1, features.shape[-1])

    def _windows(self, x_CPF: Tensor) -> Tensor:
        """Patches grouped by window, (C, Q, W, F), row by row; odd grids get zeros on the right and below."""
        (rows, columns), (high, wide) = self.config.vit.grid, self.config.connector.window
        C, _, F = x_CPF.shape
        x = functional.pad(x_CPF.view(C, rows, columns, F), (0, 0, 0, -columns % wide, 0, -rows % high))
        x = x.reshape(C, -(-rows // high), high, -(-columns // wide), wide, F)
        return x.transpose(2, 3).reshape(C, -1, high * wide, F)
