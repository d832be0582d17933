"""Molmo2 against transformers' own, with tiny random weights in every variant: logits, features and tensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, Molmo2Config, Molmo2ForConditionalGeneration

from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.rope import frequencies
from pixmo.molmo.weights.read import load
from pixmo.molmo.weights.write import save

TOLERANCE = 2e-6
YARN = {
    "rope_type": "yarn",
    "rope_theta": 5e5,
    "factor": 8.0,
    "original_max_position_embeddings": 8192,
    "beta_fast": 32,
    "beta_slow": 1,
    "attention_factor": 1.2079441541679836,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "olmo": {"qk_norm_type": "olmo", "norm_after": True},
    "bias": {"attention_bias": True},
    "yarn": {"qk_norm_type": "olmo", "norm_after": True, "rope_parameters": YARN, "rope_scaling_layers": [1]},
}
torch.set_num_threads(1)


def reference(**text: Any) -> Molmo2ForConditionalGeneration:
    """Their model, every parameter random, norms around one."""
    config = Molmo2Config(
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
            "num_key_value_heads": 4, "head_dim": 8, "image_size": [70, 70], "patch_size": 14,
        },
        adapter_config={
            "vision_feature_layer": [3, 1], "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 4,
            "head_dim": 8, "intermediate_size": 96, "text_hidden_size": 64,
        },
        text_config={
            "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 24, "vocab_size": 200,
            "additional_vocab_size": 128, "attention_bias": False, "qk_norm_type": "qwen3", "num_hidden_layers": 3,
            "intermediate_size": 96, "max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "norm_after": False,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}, **text,
        },
        image_start_token_id=200, image_end_token_id=201, image_patch_id=202, low_res_image_start_token_id=204,
        frame_start_token_id=207, frame_end_token_id=208,
    )  # fmt: skip
    theirs = Molmo2ForConditionalGeneration._from_config(config, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(7)
    for name, parameter in theirs.named_parameters():
        around = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        parameter.data = torch.empty(parameter.shape).normal_(around, 0.08, generator=generator)
    return theirs


@pytest.fixture(scope="module", params=VARIANTS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Molmo2, Any, Path]:
    """Our model, read from the checkpoint that theirs wrote, and theirs."""
    folder = tmp_path_factory.mktemp("theirs")
    theirs = reference(**VARIANTS[request.param])
    theirs.save_pretrained(folder, save_original_format=False)
    ours = load(folder)
    assert isinstance(ours, Molmo2)
    return ours, theirs, folder


PICTURE = [200, 202, 202, 203, 201, 204, 202, 202, 201]
POOLING = torch.tensor([[0, 1, 5, 6], [2, 3, 7, 8], [10, 11, -1, -1], [12, -1, -1, -1]])
VIDEO = torch.cat((torch.arange(18).view(2, 9), torch.tensor([[25, 26, 27, 30, 31, 32, -1, -1, -1], [40] + [-1] * 8])))
GRIDS = torch.tensor([[1, 2, 1, 2]])


def pixels(crops: int) -> torch.Tensor:
    """Normal noise."""
    return torch.empty(crops, 25, 588).normal_(generator=torch.Generator().manual_seed(crops))


def types(ids: torch.Tensor) -> torch.Tensor:
    """1 on image tokens, as their processor gives them."""
    return torch.isin(ids, torch.tensor([200, 201, 202, 203, 204, 206, 207, 208])).long()


@torch.inference_mode()
def test_a_picture_gives_their_logits(pair):
    """One picture between words; image tokens see each other."""
    ours, theirs, _ = pair
    ids = torch.tensor([[5, *PICTURE, 7, 8, 9]])
    expected = theirs(
        input_ids=ids, pixel_values=pixels(1), image_token_pooling=POOLING, image_grids=GRIDS,
        image_num_crops=torch.tensor([1]), mm_token_type_ids=types(ids),
    ).logits  # fmt: skip
    assert (ours(ids, pixels(1), POOLING) - expected).abs().max() <= TOLERANCE
    assert expected.shape[-1] == 200


@torch.inference_mode()
def test_a_batch_padded_on_the_left_gives_their_logits(pair):
    """Two rows of unequal length with a picture each."""
    ours, theirs, _ = pair
    ids = torch.tensor([[3, 3, 3, 5, *PICTURE, 7], [5, *PICTURE, 7, 8, 9, 11]])
    mask = torch.ones_like(ids)
    mask[0, :3] = 0
    pooling = torch.cat((POOLING, torch.where(POOLING < 0, -1, POOLING + 25)))
    position_ids = (mask.cumsum(1) - 1).clamp(min=0)
    expected = theirs(
        input_ids=ids, pixel_values=pixels(2), image_token_pooling=pooling, image_grids=GRIDS.repeat(2, 1),
        image_num_crops=torch.tensor([1, 1]), mm_token_type_ids=types(ids), attention_mask=mask,
        position_ids=position_ids,
    ).logits  # fmt: skip
    got = ours(ids, pixels(2), pooling, attention_mask=mask)
    assert (got - expected).abs()[mask.bool()].max() <= TOLERANCE
    minus = ids.masked_fill(mask == 0, -1)
    assert torch.equal(ours(minus, pixels(2), pooling)[mask.bool()], got[mask.bool()])


@torch.inference_mode()
def test_a_video_gives_their_logits(pair):
    """Frames pooled three by three, words between them."""
    ours, theirs, _ = pair
    ids = torch.tensor([[5, 9, 207, 202, 202, 208, 10, 207, 202, 202, 208, 7]])
    expected = theirs(
        input_ids=ids, pixel_values_videos=pixels(2), video_token_pooling=VIDEO, video_grids=torch.tensor([[2, 1, 2]]),
        mm_token_type_ids=types(ids),
    ).logits  # fmt: skip
    assert (ours(ids, pixels(2), VIDEO) - expected).abs().max() <= TOLERANCE


@torch.inference_mode()
def test_text_alone_gives_their_logits(pair):
    """No picture: plain causal attention."""
    ours, theirs, _ = pair
    ids = torch.arange(40)[None] * 3
    assert (ours(ids) - theirs(input_ids=ids).logits).abs().max() <= TOLERANCE


def test_weights_round_trip_tensor_for_tensor(pair, tmp_path):
    """Their checkpoint, read and written by us, holds the same tensors; they load it and say the same."""
    ours, theirs, _ = pair
    save(ours, tmp_path)
    again, told = Molmo2ForConditionalGeneration.from_pretrained(
        tmp_path, output_loading_info=True, attn_implementation="eager", dtype=torch.float32
    )
    assert not any(told.values())
    expected = theirs.state_dict()
    assert again.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in again.state_dict().items())
    ids = torch.arange(30)[None]
    with torch.inference_mode():
        assert torch.equal(again(input_ids=ids).logits, theirs(input_ids=ids).logits)


def test_the_hub_layout_is_what_transformers_converts(pair, tmp_path):
    """The layout of the release on the Hub, written by us, loads in transformers to the same tensors."""
    ours, theirs, _ = pair
    save(ours, tmp_path, layout="hub-molmo2")
    assert AutoConfig.from_pretrained(tmp_path).text_config.num_hidden_layers == 3
    again, told = Molmo2ForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told.values())
    assert all(torch.equal(tensor, theirs.state_dict()[name]) for name, tensor in again.state_dict().items())


def test_what_transformers_saves_by_default_is_read(pair, tmp_path):
    """Names of the Hub, settings of transformers, and the joined embedding cut into halves: the same tensors."""
    ours, theirs, _ = pair
    theirs.save_pretrained(tmp_path)
    again = load(tmp_path).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in ours.state_dict().items())


# --- what holds of the model alone --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Molmo2]:
    """The plain variant."""
    folder = tmp_path_factory.mktemp("plain")
    reference().save_pretrained(folder, save_original_format=False)
    ours = load(folder)
    assert isinstance(ours, Molmo2)
    with torch.inference_mode():
        yield ours


def test_image_tokens_see_later_ones_and_words_do_not(model):
    """Other pixels behind the last image token change the first image tokens; a word before the picture never."""
    ids = torch.tensor([[5, *PICTURE, 7]])
    other = pixels(1)
    other[0, 12] += 1.0  # the only patch of the last token
    change = (model(ids, other, POOLING) - model(ids, pixels(1), POOLING)).abs().amax(dim=-1)[0]
    assert change[0] == 0
    assert change[1] > 1e-3


def test_pictures_and_frames_may_share_a_batch(model):
    """Windows of four, filled up to nine with -1, pool the same."""
    ids = torch.tensor([[5, *PICTURE, 7]])
    wide = torch.cat((POOLING, torch.full((4, 5), -1)), dim=1)
    torch.testing.assert_close(model(ids, pixels(1), wide), model(ids, pixels(1), POOLING), atol=1e-6, rtol=0)


def test_a_row_of_absent_patches_is_no_token(model):
    """Rows of -1 fill a batch up and count for nothing."""
    ids = torch.tensor([[5, *PICTURE, 7]])
    more = torch.cat((POOLING[:2], torch.full((1, 4), -1), POOLING[2:]))
    torch.testing.assert_close(model(ids, pixels(1), more), model(ids, pixels(1), POOLING), atol=1e-6, rtol=0)


def test_features_and_tokens_must_match(model):
    """Fewer image tokens than features is a caller's mistake, told with both counts."""
    with pytest.raises(ValueError, match="2 image tokens for 4 image features"):
        model(torch.tensor([[5, 202, 202]]), pixels(1), POOLING)


