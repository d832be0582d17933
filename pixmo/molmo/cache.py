"""What a model has read: keys and values of every block, allocated once.

B rows, S tokens read so far, N capacity, K key heads, E head width
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pixmo.molmo.config import DecoderConfig


class Cache:
    """Room for `capacity` tokens in each of `rows` rows. Models fill it; `length` tokens are in it.

    `devices` are those of the blocks, one for each; `home` is where the tokens come from.
    """

    def __init__(
        self,
        config: DecoderConfig,
        rows: int,
        capacity: int,
        dtype: torch.dtype,
        devices: Sequence[torch.device],
        home: torch.device,
    ) -> None:
        shape = (2, rows, config.kv_heads, capacity, config.head_width)
        self.store = [torch.zeros(shape, dtype=dtype, device=device) for device in devices]
        self.valid_BN = torch.zeros(rows, capacity, dtype=torch.bool, device=home)
        self.next_B = torch.zeros(rows, dtype=torch.long, device=home)  # position of each row's next token
        self.at_1: Tensor | None = None  # where the next token goes, told on the device (pixmo.molmo.graph)
        self.padded = False  # some row holds padding: only then a mask is needed
        self.length = 0

    def begin(self, valid_BT: Tensor, positions_BT: Tensor, padded: bool) -> None:
        """Take note of the tokens whose keys follow; `finish` when all blocks have stored them."""
        T = valid_BT.shape[1]
        if self.length + T > self.capacity:
            raise ValueError(f"the cache holds {self.capacity} tokens, {self.length + T} were given")
        self.valid_BN[:, self.length : self.length + T] = valid_BT
        self.next_B = positions_BT.amax(dim=1) + 1
        self.padded |= padded

    def append(self, block: int, k_BKTE: Tensor, v_BKTE: Tensor) -> tuple[Tensor, Tensor]:
        """Store the keys and values of one block; returns those of all tokens read, (B, K, S, E) each."""
        keys, values = self.store[block][0], self.store[block][1]
        k_BKTE, v_BKTE = k_BKTE.detach(), v_BKTE.detach()  # nobody learns through what was read before
        if self.at_1 is not None:
            return keys.index_copy_(2, self.at_1, k_BKTE), values.index_copy_(2, self.at_1, v_BKTE)
        end = self.length + k_BKTE.shape[2]
        keys[:, :, self.length : end] = k_BKTE
        values[:, :, self.length : end] = v_BKTE
        return keys[:, :, :end], values[:, :, :end]

    def finish(self, tokens: int) -> None:
        """All blocks have stored `tokens` more."""
        self.length += tokens

    def select(self, rows_B: Tensor) -> None:
        """Keep these rows in this order; a row may be taken more than once (beam search)."""
        self.store = [store.index_select(1, rows_B.to(store.device)) for store in self.store]
        self.valid_BN = self.valid_BN.index_select(0, rows_B)
        self.next_B = self.next_B.index_select(0, rows_B)

    @property
    def capacity(self) -> int:
        """How many tokens fit into a row."""
        return self.valid_BN.shape[1]
