"""`config.json` as others publish it, and our numbers: both ways, with no import of their code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixmo.errors import BadSource
from pixmo.molmo.build import CLIP
from pixmo.molmo.config import Activation, ConnectorConfig, DecoderConfig, MolmoConfig, ViTConfig, Yarn

Json = Mapping[str, Any]  # parsed JSON of others: any values
ACTIVATIONS: dict[str, Activation] = {"quick_gelu": "quick_gelu", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu"}
TOKENS = {  # offset from the first added token
    "image_start_token_id": 0,
    "image_end_token_id": 1,
    "image_patch_id": 2,
    "image_col_id": 3,
    "low_res_image_start_token_id": 4,
    "image_low_res_id": 6,
    "frame_start_token_id": 7,
    "frame_end_token_id": 8,
}


def read_config(published: Json, where: str = "config.json", vision: Json | None = None) -> MolmoConfig:
    """Our numbers of a published `config.json`.

    `vision` replaces the settings that Molmo's release keeps in its code (the 336 px CLIP tower), in the words of the
    training configuration. BadSource names what is missing or is another model's.
    """
    try:
        if published.get("model_type") == "molmo2":
            return _molmo2(published)
        if published.get("model_type") == "molmo":
            if "d_model" in published:
                return _trained(published)
            return _molmo(published, vision or published.get("vision_backbone"))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadSource(f"{where}: not a Molmo's settings: {type(error).__name__} at {error}") from error
    except ValueError as error:
        raise BadSource(f"{where}: {error}") from error
    raise BadSource(f"{where}: the model is a {published.get('model_type')!r}, not 'molmo' or 'molmo2'")


def read_training_config(settings: Json, where: str = "config.yaml") -> MolmoConfig:
    """Our numbers of the `config.yaml` beside a training checkpoint of Molmo (2024)."""
    try:
        return _trained(settings["model"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadSource(
            f"{where}: not a Molmo's training settings: {type(error).__name__} at {error}; give the model's name"
        ) from error


# --- Molmo (2024) -------------------------------------------------------------------------------------------------


def _molmo(c: Json, vision: Json | None) -> MolmoConfig:
    heads = c["num_attention_heads"]
    decoder = DecoderConfig(
        width=c["hidden_size"],
        depth=c["num_hidden_layers"],
        heads=heads,
        kv_heads=c["num_key_value_heads"] or heads,
        head_width=c["hidden_size"] // heads,
        hidden=c["intermediate_size"] // 2,
        vocabulary=c["embedding_size"],
        theta=c["rope_theta"],
        norm_eps=c["layer_norm_eps"],
        norm_after=c["norm_after"],
        qk_norm="full" if c["attention_layer_norm"] else "no",
        qkv_bias=c["qkv_bias"],
        max_positions=c["max_position_embeddings"],
        tied=c.get("weight_tying", False),
    )
    return _with_tower(decoder, c["vocab_size"], vision)


def _trained(c: Json) -> MolmoConfig:
    """The training configuration, which MolmoE-1B publishes as it is."""
    heads = c["n_heads"]
    fused = c["mlp_hidden_size"] or c["mlp_ratio"] * c["d_model"]
    decoder = DecoderConfig(
        width=c["d_model"],
        depth=c["n_layers"],
        heads=heads,
        kv_heads=c["n_kv_heads"] or heads,
        head_width=c["head_dim"] or c["d_model"] // heads,
        hidden=fused // 2,
        vocabulary=c["embedding_size"],
        theta=c["rope_theta"],
        norm_eps=c["layer_norm_eps"],
        norm_after=c["norm_after"],
        qk_norm="full" if c["attention_layer_norm"] else "no",
        qkv_bias=c["qkv_bias"],
        experts=c["moe_num_experts"] if c["block_type"] == "moe" else 0,
        experts_per_token=c["moe_top_k"] if c["block_type"] == "moe" else 0,
        extra_tokens=c["additional_vocab_size"],
        max_positions=c.get("max_position_embeddings") or c["max_sequence_length"],
        tied=c["weight_tying"],
    )
    return _with_tower(decoder, c["vocab_size"], {**c["vision_backbone"], "vit_layers": c["vit_layers"]})


def _with_tower(decoder: DecoderConfig, first_special: int, vision: Json | None) -> MolmoConfig:
    tower, layers = (CLIP, (21, 14)) if vision is None else read_tower(vision)
    connector = ConnectorConfig(layers, tower.width, tower.heads, decoder.hidden, padding=True)
    return MolmoConfig("molmo", tower, connector, decoder, first_special)


def read_tower(v: Json) -> tuple[ViTConfig, tuple[int, ...]]:
    """A tower and the blocks it is asked for, in the words of Ai2's training configuration."""
    if v["image_model_type"] not in ("openai", "siglip", "dino"):
        raise ValueError(f"no vision tower named {v['image_model_type']!r}")
    if v["image_num_heads"] * v["image_head_dim"] != v["image_emb_dim"]:
        raise ValueError("the heads of the vision tower do not make up its width")
    kind, depth = v["image_model_type"], v["image_num_layers"]
    tower = ViTConfig(
        width=v["image_emb_dim"],
        heads=v["image_num_heads"],
        mlp_width=v["image_mlp_dim"],
        depth=depth,
        image_px=_pair(v["image_default_input_size"]),
        patch_px=v["image_patch_size"],
        activation=ACTIVATIONS[v["image_mlp_activations"]],
        norm_eps=v["image_norm_eps"],
        positions=v["image_num_pos"],
        class_token=kind != "siglip",
        pre_norm=kind == "openai",
        patch_bias=kind != "openai",
        layer_scale=kind == "dino",
    )
    return tower, tuple(layer % depth for layer in v["vit_layers"])


