"""The released models by name, without their weights: parameters counted, tensors named and shaped as published."""

from __future__ import annotations

import pytest
import torch

from pixmo.errors import UnknownName
from pixmo.molmo.build import MODELS, TOWERS, build, molmo_config
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.weights.layouts import LAYOUTS
from pixmo.molmo.weights.read import shapes

COUNTS = {
    "molmoe-1b": (7_221_875_712, 290_909_184, 11_542_528),
    "molmo-7b-o": (7_665_032_192, 290_909_184, 74_981_376),
    "molmo-7b-d": (8_021_025_280, 290_909_184, 114_040_832),
    "molmo-72b": (73_308_285_952, 290_909_184, 310_124_544),
    "molmo2-4b": (4_850_869_200, 382_505_936, 56_611_328),
    "molmo2-8b": (8_661_703_120, 382_505_936, 87_937_536),
    "molmo2-o-7b": (7_760_786_896, 382_505_936, 79_745_536),
}


def count(module: torch.nn.Module) -> int:
    """Its parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", COUNTS)
def test_released_sizes_have_their_parameters(name):
    """Parameters of the model, its tower and its connector, as published."""
    model = build(name, device="meta")
    assert (count(model), count(model.vit), count(model.connector)) == COUNTS[name]


def test_every_tensor_of_the_7b_d_has_its_published_name_and_shape():
    """The index of allenai/Molmo-7B-D-0924: nothing missing, nothing more."""
    model = build("molmo-7b-d", device="meta")
    needed = shapes(LAYOUTS["hub-molmo"](model.config), model)
    language = {
        "attn_norm.weight": (3584,),
        "ff_norm.weight": (3584,),
        "att_proj.weight": (4608, 3584),
        "att_proj.bias": (4608,),
        "attn_out.weight": (3584, 3584),
        "ff_proj.weight": (37888, 3584),
        "ff_out.weight": (3584, 18944),
    }
    block = {f"attention.w{letter}.weight": (1024, 1024) for letter in "qkvo"}
    block |= {f"attention.w{letter}.bias": (1024,) for letter in "qkvo"}
    block |= {"feed_forward.w1.weight": (4096, 1024), "feed_forward.w1.bias": (4096,)}
    block |= {"feed_forward.w2.weight": (1024, 4096), "feed_forward.w2.bias": (1024,)}
    block |= {f"{norm}.{leaf}": (1024,) for norm in ("attention_norm", "ffn_norm") for leaf in ("weight", "bias")}
    tower, backbone = "model.vision_backbone.image_vit", "model.vision_backbone"
    expected = {
        "model.transformer.wte.embedding": (152064, 3584),
        "model.transformer.wte.new_embedding": (128, 3584),
        "model.transformer.ln_f.weight": (3584,),
        "model.transformer.ff_out.weight": (152064, 3584),
        f"{backbone}.pad_embed": (2, 2048),
        f"{tower}.class_embedding": (1024,),
        f"{tower}.positional_embedding": (577, 1024),
        f"{tower}.patch_embedding.weight": (1024, 588),
        f"{tower}.pre_ln.weight": (1024,),
        f"{tower}.pre_ln.bias": (1024,),
        f"{backbone}.image_pooling_2d.wo.weight": (1024, 1024),
        f"{backbone}.image_pooling_2d.wo.bias": (1024,),
        f"{backbone}.image_projector.w1.weight": (18944, 1024),
        f"{backbone}.image_projector.w3.weight": (18944, 1024),
        f"{backbone}.image_projector.w2.weight": (3584, 18944),
    }
    for letter in "qkv":
        expected[f"{backbone}.image_pooling_2d.w{letter}.weight"] = (1024, 2048)
        expected[f"{backbone}.image_pooling_2d.w{letter}.bias"] = (1024,)
    for number in range(28):
        expected |= {f"model.transformer.blocks.{number}.{name}": shape for name, shape in language.items()}
    for number in range(23):
        expected |= {f"{tower}.transformer.resblocks.{number}.{name}": shape for name, shape in block.items()}
    assert needed == expected


@pytest.mark.parametrize(
    ("name", "layout", "tensor", "shape"),
    [
        ("molmoe-1b", "hub-molmo", "model.transformer.blocks.15.mlp.experts.63.down_proj.weight", (2048, 1024)),
        ("molmoe-1b", "training", "transformer.blocks.0.ffn.experts.mlp.w2", (64 * 1024, 2048)),
        ("molmo-7b-o", "hub-molmo", "model.transformer.blocks.31.q_norm.weight", (4096,)),
        ("molmo-72b", "training", "transformer.blocks.79.att_proj.bias", (10240,)),
        ("molmo2-8b", "hub-molmo2", "model.transformer.blocks.35.self_attn.att_proj.weight", (6144, 4096)),
        ("molmo2-4b", "hub-molmo2", "model.transformer.blocks.0.self_attn.attn_out.weight", (2560, 4096)),
        ("molmo2-o-7b", "hub-molmo2", "model.transformer.blocks.0.self_attn.k_norm.weight", (4096,)),
        ("molmo2-8b", "transformers", "model.language_model.embed_tokens.weight", (151936 + 128, 4096)),
        ("molmo2-8b", "transformers", "model.multi_modal_projector.image_pooling_2d.k_proj.weight", (1152, 2304)),
    ],
)
def test_tensors_of_the_others_have_their_published_shapes(name, layout, tensor, shape):
    """One telling tensor of each model and layout."""
    model = build(name, device="meta")
    assert shapes(LAYOUTS[layout](model.config), model)[tensor] == shape


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_layout_names_every_parameter(name):
    """No parameter is forgotten by a layout that its model has."""
    model = build(name, device="meta")
    layouts = ("hub-molmo", "training") if isinstance(model, Molmo) else ("hub-molmo2", "transformers", "training")
    for layout in layouts:
        needed = shapes(LAYOUTS[layout](model.config), model)
        assert sum(torch.Size(shape).numel() for shape in needed.values()) == count(model)


@pytest.mark.parametrize("tower", sorted(TOWERS))
def test_a_captioner_may_see_through_any_tower(tower):
    """Each tower of the training code builds, with the features its blocks give."""
    model = build(molmo_config("qwen2-7b", TOWERS[tower]), device="meta")
    rows, columns = TOWERS[tower].grid
    images = torch.zeros(1, rows * columns, TOWERS[tower].patch_values, device="meta")
    assert model.vit(images, model.config.connector.vit_layers).shape == (1, rows * columns, 2 * TOWERS[tower].width)


def test_a_wrong_name_is_answered_with_the_nearest():
    """The Hub's name of a model is not ours, but near."""
    with pytest.raises(UnknownName, match="did you mean 'molmo-7b-d'"):
        build("Molmo-7B-D-0924")


def test_names_say_which_model_is_built():
    """Both families by one function."""
    assert isinstance(build("molmo-tiny"), Molmo)
    assert isinstance(build("molmo2-tiny"), Molmo2)
