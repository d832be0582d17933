"""The names of the tensors in every published layout, as tables.

A published tensor is one or several pieces, each a run of its rows; a piece is a view of one of our parameters. Reading
copies into the view, writing copies out of it, so one table serves both ways and no name is written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from torch import Tensor

from pixmo.molmo.config import DecoderConfig, MolmoConfig, ViTConfig

View = Callable[[Tensor], Tensor]


class Piece(NamedTuple):
    """Rows of the published tensor `name` (as many as the view has, after those of earlier pieces) = view of `ours`."""

    name: str
    ours: str
    view: View


def whole(x: Tensor) -> Tensor:
    """All of it."""
    return x


def rows(start: int, stop: int) -> View:
    """These rows of ours."""
    return lambda x: x[start:stop]


def leaves(published: str, ours: str, view: View, bias: bool) -> Iterator[Piece]:
    """Weight and, if there is one, bias of a layer."""
    for leaf in ("weight", "bias") if bias else ("weight",):
        yield Piece(f"{published}.{leaf}", f"{ours}.{leaf}", view)


# --- vision blocks ------------------------------------------------------------------------------------------------

# The names of q, k and v, which are one parameter here, and of what follows them.
AI2_BLOCK = (
    "attention.wq", "attention.wk", "attention.wv", "attention.wo", "feed_forward.w1", "feed_forward.w2", "attention_norm",
    "ffn_norm",
)  # fmt: skip
MOLMO2_BLOCK = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.fc1", "mlp.fc2", "layer_norm1",
    "layer_norm2",
)  # fmt: skip
CLIP_BLOCK = (*MOLMO2_BLOCK[:3], "self_attn.out_proj", *MOLMO2_BLOCK[4:])  # and SigLIP's
DINO_BLOCK = (
    "attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense", "mlp.fc1",
    "mlp.fc2", "norm1", "norm2",
)  # fmt: skip


def vision_block(there: str, ours: str, tower: ViTConfig, names: Sequence[str]) -> Iterator[Piece]:
    """A block under the names of one of the tables above."""
    for part, name in enumerate(names[:3]):
        view = rows(part * tower.width, (part + 1) * tower.width)
        yield from leaves(f"{there}.{name}", f"{ours}.attention.qkv", view, True)
    parts = ("attention.out", "mlp.up", "mlp.down", "attention_norm", "mlp_norm")
    for own, name in zip(parts, names[3:], strict=True):
        yield from leaves(f"{there}.{name}", f"{ours}.{own}", whole, True)


# --- vision and connector: the same names in the training code and in the Hub's remote code, for both models ---------


def vision(config: MolmoConfig, prefix: str) -> Iterator[Piece]:
    """Tower and connector under `prefix`vision_backbone."""
    there, tower = f"{prefix}vision_backbone", config.vit
    if config.connector.padding:
        yield Piece(f"{there}.pad_embed", "connector.padding", whole)
    if tower.class_token:
        yield Piece(f"{there}.image_vit.class_embedding", "vit.cls", whole)
    yield Piece(f"{there}.image_vit.positional_embedding", "vit.positions", whole)
    yield from leaves(f"{there}.image_vit.patch_embedding", "vit.patch", whole, tower.patch_bias)
    if tower.pre_norm:
        yield from leaves(f"{there}.image_vit.pre_ln", "vit.pre_norm", whole, True)
    for number in range(tower.depth):
        theirs, ours = f"{there}.image_vit.transformer.resblocks.{number}", f"vit.blocks.{number}"
        yield from vision_block(theirs, ours, tower, AI2_BLOCK)
        if tower.layer_scale:
            yield Piece(f"{theirs}.lambda1", f"{ours}.attention_scale", whole)
            yield Piece(f"{theirs}.lambda2", f"{ours}.mlp_scale", whole)
    pool, projector = f"{there}.image_pooling_2d", f"{there}.image_projector"
    yield from _connector(config, pool, ("wq", "wk", "wv", "wo"), projector, ("w1", "w3", "w2"))


def _connector(
    config: MolmoConfig, pool: str, qkvo: tuple[str, str, str, str], project: str, gate_up_down: tuple[str, str, str]
) -> Iterator[Piece]:
    width, hidden = config.connector.width, config.connector.hidden
    q, k, v, o = qkvo
    yield from leaves(f"{pool}.{q}", "connector.pool.query", whole, True)
    yield from leaves(f"{pool}.{k}", "connector.pool.key_value", rows(0, width), True)
    yield from leaves(f"{pool}.{v}", "connector.pool.key_value", rows(width, 2 * width), True)
    yield from leaves(f"{pool}.{o}", "connector.pool.out", whole, True)
    gate, up, down = gate_up_down
    yield Piece(f"{project}.{gate}.weight", "connector.project.up_gate.weight", rows(hidden, 2 * hidden))
    yield Piece(f"{project}.{up}.weight", "connector.project.up_gate.weight", rows(0, hidden))
    yield Piece(f"{project}.{down}.weight", "connector.project.down.weight", whole)


# --- language models under the names of the training code --------------------------------------------------------


def _table(prefix: str) -> Iterator[Piece]:
    yield Piece(f"{prefix}transformer.wte.embedding", "decoder.embedding.base", whole)
    yield Piece(f"{prefix}transformer.wte.new_embedding", "decoder.embedding.extra", whole)
    yield Piece(f"{prefix}transformer.ln_f.weight", "decoder.norm.weight", whole)


def cut_at(pieces: list[Piece], table_rows: int, config: DecoderConfig) -> list[Piece]:
    """The pieces where the two embedding tables meet after another number of rows.

    transformers saves a Molmo2 under the names of the Hub, but cuts the joined table into halves.
    """
    base, extra = "decoder.embedding.base", "decoder.embedding.extra"
    table = [piece.name for piece in pieces if piece.ours in (base, extra) and "wte" in piece.name]
    if len(table) != 2 or not 0 < table_rows < config.vocabulary:
        return pieces
    cut = [
        Piece(table[0], base, rows(0, table_rows)),
        Piece(table[1], base, rows(table_rows, config.vocabulary)),
        Piece(table[1], extra, whole),
    ]
    return cut + [piece for piece in pieces if piece.name not in table]


def _head(name: str, config: DecoderConfig) -> Piece:
    return Piece(name, "decoder.embedding.base" if config.tied else "decoder.head.weight", whole)


def _ai2_block(there: str, ours: str, config: DecoderConfig, attention: str = "", mlp: str = "") -> Iterator[Piece]:
    yield from leaves(f"{there}.{attention}att_proj", f"{ours}.attention.qkv", whole, config.qkv_bias)
    yield Piece(f"{there}.{attention}attn_out.weight", f"{ours}.attention.out.weight", whole)
    if config.qk_norm != "no":
        yield Piece(f"{there}.{attention}q_norm.weight", f"{ours}.attention.q_norm.weight", whole)
        yield Piece(f"{there}.{attention}k_norm.weight", f"{ours}.attention.k_norm.weight", whole)
    if not config.experts:
        yield Piece(f"{there}.{mlp}ff_proj.weight", f"{ours}.mlp.up_gate.weight", whole)
        yield Piece(f"{there}.{mlp}ff_out.weight", f"{ours}.mlp.down.weight", whole)


def _normed_block(
    there: str, number: int, config: DecoderConfig, attention: str = "", mlp: str = ""
) -> Iterator[Piece]:
    ours = f"decoder.blocks.{number}"
    yield from _ai2_block(there, ours, config, attention, mlp)
    yield Piece(f"{there}.attn_norm.weight", f"{ours}.attention_norm.weight", whole)
    yield Piece(f"{there}.ff_norm.weight", f"{ours}.mlp_norm.weight", whole)


def training(config: MolmoConfig, prefix: str = "") -> Iterator[Piece]:
    """Ai2's training checkpoints of both models; with the prefix `model.` also Molmo's release on the Hub."""
    language = config.decoder
    yield from _table(prefix)
    for number in range(language.depth):
        there, ours = f"{prefix}transformer.blocks.{number}", f"decoder.blocks.{number}"
        yield from _normed_block(there, number, language)
        if language.experts:
            yield Piece(f"{there}.ffn.router.layer.weight", f"{ours}.mlp.router.weight", whole)
            for name, own in (("w1", "gate"), ("v1", "up"), ("w2", "down")):
                yield Piece(f"{there}.ffn.experts.mlp.{name}", f"{ours}.mlp.{own}", lambda x: x.flatten(0, 1))
    if not language.tied:
        yield _head(f"{prefix}transformer.ff_out.weight", language)
    yield from vision(config, prefix)


def hub_molmoe(config: MolmoConfig) -> Iterator[Piece]:
    """MolmoE-1B on the Hub, whose modelling file has names of its own."""
    language = config.decoder
    yield from _table("model.")
    for number in range(language.depth):
        there, ours = f"model.transformer.blocks.{number}", f"decoder.blocks.{number}"
        yield from _ai2_block(there, ours, language, attention="attn.")
        yield Piece(f"{there}.attn.attn_norm.weight", f"{ours}.attention_norm.weight", whole)
        yield Piece(f"{there}.mlp.ff_norm.weight", f"{ours}.mlp_norm.weight", whole)
        yield from _expert_pieces(f"{there}.mlp", f"{ours}.mlp", language)
    yield _head("lm_head.weight", language)
    yield from vision(config, "model.")


def _expert_pieces(there: str, ours: str, config: DecoderConfig) -> Iterator[Piece]:
    yield Piece(f"{there}.gate.weight", f"{ours}.router.weight", whole)
    for expert in range(config.experts):
        for name in ("gate", "up"):
            yield Piece(f"{there}.experts.{expert}.{name}_proj.weight", f"{ours}.{name}", partial(_expert, expert))
        yield Piece(f"{there}.experts.{expert}.down_proj.weight", f"{ours}.down", partial(_expert_turned, expert))


def _expert(number: int, x: Tensor) -> Tensor:
    return x[number]


def _expert_turned(number: int, x: Tensor) -> Tensor:
    return x[number].T


def hub_molmo(config: MolmoConfig) -> Iterator[Piece]:
    """Molmo (2024) on the Hub."""
    return hub_molmoe(config) if config.decoder.experts else training(config, "model.")


def hub_molmo2(config: MolmoConfig) -> Iterator[Piece]:
    """Molmo2 on the Hub (its remote code)."""
    yield from _table("model.")
    for number in range(config.decoder.depth):
        yield from _normed_block(f"model.transformer.blocks.{number}", number, config.decoder, "self_attn.", "mlp.")
    yield _head("lm_head.weight", config.decoder)
    yield from vision(config, "model.")


# --- the names of transformers ------------------------------------------------------------------------------------


def transformers_block(there: str, ours: str, config: DecoderConfig, *, after: bool = False) -> Iterator[Piece]:
    """A block of Qwen2, Qwen3, OLMo2, OLMoE or Olmo3 as transformers names it; `after`: with the names of OLMo's post-norms."""
    edges = [0]
    for letter, heads in zip("qkv", (config.heads, config.kv_heads, config.kv_heads), strict=True):
        edges.append(edges[-1] + heads * config.head_width)
        view = rows(edges[-2], edges[-1])
        yield from leaves(f"{there}.self_attn.{letter}_proj", f"{ours}.attention.qkv", view, config.qkv_bias)
    yield Piece(f"{there}.self_attn.o_proj.weight", f"{ours}.attention.out.weight", whole)
    if config.qk_norm != "no":
        yield Piece(f"{there}.self_attn.q_norm.weight", f"{ours}.attention.q_norm.weight", whole)
        yield Piece(f"{there}.self_attn.k_norm.weight", f"{ours}.attention.k_norm.weight", whole)
    first, second = ("post_attention", "post_feedforward") if after else ("input", "post_attention")
    yield Piece(f"{there}.{first}_layernorm.weight", f"{ours}.attention_norm.weight", whole)
    yield Piece(f"{there}.{second}_layernorm.weight", f"{ours}.mlp_norm.weight", whole)
    if config.experts:
        yield from _expert_pieces(f"{there}.mlp", f"{ours}.mlp", config)
        return
    yield Piece(f"{there}.mlp.up_proj.weight", f"{ours}.mlp.up_gate.weight", rows(0, config.hidden))
    yield Piece(f"{there}.mlp.gate_proj.weight", f"{ours}.mlp.up_gate.weight", rows(config.hidden, 2 * config.hidden))
    yield Piece(f"{there}.mlp.down_proj.weight", f"{ours}.mlp.down.weight", whole)


