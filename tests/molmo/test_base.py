"""A captioner begins from base models: towers and language models of transformers, held against their own outputs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    Olmo2Config,
    Olmo2ForCausalLM,
    Olmo3Config,
    Olmo3ForCausalLM,
    OlmoeConfig,
    OlmoeForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    SiglipVisionConfig,
    SiglipVisionModel,
)  # fmt: skip

from pixmo.errors import BadSource
from pixmo.molmo.build import LANGUAGE, MODELS, TOWERS, build, initialise
from pixmo.molmo.config import DecoderConfig, ViTConfig
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.weights.base import load_language, load_tower, resized
from pixmo.molmo.weights.base_config import language_config, tower_config

TOLERANCE = 2e-6
torch.set_num_threads(1)


def shaken(theirs: Any) -> Any:
    """Their model with every parameter random, norms and scales around one."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in theirs.named_parameters():
        around = 1.0 if ("norm" in name and name.endswith("weight")) or "lambda" in name else 0.0
        parameter.data = torch.empty(parameter.shape).normal_(around, 0.08, generator=generator)
    return theirs.eval()


SMALL = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 256,
    "max_position_embeddings": 512, "num_key_value_heads": 2, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1,
}  # fmt: skip
EPS = {"rms_norm_eps": 1e-6}
YARN = {
    "full_attention": {
        "rope_type": "yarn", "rope_theta": 5e5, "factor": 8.0, "original_max_position_embeddings": 64,
        "beta_fast": 32.0, "beta_slow": 1.0, "attention_factor": 1.2079441541679836,
    },
    "sliding_attention": {"rope_type": "default", "rope_theta": 5e5},
}  # fmt: skip
LANGUAGES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "qwen2-7b": (Qwen2Config, Qwen2ForCausalLM, EPS),
    "qwen3-8b": (Qwen3Config, Qwen3ForCausalLM, EPS | {"head_dim": 16}),
    "olmo-7b-1024": (Olmo2Config, Olmo2ForCausalLM, EPS),
    "olmo3-7b": (
        Olmo3Config, Olmo3ForCausalLM, EPS | {"num_hidden_layers": 8, "sliding_window": 64, "rope_parameters": YARN},
    ),
    "olmoe-1b-7b": (OlmoeConfig, OlmoeForCausalLM, {"num_experts": 8, "num_experts_per_tok": 3}),
}  # fmt: skip


def language_model(language: str) -> Any:
    """Theirs, tiny, with the rotary base of the released one and every weight random."""
    config_type, model_type, more = LANGUAGES[language]
    rope = {"rope_parameters": {"rope_type": "default", "rope_theta": LANGUAGE[language].theta}}
    return shaken(model_type(config_type(**(SMALL | rope | more))))


def captioner(decoder: DecoderConfig) -> Molmo:
    """A tiny Molmo on such a language model, with weights of its own."""
    model = build(replace(MODELS["molmo-tiny"], decoder=decoder))
    initialise(model)
    assert isinstance(model, Molmo)
    return model.eval()


@pytest.mark.parametrize("language", LANGUAGES)
@torch.inference_mode()
def test_a_language_model_says_in_a_captioner_what_it_says_alone(tmp_path, language):
    """Numbers are found in its `config.json`, logits of text are as transformers gives them; Molmo's own rows keep their values."""
    theirs = language_model(language)
    theirs.save_pretrained(tmp_path)
    model = captioner(language_config(tmp_path))
    extra = model.decoder.embedding.extra.clone()
    assert not load_language(model, tmp_path)
    ids = torch.arange(40)[None] * 5
    assert (model(ids) - theirs(input_ids=ids).logits).abs().max() <= TOLERANCE
    assert torch.equal(model.decoder.embedding.extra, extra)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_kind_of_a_released_model_is_found(tmp_path, language):
    """Norms, biases, rotary scaling and their layers are those of the model that was released."""
    language_model(language).config.save_pretrained(tmp_path)
    found, full = language_config(tmp_path), LANGUAGE[language]
    for name in ("norm_after", "qk_norm", "qkv_bias", "theta", "norm_eps"):
        assert getattr(found, name) == getattr(full, name), name
    assert (found.yarn is None) == (full.yarn is None)
    if full.yarn is not None and found.yarn is not None:
        assert found.yarn == replace(full.yarn, original_positions=64, layers=(3, 7))


def test_settings_of_transformers_4_are_read_too(tmp_path):
    """Rotary numbers stood beside the others then, those of stretched layers under `rope_scaling`."""
    language_model("olmo3-7b").config.save_pretrained(tmp_path)
    path, now = tmp_path / "config.json", language_config(tmp_path)
    told = json.loads(path.read_text())
    stretched = told.pop("rope_parameters")["full_attention"]
    told |= {"rope_theta": stretched.pop("rope_theta"), "rope_scaling": stretched}
    path.write_text(json.dumps(told))
    assert language_config(tmp_path) == now


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "llama"}, "no language model of a known kind"),
        ({"norm_topk_prob": True}, "norm_topk_prob"),
        ({"hidden_size": "wide"}, "hidden_size is 'wide'"),
        ({"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4}}, "no rotary scaling named 'linear'"),
        ({"num_experts": None, "num_attention_heads": 0}, "ZeroDivisionError"),
    ],
)
def test_language_models_that_are_not_ours_are_refused(tmp_path, change, told):
    """What a decoder here cannot do is told by its key."""
    language_model("olmoe-1b-7b").config.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BadSource, match=told):
        language_config(tmp_path)