def _pair(size: Any) -> tuple[int, int]:  # a list of two in JSON
    height, width = size
    return height, width


# --- Molmo2: the Hub's words and those of transformers ------------------------------------------------------------


def _molmo2(c: Json) -> MolmoConfig:
    hub = "vit_config" in c
    v, a, t = c["vit_config" if hub else "vision_config"], c["adapter_config"], c["text_config"]
    told = a["vit_layers" if hub else "vision_feature_layer"]
    layers = tuple(layer % v["num_hidden_layers"] for layer in told)
    for key, heads in (("hidden_size", v), ("hidden_size", a)):
        if heads["num_attention_heads"] * heads["head_dim"] != heads[key]:
            raise ValueError("the heads of a vision part do not make up its width")
    if a.get("pooling_attention_mask", True) is not True:
        raise ValueError("pooling without a mask is no released Molmo2's")
    size = v["image_default_input_size" if hub else "image_size"]
    patch = v["image_patch_size" if hub else "patch_size"]
    vit = ViTConfig(
        width=v["hidden_size"],
        heads=v["num_attention_heads"],
        mlp_width=v["intermediate_size"],
        depth=max(layers) + 1,  # the settings count blocks that were never published
        image_px=_pair(size),
        patch_px=patch,
        activation=ACTIVATIONS[v["hidden_act"]],
        norm_eps=v["layer_norm_eps"],
        positions=v.get("image_num_pos" if hub else "num_position_embeddings")
        or (size[0] // patch) * (size[1] // patch),
    )
    first = c["image_patch_id"] - TOKENS["image_patch_id"]
    for key, offset in TOKENS.items():
        if c.get(key, first + offset) != first + offset:
            raise ValueError(f"{key} is {c[key]}, which is not {first + offset}, its place after image_patch_id")
    connector = ConnectorConfig(layers, a["hidden_size"], a["num_attention_heads"], a["intermediate_size"])
    return MolmoConfig("molmo2", vit, connector, _molmo2_decoder(t, hub), first, bidirectional=True)


def _molmo2_decoder(t: Json, hub: bool) -> DecoderConfig:
    rope = (
        {**(t["rope_scaling"] or {}), "rope_theta": t["rope_theta"]} if hub else dict(t["rope_parameters"])
    )  # the Hub's rope_scaling is null where there is none
    norm = {"qwen3": "head", "olmo": "full"}[t["qk_norm_type"]] if t.get("use_qk_norm", True) else "no"
    return DecoderConfig(
        width=t["hidden_size"],
        depth=t["num_hidden_layers"],
        heads=t["num_attention_heads"],
        kv_heads=t["num_key_value_heads"],
        head_width=t["head_dim"],
        hidden=t["intermediate_size"],
        vocabulary=t["vocab_size"],
        theta=rope["rope_theta"],
        norm_eps=t["layer_norm_eps" if hub else "rms_norm_eps"],
        norm_after=t["norm_after"],
        qk_norm=norm,  # type: ignore[arg-type]  # one of the values above
        qkv_bias=t["qkv_bias" if hub else "attention_bias"],
        extra_tokens=t["additional_vocab_size"],
        max_positions=t["max_position_embeddings"],
        yarn=_yarn(rope, t.get("rope_scaling_layers"), t["num_hidden_layers"]),
    )


def _yarn(rope: Json, layers: list[int] | None, depth: int) -> Yarn | None:
    if rope.get("rope_type", "default") == "default":
        return None
    if rope["rope_type"] != "yarn":
        raise ValueError(f"no rotary scaling named {rope['rope_type']!r}")
    return Yarn(
        factor=rope["factor"],
        original_positions=rope["original_max_position_embeddings"],
        beta_fast=rope.get("beta_fast") or 32.0,
        beta_slow=rope.get("beta_slow") or 1.0,
        attention_factor=rope["attention_factor"],
        layers=tuple(range(depth) if layers is None else layers),
    )


# --- writing ------------------------------------------------------------------------------------------------------


def write_config(config: MolmoConfig, layout: str) -> dict[str, Any]:
    """A `config.json` for a checkpoint in `layout` ("hub-molmo", "hub-molmo2", "transformers")."""
    if layout == "hub-molmo":
        return _write_molmo(config)
    return _write_molmo2(config, hub=layout == "hub-molmo2")


def _write_molmo(config: MolmoConfig) -> dict[str, Any]:
    d = config.decoder
    common = {
        "model_type": "molmo",
        "vocab_size": config.first_special,
        "embedding_size": d.vocabulary,
        "rope_theta": d.theta,
        "layer_norm_eps": d.norm_eps,
        "layer_norm_type": "rms",
        "attention_layer_norm": d.qk_norm == "full",
        "norm_after": d.norm_after,
        "qkv_bias": d.qkv_bias,
        "max_position_embeddings": d.max_positions,
        "use_position_ids": True,
        "clip_qkv": None,
        "weight_tying": d.tied,
        "tie_word_embeddings": d.tied,
        "torch_dtype": "float32",
    }
    if d.experts:
        return common | _write_molmoe(config)
    if config.vit != CLIP:  # this layout has no words for another tower: ours are added, so that we can read it again
        common["vision_backbone"] = _write_tower(config)
    return common | {
        "architectures": ["MolmoForCausalLM"],
        "hidden_size": d.width,
        "intermediate_size": 2 * d.hidden,
        "num_hidden_layers": d.depth,
        "num_attention_heads": d.heads,
        "num_key_value_heads": d.kv_heads,
    }


def _write_molmoe(config: MolmoConfig) -> dict[str, Any]:
    d = config.decoder
    return {
        "architectures": ["OLMoForCausalLM"],
        "d_model": d.width,
        "n_layers": d.depth,
        "n_heads": d.heads,
        "n_kv_heads": d.kv_heads,
        "head_dim": d.head_width,
        "mlp_hidden_size": 2 * d.hidden,
        "mlp_ratio": 1,
        "block_type": "moe",
        "moe_num_experts": d.experts,
        "moe_top_k": d.experts_per_token,
        "additional_vocab_size": d.extra_tokens,
        "vision_backbone": _write_tower(config),
        "vit_layers": list(config.connector.vit_layers),
    }


def _write_tower(config: MolmoConfig) -> dict[str, Any]:
    v = config.vit
    kind = "dino" if v.layer_scale else "openai" if v.class_token else "siglip"
    names = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
    return {
        "image_model_type": kind,
        "image_default_input_size": list(v.image_px),
        "image_patch_size": v.patch_px,
        "image_pos_patch_size": v.patch_px,
        "image_emb_dim": v.width,
        "image_num_heads": v.heads,
        "image_num_key_value_heads": v.heads,
        "image_num_layers": v.depth,
        "image_head_dim": v.width // v.heads,
        "image_mlp_dim": v.mlp_width,
        "image_mlp_activations": names[v.activation],
        "image_num_pos": v.positions,
        "image_norm_eps": v.norm_eps,
        "vit_layers": list(config.connector.vit_layers),
    }


def _write_molmo2(config: MolmoConfig, *, hub: bool) -> dict[str, Any]:
    v, c, d = config.vit, config.connector, config.decoder
    names = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
    vision = {
        "hidden_size": v.width,
        "intermediate_size": v.mlp_width,
        "num_hidden_layers": v.depth,
        "num_attention_heads": v.heads,
        "num_key_value_heads": v.heads,
        "head_dim": v.width // v.heads,
        "hidden_act": names[v.activation],
        "layer_norm_eps": v.norm_eps,
        ("image_default_input_size" if hub else "image_size"): list(v.image_px),
        ("image_patch_size" if hub else "patch_size"): v.patch_px,
        ("image_num_pos" if hub else "num_position_embeddings"): v.positions,
    }
    adapter = {
        ("vit_layers" if hub else "vision_feature_layer"): list(c.vit_layers),
        "hidden_size": c.width,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.heads,
        "head_dim": c.width // c.heads,
        "intermediate_size": c.hidden,
        "text_hidden_size": d.width,
        "hidden_act": "silu",
    }
    if hub:
        vision |= {"float32_attention": True}
        adapter |= {"float32_attention": True, "pooling_attention_mask": True}
    return {
        "architectures": ["Molmo2ForConditionalGeneration"],
        "model_type": "molmo2",
        ("vit_config" if hub else "vision_config"): vision,
        "adapter_config": adapter,
        "text_config": _write_molmo2_text(d, hub),
        **{key: config.first_special + offset for key, offset in TOKENS.items()},
        "tie_word_embeddings": False,
    }


def _write_molmo2_text(d: DecoderConfig, hub: bool) -> dict[str, Any]:
    rope: dict[str, Any] | None = None
    if d.yarn is not None:
        rope = {
            "rope_type": "yarn",
            "factor": d.yarn.factor,
            "original_max_position_embeddings": d.yarn.original_positions,
            "beta_fast": d.yarn.beta_fast,
            "beta_slow": d.yarn.beta_slow,
            "attention_factor": d.yarn.attention_factor,
        }
    text = {
        "hidden_size": d.width,
        "num_hidden_layers": d.depth,
        "num_attention_heads": d.heads,
        "num_key_value_heads": d.kv_heads,
        "head_dim": d.head_width,
        "intermediate_size": d.hidden,
        "vocab_size": d.vocabulary,
        "additional_vocab_size": d.extra_tokens,
        "qk_norm_type": "qwen3" if d.qk_norm == "head" else "olmo",
        "norm_after": d.norm_after,
        "max_position_embeddings": d.max_positions,
        "rope_scaling_layers": None if d.yarn is None else list(d.yarn.layers),
        ("layer_norm_eps" if hub else "rms_norm_eps"): d.norm_eps,
        ("qkv_bias" if hub else "attention_bias"): d.qkv_bias,
        "hidden_act": "silu",
    }
    if hub:
        return text | {"rope_theta": d.theta, "rope_scaling": rope, "use_qk_norm": d.qk_norm != "no"}
    return text | {"rope_parameters": {"rope_theta": d.theta, **(rope or {"rope_type": "default"})}}
