"""Base models by the `config.json` that transformers gives them: which of our parts each one is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pixmo.errors import BadSource
from pixmo.molmo.config import DecoderConfig, ViTConfig, Yarn, require_sound
from pixmo.molmo.settings import read_json
from pixmo.molmo.weights.published import ACTIVATIONS, YARN, Json, numbers

Config = TypeVar("Config", DecoderConfig, ViTConfig)

_LANGUAGE = {
    "width": "hidden_size", "depth": "num_hidden_layers", "heads": "num_attention_heads", "hidden": "intermediate_size",
    "vocabulary": "vocab_size", "norm_eps": "rms_norm_eps", "max_positions": "max_position_embeddings",
}  # fmt: skip
_OLMO = {"qk_norm": "full", "norm_after": True}
LANGUAGES: dict[str, dict[str, Any]] = {
    "qwen2": {"qkv_bias": True}, "qwen3": {"qk_norm": "head"}, "olmo2": _OLMO, "olmo3": _OLMO,
    "olmoe": {"qk_norm": "full"},
}  # fmt: skip
"""What a `model_type` says beside its numbers."""

_TOWER = {
    "width": "hidden_size", "heads": "num_attention_heads", "depth": "num_hidden_layers", "norm_eps": "layer_norm_eps",
    "patch_px": "patch_size",
}  # fmt: skip
_TOWERS: dict[str, dict[str, Any]] = {
    "clip": {"class_token": True, "pre_norm": True, "patch_bias": False, "resize": "default"},
    "siglip": {"resize": "siglip"},
    "dinov2": {"class_token": True, "layer_scale": True, "resize": "dino"},
}
_ACTIVATIONS = {"clip": "quick_gelu", "siglip": "gelu_pytorch_tanh", "dinov2": "gelu"}


def language_config(folder: Path | str) -> DecoderConfig:
    """The numbers of a base language model; BadSource for one of another kind."""
    return _told(Path(folder), _language)


def tower_config(folder: Path | str, image_px: int | None = None) -> ViTConfig:
    """The numbers of a vision tower for pictures of `image_px`, its own size when not given, down to whole patches."""
    return _told(Path(folder), lambda told, where: _tower(told, where, image_px))


def _told(folder: Path, read: Callable[[Json, str], Config]) -> Config:
    where = folder / "config.json"
    told = read_json(where)
    try:
        made = read(told, str(where))
        require_sound(made)
        return made
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise BadSource(f"{where}: not the settings of a base model: {type(error).__name__} at {error}") from error
    except ValueError as error:
        raise BadSource(f"{where}: {error}") from error


def _language(told: Json, where: str) -> DecoderConfig:
    kind = told.get("model_type")
    if kind not in LANGUAGES:
        raise BadSource(f"{where}: no language model of a known kind ({', '.join(LANGUAGES)}) but {kind!r}")
    if kind == "olmoe" and told.get("norm_topk_prob"):
        raise ValueError("norm_topk_prob: the weights of experts are not made to sum to one here")
    heads = told["num_attention_heads"]
    more = {"experts": told["num_experts"], "experts_per_token": told["num_experts_per_tok"]} if kind == "olmoe" else {}
    theta, yarn = _rope(told)
    return DecoderConfig(
        **numbers(_LANGUAGE, told), **LANGUAGES[kind], **more, theta=theta, yarn=yarn,
        kv_heads=told.get("num_key_value_heads") or heads,
        head_width=told.get("head_dim") or told["hidden_size"] // heads,
    )  # fmt: skip


def _rope(told: Json) -> tuple[float, Yarn | None]:
    """Rotary numbers in the words of transformers 4 (`rope_theta`, `rope_scaling`) and 5 (`rope_parameters`)."""
    rope, layers = (
        told.get("rope_parameters") or {**(told.get("rope_scaling") or {}), "rope_theta": told["rope_theta"]},
        None,
    )
    kinds = told.get("layer_types") or []
    if "sliding_attention" in kinds:  # Olmo3: only the blocks that see everything are stretched
        layers = tuple(number for number, kind in enumerate(kinds) if kind == "full_attention")
        rope = rope.get("full_attention", rope)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return rope["rope_theta"], None
    if kind != "yarn":
        raise ValueError(f"no rotary scaling named {kind!r}")
    usual = {"beta_fast": 32.0, "beta_slow": 1.0, "attention_factor": 1 + 0.1 * math.log(rope["factor"])}
    given = usual | {key: value for key, value in rope.items() if value is not None}
    depth = tuple(range(told["num_hidden_layers"]))
    return rope["rope_theta"], Yarn(**numbers(YARN, given), layers=depth if layers is None else layers)


def _tower(told: Json, where: str, image_px: int | None) -> ViTConfig:
    vision = told.get("vision_config") or told
    kind = str(told.get("model_type")).removesuffix("_vision_model")
    if kind not in _TOWERS:
        raise BadSource(f"{where}: no vision tower of a known kind ({', '.join(_TOWERS)}) but {kind!r}")
    if vision.get("use_swiglu_ffn"):
        raise ValueError("use_swiglu_ffn: towers with gated layers are not known here")
    defaults = {"hidden_act": _ACTIVATIONS[kind], "layer_norm_eps": 1e-5 if kind == "clip" else 1e-6}
    vision = defaults | dict(vision)
    side = (image_px or vision["image_size"]) // vision["patch_size"]
    hidden = int(vision["mlp_ratio"] * vision["hidden_size"]) if kind == "dinov2" else vision["intermediate_size"]
    px = side * vision["patch_size"]
    return ViTConfig(
        **numbers(_TOWER, vision), **_TOWERS[kind],
        mlp_width=hidden, image_px=(px, px), activation=ACTIVATIONS[vision["hidden_act"]],
        positions=side * side + int(_TOWERS[kind].get("class_token", False)),
    )  # fmt: skip
