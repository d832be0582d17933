"""Molmo2: patches pooled over whole pictures and frames, image tokens that see each other.

B rows, T tokens, C crops of the whole batch, P patches, V values of a patch, F features of a patch,
Q pooled tokens of the whole batch, W patches of a window, M width of the language model, N vocabulary
"""

from __future__ import annotations

import torch
from torch import Tensor

from pixmo.molmo.cache import Cache
from pixmo.molmo.molmo import Captioner


class Molmo2(Captioner):
    """The model of 2025, for pictures and video."""

    def forward(
        self,
        input_ids: Tensor,
        images: Tensor | None = None,
        pooling: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        subsegment_ids: Tensor | None = None,
        response_mask: Tensor | None = None,
        cache: Cache | None = None,
        last_only: bool = False,
    ) -> Tensor:
        """Logits (B, T, N), or (B, 1, N) of the last token alone.

        `input_ids` (B, T), -1 for padding; `images` (C, P, V) normalised pixels of all crops and frames; `pooling`
        (Q, W) which patches, counted through all crops, each image token stands for, -1 for none. Pictures pool 4
        patches, frames 9; a batch of both fills up with -1. A row of nothing but -1 is no token.
        """
        states_BTM = self.states(
            input_ids, images, pooling, attention_mask=attention_mask, position_ids=position_ids,
            subsegment_ids=subsegment_ids, response_mask=response_mask, cache=cache,
        )  # fmt: skip
        return self.decoder.logits(states_BTM[:, -1:] if last_only else states_BTM)

    def states(
        self,
        input_ids: Tensor,
        images: Tensor | None = None,
        pooling: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        subsegment_ids: Tensor | None = None,
        response_mask: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """As `forward`, but what the head reads, (B, T, M): for losses that never hold all logits at once."""
        valid_BT = input_ids != -1 if attention_mask is None else attention_mask.bool()
        embeds_BTM = self.embed(input_ids, images, pooling)
        image_BT = self._image_tokens(input_ids) if self.config.bidirectional and images is not None else None
        return self.read(embeds_BTM, valid_BT, position_ids, subsegment_ids, response_mask, image_BT, cache)

    def embed(self, input_ids: Tensor, images: Tensor | None = None, pooling: Tensor | None = None) -> Tensor:
        """Token embeddings with the image features added, (B, T, M).

        ValueError when there are not as many `<im_patch>` tokens as pooled features.
        """
        embeds_BTM: Tensor = self.decoder.embedding(input_ids)
        if images is None:
            return embeds_BTM
        if pooling is None:
            raise ValueError("images need their pooling")
        features_QM = self.image_features(images, pooling).to(embeds_BTM.dtype)
        place = (input_ids.flatten() == self.config.patch_token).nonzero()[:, 0]
        if len(place) != len(features_QM):
            raise ValueError(f"{len(place)} image tokens for {len(features_QM)} image features")
        return embeds_BTM.flatten(0, 1).index_add(0, place, features_QM).view_as(embeds_BTM)

    def image_features(self, images_CPV: Tensor, pooling_QW: Tensor) -> Tensor:
        """Features as tokens, (Q, M), of the rows of `pooling` that name a patch."""
        pooling_QW = pooling_QW[(pooling_QW >= 0).any(dim=1)]
        x_CPF = self.vit(images_CPV.to(self.vit.patch.weight.dtype), self.config.connector.vit_layers)
        windows_QWF = x_CPF.flatten(0, 1)[pooling_QW.clamp(min=0)]
        return self.connector(windows_QWF, pooling_QW >= 0)  # type: ignore[no-any-return]

    def _image_tokens(self, input_ids: Tensor) -> Tensor:
        return torch.isin(input_ids, torch.tensor(self.config.image_tokens, device=input_ids.device))
