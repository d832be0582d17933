"""What a checkpoint is, told from its headers: for people before they load it, and for `pixmo model inspect`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from pixmo.molmo.build import MODELS, build
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.weights.read import (
    Checkpoint,
    Report,
    compare,
    config_in,
    layout_of,
    open_checkpoint,
    pieces_of,
    shapes,
)


@dataclass(frozen=True)
class Inspection:
    """A checkpoint against the model that its settings describe."""

    checkpoint: Checkpoint
    layout: str
    config: MolmoConfig
    parameters: int
    types: tuple[str, ...]  # of its tensors, the most frequent first
    report: Report

    @property
    def name(self) -> str | None:
        """The released model of these numbers."""
        return next((name for name, config in MODELS.items() if config == self.config), None)

    def __str__(self) -> str:
        c, d = self.config, self.config.decoder
        experts = f", {d.experts} experts of which {d.experts_per_token} answer" if d.experts else ""
        lines = (
            f"model       {self.name or 'not a released size'} ({c.family})",
            f"layout      {self.layout}, {len(self.checkpoint.files)} file(s), {self.checkpoint.bytes / 1e9:.2f} GB",
            f"parameters  {self.parameters:,} as {', '.join(self.types)}",
            f"language    {d.depth} blocks {d.width} wide, {d.heads} heads over {d.kv_heads}, {d.vocabulary:,} words{experts}",
            f"vision      {c.vit.depth} blocks {c.vit.width} wide, {c.vit.image_px[0]}×{c.vit.image_px[1]} px in {c.vit.patch_px}s",
            f"tensors     {self.report}",
        )
        return "\n".join(lines)


def inspect(path: str | Path, *, config: MolmoConfig | None = None) -> Inspection:
    """Compare a checkpoint's headers with what its settings (or `config`) need; BadSource when it is no Molmo at all."""
    checkpoint = open_checkpoint(path)
    layout, config = layout_of(checkpoint), config or config_in(checkpoint)
    model = build(config, device="meta")
    return Inspection(
        checkpoint,
        layout,
        config,
        parameters=sum(torch.Size(stored.shape).numel() for stored in checkpoint.tensors.values()),
        types=tuple(kind for kind, _ in Counter(stored.type for stored in checkpoint.tensors.values()).most_common()),
        report=compare(checkpoint, shapes(pieces_of(checkpoint, config), model)),
    )