def transformers_molmo2(config: MolmoConfig) -> Iterator[Piece]:
    """Molmo2 as transformers itself has it."""
    language = "model.language_model"
    yield Piece(f"{language}.embed_tokens.weight", "decoder.embedding.base", whole)
    yield Piece(f"{language}.embed_tokens.weight", "decoder.embedding.extra", whole)
    for number in range(config.decoder.depth):
        yield from transformers_block(f"{language}.layers.{number}", f"decoder.blocks.{number}", config.decoder)
    yield Piece(f"{language}.norm.weight", "decoder.norm.weight", whole)
    yield _head("lm_head.weight", config.decoder)
    yield Piece("model.vision_tower.positional_embedding", "vit.positions", whole)
    yield from leaves("model.vision_tower.patch_embedding", "vit.patch", whole, True)
    for number in range(config.vit.depth):
        yield from vision_block(f"model.vision_tower.layers.{number}", f"vit.blocks.{number}", config.vit, MOLMO2_BLOCK)
    projector = "model.multi_modal_projector"
    yield from _connector(
        config,
        f"{projector}.image_pooling_2d",
        ("q_proj", "k_proj", "v_proj", "o_proj"),
        f"{projector}.image_projector",
        ("gate_proj", "up_proj", "down_proj"),
    )


LAYOUTS: dict[str, Callable[[MolmoConfig], Iterator[Piece]]] = {
    "hub-molmo": hub_molmo,
    "hub-molmo2": hub_molmo2,
    "transformers": transformers_molmo2,
    "training": training,
}