@torch.inference_mode()
def test_a_tied_head_begins_as_a_copy_of_the_embedding(tmp_path):
    """Qwen3-4B has no head of its own; ours is apart and starts equal."""
    config = Qwen3Config(**SMALL, rms_norm_eps=1e-6, head_dim=16, tie_word_embeddings=True)
    shaken(Qwen3ForCausalLM(config)).save_pretrained(tmp_path)
    model = captioner(language_config(tmp_path))
    load_language(model, tmp_path)
    assert model.decoder.head is not None
    assert torch.equal(model.decoder.head.weight, model.decoder.embedding.base)


def test_the_wrong_language_model_is_refused(tmp_path):
    """A Qwen2 is not the base of a Molmo whose queries are normed."""
    shaken(Qwen2ForCausalLM(Qwen2Config(**SMALL))).save_pretrained(tmp_path)
    with pytest.raises(BadSource, match=r"not the base of this model: .*missing.*q_norm"):
        load_language(captioner(replace(language_config(tmp_path), qk_norm="full")), tmp_path)


# --- towers ----------------------------------------------------------------------------------------------------------

SIZES = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "image_size": 70, "patch_size": 14}
SEEN: dict[str, tuple[Any, Any]] = {
    "clip-l14-336": (CLIPVisionModel, CLIPVisionConfig(**SIZES, intermediate_size=64, hidden_act="quick_gelu")),
    "metaclip-l14-336": (CLIPVisionModel, CLIPVisionConfig(**SIZES, intermediate_size=64, hidden_act="quick_gelu")),
    "siglip-so400m14-384": (SiglipVisionModel, SiglipVisionConfig(**SIZES, intermediate_size=64)),
    "dinov2-l14-336": (Dinov2Model, Dinov2Config(**SIZES, mlp_ratio=2)),
}


def seeing(tower: str, folder: Path, image_px: int | None = None) -> Molmo:
    """A tiny Molmo with the first three blocks of such a tower, its numbers from the folder's `config.json`."""
    vit = replace(tower_config(folder, image_px), depth=3)
    kind = ("activation", "norm_eps", "class_token", "pre_norm", "patch_bias", "layer_scale")
    assert all(getattr(vit, name) == getattr(TOWERS[tower], name) for name in kind)
    config = MODELS["molmo-tiny"]
    model = build(replace(config, vit=vit, connector=replace(config.connector, vit_layers=(2, 0))))
    assert isinstance(model, Molmo)
    return model.eval()


def patches(picture: torch.Tensor) -> torch.Tensor:
    """(C, 3, height, width) to (C, P, V) with the channel last."""
    C, _, height, width = picture.shape
    cut = picture.view(C, 3, height // 14, 14, width // 14, 14).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(C, -1, 588)


@pytest.mark.parametrize("tower", SEEN)
@torch.inference_mode()
def test_a_tower_sees_in_a_captioner_what_it_sees_alone(tmp_path, tower):
    """Outputs of the third and the first block as transformers gives them; later blocks are left out and named."""
    model_type, config = SEEN[tower]
    theirs = shaken(model_type(config))
    theirs.save_pretrained(tmp_path)
    model = seeing(tower, tmp_path)
    report = load_tower(model, tmp_path)
    assert any(".3." in name for name in report.unexpected)
    assert not any("position" in name or ".2." in name for name in report.unexpected)
    picture = torch.empty(2, 3, 70, 70).normal_(generator=torch.Generator().manual_seed(1))
    states = theirs(pixel_values=picture, output_hidden_states=True).hidden_states
    first = int(model.vit.cls is not None)
    expected = torch.cat((states[3], states[1]), dim=-1)[:, first:]
    # relative, since a convolution over 588 values rounds otherwise than a product of matrices
    assert (model.vit(patches(picture), (2, 0)) - expected).abs().max() <= TOLERANCE * expected.abs().max()


@torch.inference_mode()
def test_positions_are_resized_to_another_grid(tmp_path):
    """A tower for 5 × 5 patches serves 6 × 6: smooth tables stay what they are, the class token's row too."""
    model_type, config = SEEN["dinov2-l14-336"]
    theirs = shaken(model_type(config))
    ramp = torch.arange(5.0)[:, None] + 10 * torch.arange(5.0)
    theirs.embeddings.position_embeddings.data[0, 1:] = ramp.flatten()[:, None]
    theirs.save_pretrained(tmp_path)
    model = seeing("dinov2-l14-336", tmp_path, 84)
    load_tower(model, tmp_path)
    assert torch.equal(model.vit.positions[0], theirs.embeddings.position_embeddings[0, 0])
    table = model.vit.positions[1:, 0].view(6, 6)
    assert (table.diff(dim=0) > 0).all()
    assert (table.diff(dim=1) > 0).all()
    torch.testing.assert_close(table.mean(), ramp.mean(), atol=0.5, rtol=0)


def test_towers_that_do_not_fit_are_refused(tmp_path):
    """Another width, or no tower at all."""
    model_type, config = SEEN["clip-l14-336"]
    shaken(model_type(config)).save_pretrained(tmp_path / "clip")
    config = seeing("clip-l14-336", tmp_path / "clip").config
    wider = build(replace(config, vit=replace(config.vit, width=48)))
    with pytest.raises(BadSource, match="32 wide, needed 48"):
        load_tower(wider, tmp_path / "clip")
    shaken(Qwen2ForCausalLM(Qwen2Config(**SMALL))).save_pretrained(tmp_path / "qwen")
    with pytest.raises(BadSource, match="no vision tower"):
        load_tower(build(config), tmp_path / "qwen")


def test_a_table_that_is_no_square_is_refused():
    """26 rows without a class token are no grid."""
    tower = ViTConfig(8, 2, 8, 1, (70, 70), 14, "gelu", 1e-6, 25)
    with pytest.raises(BadSource, match="26 rows"):
        resized(torch.zeros(26, 8), tower)
