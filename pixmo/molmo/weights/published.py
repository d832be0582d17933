"""`config.json` as others publish it, and our numbers: both ways, with no import of their code.

Each table goes from our field to their key and serves reading and writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pixmo.errors import BadSource
from pixmo.molmo.build import CLIP
from pixmo.molmo.config import (
    Activation,
    ConnectorConfig,
    DecoderConfig,
    MolmoConfig,
    Resize,
    ViTConfig,
    Yarn,
    require_sound,
)

Json = Mapping[str, Any]  # parsed JSON of others: any values
Table = Mapping[str, str]

ACTIVATIONS: dict[str, Activation] = {"quick_gelu": "quick_gelu", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu"}
ACTIVATION_NAMES = {ours: theirs for theirs, ours in ACTIVATIONS.items()}

_AI2 = {
    "vocabulary": "embedding_size", "theta": "rope_theta", "norm_eps": "layer_norm_eps", "norm_after": "norm_after",
    "qkv_bias": "qkv_bias", "max_positions": "max_position_embeddings", "tied": "weight_tying",
}  # fmt: skip
MOLMO = _AI2 | {"width": "hidden_size", "depth": "num_hidden_layers", "heads": "num_attention_heads"}
TRAINED = _AI2 | {"width": "d_model", "depth": "n_layers", "heads": "n_heads", "extra_tokens": "additional_vocab_size"}
EXPERTS = {"experts": "moe_num_experts", "experts_per_token": "moe_top_k"}
TOWER = {
    "width": "image_emb_dim", "heads": "image_num_heads", "mlp_width": "image_mlp_dim", "depth": "image_num_layers",
    "patch_px": "image_patch_size", "norm_eps": "image_norm_eps", "positions": "image_num_pos",
}  # fmt: skip

_PARTS = {"width": "hidden_size", "heads": "num_attention_heads"}
VISION2 = _PARTS | {"mlp_width": "intermediate_size", "depth": "num_hidden_layers", "norm_eps": "layer_norm_eps"}
VISION2_HUB = VISION2 | {"patch_px": "image_patch_size", "positions": "image_num_pos"}
VISION2_NATIVE = VISION2 | {"patch_px": "patch_size", "positions": "num_position_embeddings"}
CONNECTOR2 = _PARTS | {"hidden": "intermediate_size"}
TEXT2 = _PARTS | {
    "depth": "num_hidden_layers", "kv_heads": "num_key_value_heads", "head_width": "head_dim",
    "hidden": "intermediate_size", "vocabulary": "vocab_size", "norm_after": "norm_after",
    "extra_tokens": "additional_vocab_size", "max_positions": "max_position_embeddings",
}  # fmt: skip
TEXT2_HUB = TEXT2 | {"norm_eps": "layer_norm_eps", "qkv_bias": "qkv_bias"}
TEXT2_NATIVE = TEXT2 | {"norm_eps": "rms_norm_eps", "qkv_bias": "attention_bias"}
YARN = {
    "factor": "factor", "original_positions": "original_max_position_embeddings", "beta_fast": "beta_fast",
    "beta_slow": "beta_slow", "attention_factor": "attention_factor",
}  # fmt: skip
TOKENS = {  # offset from the first added token
    "image_start_token_id": 0, "image_end_token_id": 1, "image_patch_id": 2, "image_col_id": 3,
    "low_res_image_start_token_id": 4, "image_low_res_id": 6, "frame_start_token_id": 7, "frame_end_token_id": 8,
}  # fmt: skip


def numbers(table: Table, told: Json) -> dict[str, Any]:
    """Our fields from their keys; ValueError for a value that is no number."""
    for key in table.values():
        if not isinstance(told[key], int | float) or told[key] < 0:
            raise ValueError(f"{key} is {told[key]!r}, not a number")
    return {ours: told[key] for ours, key in table.items()}


def _require(told: Json, **only: object) -> None:
    """ValueError for a setting that is there and says another thing than the only one our parts know."""
    for key, value in only.items():
        if told.get(key, value) != value:
            raise ValueError(f"{key} is {told[key]!r}, which no released Molmo has; known is {value!r}")


def _write(table: Table, of: object) -> dict[str, Any]:
    return {key: getattr(of, ours) for ours, key in table.items()}


def read_config(published: Json, where: str = "config.json", vision: Json | None = None) -> MolmoConfig:
    """Our numbers of a published `config.json`.

    `vision` replaces the settings that Molmo's release keeps in its code (the 336 px CLIP tower), in the words of the
    training configuration. BadSource names what is missing or is another model's.
    """
    kind = published.get("model_type")
    if kind not in ("molmo", "molmo2"):
        raise BadSource(f"{where}: the model is a {kind!r}, not 'molmo' or 'molmo2'")
    try:
        if kind == "molmo2":
            made = _read_molmo2(published)
        elif "d_model" in published:
            made = _read_trained(published)
        else:
            made = _read_molmo(published, vision or published.get("vision_backbone"))
        require_sound(made)
        return made
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise BadSource(f"{where}: not a Molmo's settings: {type(error).__name__} at {error}") from error
    except ValueError as error:
        raise BadSource(f"{where}: {error}") from error


def read_training_config(settings: Json, where: str = "config.yaml") -> MolmoConfig:
    """Our numbers of the `config.yaml` beside a training checkpoint of Molmo (2024)."""
    try:
        made = _read_trained({"max_position_embeddings": settings["model"]["max_sequence_length"]} | settings["model"])
        require_sound(made)
        return made
    except (LookupError, TypeError, AttributeError, ArithmeticError, ValueError) as error:
        told = f"{type(error).__name__} at {error}"
        raise BadSource(f"{where}: not a Molmo's training settings: {told}; give the model's name") from error


def write_config(config: MolmoConfig, layout: str) -> dict[str, Any]:
    """A `config.json` for a checkpoint in `layout` ("hub-molmo", "hub-molmo2", "transformers")."""
    if layout != "hub-molmo":
        return _write_molmo2(config, hub=layout == "hub-molmo2")
    return _write_trained(config) if config.decoder.experts else _write_molmo(config)


# --- Molmo (2024) ------------------------------------------------------------------------------------------------


def _read_molmo(c: Json, vision: Json | None) -> MolmoConfig:
    _require(c, clip_qkv=None, layer_norm_type="rms")
    heads = c["num_attention_heads"]
    decoder = DecoderConfig(
        **numbers(MOLMO, {"weight_tying": False} | dict(c)),
        kv_heads=c["num_key_value_heads"] or heads,
        head_width=c["hidden_size"] // heads,
        hidden=c["intermediate_size"] // 2,
        qk_norm="full" if c["attention_layer_norm"] else "no",
    )
    return _with_tower(decoder, c["vocab_size"], vision)


def _read_trained(c: Json) -> MolmoConfig:
    """The training configuration, which MolmoE-1B publishes as it is."""
    _require(c, clip_qkv=None, layer_norm_type="rms")
    fused = c["mlp_hidden_size"] or c["mlp_ratio"] * c["d_model"]
    experts = numbers(EXPERTS, c) if c["block_type"] == "moe" else {}
    decoder = DecoderConfig(
        **numbers(TRAINED, c),
        **experts,
        kv_heads=c["n_kv_heads"] or c["n_heads"],
        head_width=c["head_dim"] or c["d_model"] // c["n_heads"],
        hidden=fused // 2,
        qk_norm="full" if c["attention_layer_norm"] else "no",
    )
    beside = {key: c[key] for key in ("vit_layers", "image_padding_embed")}
    return _with_tower(decoder, c["vocab_size"], dict(c["vision_backbone"]) | beside)


def _with_tower(decoder: DecoderConfig, first_special: int, vision: Json | None) -> MolmoConfig:
    tower, layers = (CLIP, (21, 14)) if vision is None else _read_tower(vision)
    padding = vision is None or vision.get("image_padding_embed", "pad_and_partial_pad") is not None
    connector = ConnectorConfig(layers, tower.width, tower.heads, decoder.hidden, padding=padding)
    return MolmoConfig("molmo", tower, connector, decoder, first_special)


def _read_tower(v: Json) -> tuple[ViTConfig, tuple[int, ...]]:
    kind = v["image_model_type"]
    if kind not in ("openai", "siglip", "dino"):
        raise ValueError(f"no vision tower named {kind!r}")
    _require(v, image_num_key_value_heads=v["image_num_heads"])
    if v["image_num_heads"] * v["image_head_dim"] != v["image_emb_dim"]:
        raise ValueError("the heads of the vision tower do not make up its width")
    height, width = v["image_default_input_size"]
    resize: Any = v.get("resize_mode") or {"openai": "default"}.get(kind, kind)
    if resize not in get_args(Resize):
        raise ValueError(f"resize_mode is {resize!r}, not one of {', '.join(get_args(Resize))}")
    tower = ViTConfig(
        **numbers(TOWER, v),
        resize=resize,
        image_px=(height, width),
        activation=ACTIVATIONS[v["image_mlp_activations"]],
        class_token=kind != "siglip",
        pre_norm=kind == "openai",
        patch_bias=kind != "openai",
        layer_scale=kind == "dino",
    )
    return tower, tuple(layer % tower.depth for layer in v["vit_layers"])


def _write_molmo(config: MolmoConfig) -> dict[str, Any]:
    d = config.decoder
    settings = _write(MOLMO, d) | {
        "model_type": "molmo",
        "architectures": ["MolmoForCausalLM"],
        "vocab_size": config.first_special,
        "intermediate_size": 2 * d.hidden,
        "num_key_value_heads": d.kv_heads,
        "attention_layer_norm": d.qk_norm == "full",
        "layer_norm_type": "rms",
        "use_position_ids": True,
        "clip_qkv": None,
        "tie_word_embeddings": d.tied,
    }
    if config.vit != CLIP:  # the layout has no words for another tower: added, so that we can read it again
        settings["vision_backbone"] = _write_tower(config) | _beside(config)
    return settings


def _write_trained(config: MolmoConfig) -> dict[str, Any]:
    d = config.decoder
    return (_write(TRAINED, d) | _write(EXPERTS, d) | _beside(config)) | {
        "model_type": "molmo",
        "architectures": ["OLMoForCausalLM"],
        "vocab_size": config.first_special,
        "n_kv_heads": d.kv_heads,
        "head_dim": d.head_width,
        "mlp_hidden_size": 2 * d.hidden,
        "attention_layer_norm": d.qk_norm == "full",
        "layer_norm_type": "rms",
        "block_type": "moe",
        "vision_backbone": _write_tower(config),
    }


def _beside(config: MolmoConfig) -> dict[str, Any]:
    padding = "pad_and_partial_pad" if config.connector.padding else None
    return {"vit_layers": list(config.connector.vit_layers), "image_padding_embed": padding}


def _write_tower(config: MolmoConfig) -> dict[str, Any]:
    v = config.vit
    return _write(TOWER, v) | {
        "image_model_type": "dino" if v.layer_scale else "openai" if v.class_token else "siglip",
        "resize_mode": v.resize,
        "image_default_input_size": list(v.image_px),
        "image_pos_patch_size": v.patch_px,
        "image_num_key_value_heads": v.heads,
        "image_head_dim": v.width // v.heads,
        "image_mlp_activations": ACTIVATION_NAMES[v.activation],
    }


# --- Molmo2: the Hub's words and those of transformers ------------------------------------------------------------


def _read_molmo2(c: Json) -> MolmoConfig:
    hub = "vit_config" in c
    v, a, t = c["vit_config" if hub else "vision_config"], c["adapter_config"], c["text_config"]
    _require(a, hidden_act="silu", pooling_attention_mask=True)
    _require(t, hidden_act="silu")
    for part in (v, a):
        _require(part, num_key_value_heads=part["num_attention_heads"])
        if part["num_attention_heads"] * part["head_dim"] != part["hidden_size"]:
            raise ValueError("the heads of a vision part do not make up its width")
    layers = tuple(layer % v["num_hidden_layers"] for layer in a["vit_layers" if hub else "vision_feature_layer"])
    height, width = v["image_default_input_size" if hub else "image_size"]
    vision = numbers(VISION2_HUB if hub else VISION2_NATIVE, v)
    vision["depth"] = max(layers) + 1  # the settings count blocks that were never published
    vit = ViTConfig(**vision, image_px=(height, width), activation=ACTIVATIONS[v["hidden_act"]], resize="siglip")
    first = c["image_patch_id"] - TOKENS["image_patch_id"]
    for key, offset in TOKENS.items():
        if c.get(key, first + offset) != first + offset:
            raise ValueError(f"{key} is {c[key]}, which is not {first + offset}, its place after image_patch_id")
    connector = ConnectorConfig(vit_layers=layers, **numbers(CONNECTOR2, a))
    return MolmoConfig("molmo2", vit, connector, _read_text2(t, hub), first, bidirectional=True)


def _read_text2(t: Json, hub: bool) -> DecoderConfig:
    # The Hub's rope_scaling is null where there is none.
    rope = {**(t["rope_scaling"] or {}), "rope_theta": t["rope_theta"]} if hub else dict(t["rope_parameters"])
    norm = {"qwen3": "head", "olmo": "full"}[t["qk_norm_type"]] if t.get("use_qk_norm", True) else "no"
    return DecoderConfig(
        **numbers(TEXT2_HUB if hub else TEXT2_NATIVE, t),
        theta=rope["rope_theta"],
        qk_norm=norm,  # type: ignore[arg-type]  # one of the values above
        yarn=_read_yarn(rope, t.get("rope_scaling_layers"), t["num_hidden_layers"]),
    )


def _read_yarn(rope: Json, layers: list[int] | None, depth: int) -> Yarn | None:
    kind = rope.get("rope_type", "default")
    if kind == "default":
        return None
    if kind != "yarn":
        raise ValueError(f"no rotary scaling named {kind!r}")
    usual = {"beta_fast": 32.0, "beta_slow": 1.0}
    told = {key: value for key, value in rope.items() if value is not None}
    return Yarn(**numbers(YARN, usual | told), layers=tuple(range(depth) if layers is None else layers))


def _write_molmo2(config: MolmoConfig, *, hub: bool) -> dict[str, Any]:
    v, c, d = config.vit, config.connector, config.decoder
    vision = _write(VISION2_HUB if hub else VISION2_NATIVE, v) | {
        "num_key_value_heads": v.heads,
        "head_dim": v.width // v.heads,
        "hidden_act": ACTIVATION_NAMES[v.activation],
        ("image_default_input_size" if hub else "image_size"): list(v.image_px),
    }
    adapter = _write(CONNECTOR2, c) | {
        "num_key_value_heads": c.heads,
        "head_dim": c.width // c.heads,
        "text_hidden_size": d.width,
        "hidden_act": "silu",
        ("vit_layers" if hub else "vision_feature_layer"): list(c.vit_layers),
    }
    if hub:
        vision |= {"float32_attention": True}
        adapter |= {"float32_attention": True, "pooling_attention_mask": True}
    return {
        "architectures": ["Molmo2ForConditionalGeneration"],
        "model_type": "molmo2",
        ("vit_config" if hub else "vision_config"): vision,
        "adapter_config": adapter,
        "text_config": _write_text2(d, hub),
        **{key: config.first_special + offset for key, offset in TOKENS.items()},
        "tie_word_embeddings": False,
    }


def _write_text2(d: DecoderConfig, hub: bool) -> dict[str, Any]:
    rope = None if d.yarn is None else _write(YARN, d.yarn) | {"rope_type": "yarn"}
    text = _write(TEXT2_HUB if hub else TEXT2_NATIVE, d) | {
        "qk_norm_type": "qwen3" if d.qk_norm == "head" else "olmo",
        "hidden_act": "silu",
        "rope_scaling_layers": None if d.yarn is None else list(d.yarn.layers),
    }
    if hub:
        return text | {"rope_theta": d.theta, "rope_scaling": rope, "use_qk_norm": d.qk_norm != "no"}
    return text | {"rope_parameters": {"rope_theta": d.theta, **(rope or {"rope_type": "default"})}}
