"""The released models by name, tiny ones for tests, and how to make one.

`build("molmo-7b-d", device="meta")` costs no memory: for counting parameters and naming tensors.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from pixmo.errors import UnknownName
from pixmo.molmo.config import ConnectorConfig, DecoderConfig, MolmoConfig, ViTConfig, Yarn
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2

# Depth counts the blocks with weights: 23 of CLIP's 24, 25 of SigLIP2's 27, as released.
CLIP = ViTConfig(1024, 16, 4096, 23, (336, 336), 14, "quick_gelu", 1e-5, 577, True, True, patch_bias=False)
SIGLIP2 = ViTConfig(1152, 16, 4304, 25, (378, 378), 14, "gelu_tanh", 1e-6, 729, resize="siglip")
TOWERS = {
    "clip-l14-336": CLIP,
    "metaclip-l14-336": replace(CLIP, depth=24, resize="metaclip"),
    "dinov2-l14-336": ViTConfig(
        1024, 16, 4096, 24, (336, 336), 14, "gelu", 1e-6, 577, True, layer_scale=True, resize="dino"
    ),
    "siglip-so400m14-384": replace(SIGLIP2, depth=27),
    "siglip2-so400m14-384": replace(SIGLIP2, depth=27),
}

# width depth heads kv_heads head_width hidden vocabulary theta norm_eps
LANGUAGE = {
    "olmoe-1b-7b": DecoderConfig(
        2048, 16, 16, 16, 128, 1024, 50304, 1e4, 1e-5, qk_norm="full", experts=64, experts_per_token=8
    ),
    "olmo-7b-1024": DecoderConfig(4096, 32, 32, 32, 128, 11008, 100352, 5e5, 1e-6, norm_after=True, qk_norm="full"),
    "qwen2-7b": DecoderConfig(3584, 28, 28, 4, 128, 18944, 152064, 1e6, 1e-6, qkv_bias=True),
    "qwen2-72b": DecoderConfig(8192, 80, 64, 8, 128, 29568, 152064, 1e6, 1e-5, qkv_bias=True),
    "qwen3-4b": DecoderConfig(2560, 36, 32, 8, 128, 9728, 151936, 5e6, 1e-6, qk_norm="head", max_positions=36864),
    "qwen3-8b": DecoderConfig(4096, 36, 32, 8, 128, 12288, 151936, 1e6, 1e-6, qk_norm="head", max_positions=36864),
    "olmo3-7b": DecoderConfig(
        4096, 32, 32, 32, 128, 11008, 100278, 5e5, 1e-6,
        norm_after=True, qk_norm="full", max_positions=65536,
        yarn=Yarn(8.0, 8192, attention_factor=1.2079441541679836, layers=tuple(range(3, 32, 4))),
    ),
}  # fmt: skip
# Where Molmo's added tokens begin: these two tokenizers stop before the table of their language model does.
FIRST_SPECIAL = {"olmo-7b-1024": 100278, "olmoe-1b-7b": 50280}


def molmo_config(language: str, tower: ViTConfig = CLIP) -> MolmoConfig:
    """Molmo (2024) on a base language model of `LANGUAGE`, with the connector as released."""
    decoder = LANGUAGE[language]
    layers = (tower.depth - 2, tower.depth - 9) if tower == CLIP else (tower.depth - 3, tower.depth - 9)
    connector = ConnectorConfig(layers, tower.width, tower.heads, decoder.hidden, padding=tower.class_token)
    return MolmoConfig("molmo", tower, connector, decoder, FIRST_SPECIAL.get(language, decoder.vocabulary))


def molmo2_config(language: str, tower: ViTConfig = SIGLIP2) -> MolmoConfig:
    """Molmo2 on a base language model of `LANGUAGE`."""
    decoder = LANGUAGE[language]
    connector = ConnectorConfig((24, 18), tower.width, tower.heads, decoder.hidden)
    return MolmoConfig("molmo2", tower, connector, decoder, decoder.vocabulary, bidirectional=True)


def _tiny(full: MolmoConfig) -> MolmoConfig:
    """The same kind of model with every number small: runs in milliseconds."""
    depth = 10 if full.vit == CLIP else 9  # as in the full sizes: only CLIP brings a block that nobody asks for
    vit = replace(
        full.vit, width=32, heads=4, mlp_width=44, depth=depth, image_px=(84, 84), positions=36 + full.vit.class_token
    )
    connector = replace(full.connector, vit_layers=(8, 1), width=32, heads=4, hidden=96)
    decoder = replace(full.decoder, width=64, depth=2, heads=4, kv_heads=2, head_width=16, hidden=96, vocabulary=256)
    return replace(full, vit=vit, connector=connector, decoder=decoder, first_special=256)


MODELS = {
    "molmoe-1b": molmo_config("olmoe-1b-7b"),
    "molmo-7b-o": molmo_config("olmo-7b-1024"),
    "molmo-7b-d": molmo_config("qwen2-7b"),
    "molmo-72b": molmo_config("qwen2-72b"),
    "molmo2-4b": molmo2_config("qwen3-4b"),
    "molmo2-8b": molmo2_config("qwen3-8b"),
    "molmo2-o-7b": molmo2_config("olmo3-7b"),
}
MODELS["molmo-tiny"] = _tiny(MODELS["molmo-7b-d"])
MODELS["molmo2-tiny"] = _tiny(MODELS["molmo2-8b"])


def config_of(name: str) -> MolmoConfig:
    """The numbers of a model by name; UnknownName names the nearest."""
    if name not in MODELS:
        raise UnknownName("model", name, MODELS)
    return MODELS[name]


def build(
    model: str | MolmoConfig, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> Molmo | Molmo2:
    """The model with weights not yet told (zeros and torch's defaults): load them, or `initialise` to train."""
    config = config_of(model) if isinstance(model, str) else model
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return Molmo(config) if config.family == "molmo" else Molmo2(config)
    finally:
        torch.set_default_dtype(before)


def initialise(model: torch.nn.Module, seed: int = 0, std: float = 0.02) -> None:
    """Random weights as training begins with: matrices and tables N(0, std²), norms 1, biases 0. Same for one seed."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if parameter.ndim > 1 or name.endswith(("cls", "padding")):
                parameter.copy_(torch.empty(parameter.shape).normal_(0, std, generator=generator))
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