def test_packed_annotations_do_not_see_each_other(model):
    """Two answers to one picture, packed, have the logits that each has alone."""
    ids, first, second = [5, *PICTURE], [7, 8], [9, 10, 11]
    packed = torch.tensor([ids + first + second])
    segments = torch.tensor([[10000] * len(ids) + [1] * 2 + [2] * 3])
    positions = torch.tensor([[*range(len(ids)), *range(len(ids), len(ids) + 2), *range(len(ids), len(ids) + 3)]])
    got = model(packed, pixels(1), POOLING, subsegment_ids=segments, position_ids=positions)[0]
    alone = [model(torch.tensor([ids + answer]), pixels(1), POOLING)[0, len(ids) :] for answer in (first, second)]
    torch.testing.assert_close(got[len(ids) :], torch.cat(alone), atol=1e-6, rtol=0)


def test_yarn_stretches_slow_pairs_only():
    """The frequencies of Olmo3 with eight times its context."""
    from pixmo.molmo.build import LANGUAGE

    plain, stretched = frequencies(128, 5e5), frequencies(128, 5e5, LANGUAGE["olmo3-7b"].yarn)
    assert torch.equal(stretched[:19], plain[:19])
    torch.testing.assert_close(stretched[35:], plain[35:] / 8)
    known = {17: 0.0306345, 19: 0.0192828, 26: 0.00284672, 34: 1.65613e-4, 63: 3.06893e-7}
    torch.testing.assert_close(stretched[list(known)], torch.tensor(list(known.values())), rtol=3e-6, atol=0)
