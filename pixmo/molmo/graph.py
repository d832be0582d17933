"""A decoding step with nothing left to decide on the host: the same kernels on the same memory for every token.

On a GPU the step is recorded once as a CUDA graph and played back: at one row the launch of kernels, not memory, would
set the pace. B rows, N capacity of the cache (also: the vocabulary)
"""

from __future__ import annotations

import torch
from torch import Tensor

from pixmo.molmo.cache import Cache
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2


def can_be_static(model: Molmo | Molmo2, rows: int) -> bool:
    """Whether a step over so many rows never asks the device: one device, and few enough rows for gathered experts."""
    config = model.config.decoder
    few = not config.experts or rows * config.experts_per_token <= config.experts
    return few and len({parameter.device for parameter in model.parameters()}) == 1


class Step:
    """One more token for every row of a filled cache: tokens (B,) to logits (B, vocabulary), which the next call overwrites.

    While it is used the cache is written at a position that lives on the device, and all of its capacity is attended
    to under a mask.
    """

    def __init__(self, model: Molmo | Molmo2, cache: Cache) -> None:
        self.model, self.cache = model, cache
        self.at_1 = torch.tensor([cache.length], device=cache.valid_BN.device)
        self.token_B = torch.zeros(len(cache.valid_BN), dtype=torch.long, device=cache.valid_BN.device)
        self.next_B = cache.next_B.clone()
        self.recorded: tuple[torch.cuda.CUDAGraph, Tensor] | None = None

    def __call__(self, token_B: Tensor) -> Tensor:
        """Logits after `token_B`."""
        if self.cache.length == self.cache.capacity:
            raise ValueError(f"the cache holds {self.cache.capacity} tokens and is full")
        self.token_B.copy_(token_B)
        self.at_1.fill_(self.cache.length)
        if not token_B.is_cuda:
            logits = self._run()
        else:
            if self.recorded is None:
                self.recorded = self._record()
            graph, logits = self.recorded
            graph.replay()
        self.next_B += 1
        self.cache.next_B = self.next_B
        self.cache.finish(1)
        return logits

    def _run(self) -> Tensor:
        cache, decoder = self.cache, self.model.decoder
        cache.valid_BN.index_fill_(1, self.at_1, True)
        cache.at_1 = self.at_1
        try:
            x_B1M = decoder.embedding(self.token_B[:, None])
            states_B1M = decoder(x_B1M, self.next_B[:, None], cache.valid_BN[:, None, None], cache)
        finally:
            cache.at_1 = None
        return decoder.logits(states_B1M[:, -1])

    def _record(self) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Run a few times aside, so that libraries have chosen their kernels, then record. What runs write is the same."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self._run()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = self._run()
        return graph, logits
