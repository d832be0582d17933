"""Base models to start a captioner from: a language model and a vision tower as transformers saves them.

Language: Qwen2, Qwen3, OLMo (1024 preview, 2, 3), OLMoE. Towers: CLIP, MetaCLIP, SigLIP, SigLIP2, DINOv2.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pixmo.errors import BadSource
from pixmo.molmo.config import DecoderConfig, ViTConfig
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.weights.layouts import CLIP_BLOCK, DINO_BLOCK, Piece, leaves, transformers_block, vision_block, whole
from pixmo.molmo.weights.read import Checkpoint, Report, compare, fill, open_checkpoint, opened, shapes


def load_language(model: Molmo | Molmo2, folder: str | Path) -> Report:
    """Fill the decoder from a base model; the rows that Molmo adds stay as they are.

    Raises BadSource when a tensor is missing or of another shape. The report tells what was not taken.
    """
    checkpoint, config = open_checkpoint(folder), model.config.decoder
    embed, pieces = "model.embed_tokens.weight", list(_language(config))
    if "lm_head.weight" not in checkpoint.tensors and checkpoint.settings.get("tie_word_embeddings"):
        pieces = [piece for piece in pieces if piece.name != "lm_head.weight"]
        if not config.tied:  # ours are apart: the head begins as a copy
            fill(model, [Piece(embed, "decoder.head.weight", whole)], checkpoint)
    return _take(model, pieces, checkpoint)


def load_tower(model: Molmo | Molmo2, folder: str | Path) -> Report:
    """Fill the vision tower from a base model, blocks beyond ours left out, positions resized to our grid.

    Raises BadSource when a tensor is missing or of another shape. The report tells what was not taken.
    """
    checkpoint, tower = open_checkpoint(folder), model.config.vit
    names = checkpoint.tensors
    prefix = "vision_model." if any(name.startswith("vision_model.") for name in names) else ""
    table = next((name for name in names if name.startswith(f"{prefix}embeddings.position_embedding")), None)
    if table is None:
        raise BadSource(f"{checkpoint.folder}: no vision tower of a known kind (CLIP, MetaCLIP, SigLIP, DINOv2)")
    is_dino = f"{prefix}embeddings.cls_token" in names
    pieces = list(_dino(tower) if is_dino else _clip(tower, prefix))
    with opened(names[table].file) as file, torch.no_grad():
        stored: Tensor = file.get_tensor(table).flatten(0, -2)
        if stored.shape[1] != tower.width:
            raise BadSource(f"{checkpoint.folder}: a tower {stored.shape[1]} wide, needed {tower.width}")
        model.vit.positions.copy_(resized(stored, tower))
    report = _take(model, pieces, checkpoint)
    return Report(unexpected=tuple(name for name in report.unexpected if name != table))


def resized(table_LD: Tensor, tower: ViTConfig) -> Tensor:
    """A position table for the grid of `tower`, bicubic where it was for another; the class token's row is kept."""
    prefix = int(tower.class_token)
    (high, wide), side = tower.grid, round((len(table_LD) - prefix) ** 0.5)
    if side * side != len(table_LD) - prefix:
        raise BadSource(f"a position table of {len(table_LD)} rows is not that of a square grid")
    if (side, side) == (high, wide):
        return table_LD
    square = table_LD[prefix:].float().view(1, side, side, -1).permute(0, 3, 1, 2)
    # A tenth of a patch more than asked, as the towers' own code has it: else rounding may lose a row.
    made = interpolate(square, scale_factor=((high + 0.1) / side, (wide + 0.1) / side), mode="bicubic")
    return torch.cat((table_LD[:prefix], made.flatten(2)[0].T.to(table_LD.dtype)))


def _take(model: Molmo | Molmo2, pieces: list[Piece], checkpoint: Checkpoint) -> Report:
    report = compare(checkpoint, shapes(pieces, model))
    if report.missing or report.misshaped:
        told = Report(missing=report.missing, misshaped=report.misshaped)
        raise BadSource(f"{checkpoint.folder}: not the base of this model: {told}")
    fill(model, pieces, checkpoint)
    return report


def _language(config: DecoderConfig) -> Iterator[Piece]:
    yield Piece("model.embed_tokens.weight", "decoder.embedding.base", whole)
    for number in range(config.depth):
        theirs, ours = f"model.layers.{number}", f"decoder.blocks.{number}"
        yield from transformers_block(theirs, ours, config, after=config.norm_after)
    yield Piece("model.norm.weight", "decoder.norm.weight", whole)
    if not config.tied:
        yield Piece("lm_head.weight", "decoder.head.weight", whole)


def _kernel(tower: ViTConfig, name: str) -> Iterator[Piece]:
    """The patch embedding as a convolution: channels first there, last here."""
    side = tower.patch_px
    yield Piece(f"{name}.weight", "vit.patch.weight", lambda x: x.view(-1, side, side, 3).permute(0, 3, 1, 2))
    if tower.patch_bias:
        yield Piece(f"{name}.bias", "vit.patch.bias", whole)


def _clip(tower: ViTConfig, prefix: str) -> Iterator[Piece]:
    yield from _kernel(tower, f"{prefix}embeddings.patch_embedding")
    if tower.class_token:
        yield Piece(f"{prefix}embeddings.class_embedding", "vit.cls", whole)
    if tower.pre_norm:
        yield from leaves(f"{prefix}pre_layrnorm", "vit.pre_norm", whole, True)  # sic
    for number in range(tower.depth):
        yield from vision_block(f"{prefix}encoder.layers.{number}", f"vit.blocks.{number}", tower, CLIP_BLOCK)


def _dino(tower: ViTConfig) -> Iterator[Piece]:
    yield from _kernel(tower, "embeddings.patch_embeddings.projection")
    yield Piece("embeddings.cls_token", "vit.cls", lambda x: x.view(1, 1, -1))
    for number in range(tower.depth):
        theirs, ours = f"encoder.layer.{number}", f"vit.blocks.{number}"
        yield from vision_block(theirs, ours, tower, DINO_BLOCK)
        yield Piece(f"{theirs}.layer_scale1.lambda1", f"{ours}.attention_scale", whole)
        yield Piece(f"{theirs}.layer_scale2.lambda1", f"{ours}.mlp_scale", whole)
