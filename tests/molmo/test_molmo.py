"""Molmo (2024) gives the numbers of the released models: logits, features and losses recorded from the original code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pixmo.molmo.loss import chunked_losses, token_losses
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.weights.read import load

GOLDEN = Path(__file__).parent.parent / "golden"
KINDS = ("qwen2like", "olmolike", "olmoelike")
TOLERANCE = 2e-6
torch.set_num_threads(1)


@pytest.fixture(scope="module", params=KINDS)
def recorded(request: pytest.FixtureRequest) -> tuple[Molmo, dict[str, torch.Tensor]]:
    """A tiny model and what the original code said of it."""
    folder = GOLDEN / f"molmo_v1_{request.param}"
    vision = json.loads((folder / "meta.json").read_text())["vision"]
    model = load(folder, vision=vision).eval()
    assert isinstance(model, Molmo)
    return model, load_file(folder / "io.safetensors")


def case(io: dict[str, torch.Tensor], name: str, *fields: str) -> dict[str, Any]:
    """The inputs of one recorded case."""
    return {field: io[f"{name}.{field}"] for field in fields}


def worst(a: torch.Tensor, b: torch.Tensor, where: torch.Tensor) -> float:
    """The largest difference at the valid tokens."""
    return float((a - b).abs()[where].max())


@torch.inference_mode()
def test_pictures_give_the_recorded_logits(recorded):
    """Two rows of unequal length and number of pictures: features, embeddings and logits as the original's."""
    model, io = recorded
    inputs = case(io, "inference", "input_ids", "images", "image_masks", "image_input_idx")
    valid = inputs["input_ids"] != -1
    assert worst(model(**inputs), io["inference.logits"], valid) <= TOLERANCE
    assert worst(model.embed(**inputs), io["inference.inputs_embeds"], valid) <= TOLERANCE
    features = model.image_features(inputs["images"], inputs["image_masks"])
    assert (features - io["inference.image_features"]).abs().max() <= TOLERANCE


@torch.inference_mode()
def test_left_padded_text_gives_the_recorded_logits(recorded):
    """Text alone, padded on the left, with an explicit attention mask."""
    model, io = recorded
    inputs = case(io, "text_only", "input_ids", "attention_mask")
    assert worst(model(**inputs), io["text_only.logits"], inputs["input_ids"] != -1) <= TOLERANCE


@torch.inference_mode()
def test_packed_annotations_give_the_recorded_losses(recorded):
    """Several annotations of one picture do not see each other: logits, token losses, loss and z-loss as recorded."""
    model, io = recorded
    inputs = case(
        io,
        "multi_annotation",
        "input_ids",
        "images",
        "image_masks",
        "image_input_idx",
        "position_ids",
        "subsegment_ids",
    )
    logits, valid = model(**inputs), inputs["input_ids"] != -1
    assert worst(logits, io["multi_annotation.logits"], valid) <= TOLERANCE
    losses = token_losses(logits, io["multi_annotation.labels"], io["multi_annotation.loss_masks"])
    assert worst(losses.ce_BT, io["multi_annotation.token_ce"], valid) <= TOLERANCE
    both = torch.stack((losses.ce, losses.z)) / losses.weight
    assert (both - io["multi_annotation.loss"]).abs().max() <= TOLERANCE


def test_losses_by_chunks_are_the_same_losses(recorded):
    """Reading the head in chunks changes neither the losses nor their gradient."""
    model, io = recorded
    inputs = case(io, "text_only", "input_ids", "attention_mask")
    states = model.states(**inputs).detach().requires_grad_()
    labels = inputs["input_ids"].roll(-1, 1)
    weights = (labels != -1).float()
    whole = token_losses(model.decoder.logits(states), labels, weights)
    (grad,) = torch.autograd.grad(whole.ce + whole.z, states)
    pieces = chunked_losses(model.decoder.logits, states, labels, weights, chunk=7)
    (grad_of_pieces,) = torch.autograd.grad(pieces.ce + pieces.z, states)
    torch.testing.assert_close(pieces.ce_BT, whole.ce_BT)
    torch.testing.assert_close(grad_of_pieces, grad)
    assert pieces.right == whole.right
    assert pieces.weight == whole.weight


@torch.inference_mode()
def test_greedy_continuations_are_the_recorded_ones(recorded):
    """Eight tokens, each the largest logit, one row at a time as recorded."""
    model, io = recorded
    inputs = case(io, "inference", "input_ids", "images", "image_masks", "image_input_idx")
    for row, expected in enumerate(io["inference.generated"].tolist()):
        one = {name: tensor[row : row + 1] for name, tensor in inputs.items()}
        ids, said = one.pop("input_ids"), []
        ids = ids[:, ids[0] != -1]
        for _ in expected:
            said.append(int(model(ids, **one)[0, -1].argmax()))
            ids = torch.cat((ids, torch.tensor([said[-1:]])), dim=1)
        assert said == expected


@torch.inference_mode()
def test_unused_crops_change_nothing(recorded):
    """Crops of nothing but -1 may be added to a batch."""
    model, io = recorded
    inputs = case(io, "inference", "input_ids", "images", "image_masks", "image_input_idx")
    more = dict(inputs)
    for name in ("images", "image_masks", "image_input_idx"):
        more[name] = torch.cat((inputs[name], torch.full_like(inputs[name][:, :1], -1)), dim=1)
    torch.testing.assert_close(model(**more), model(**inputs))


def test_images_without_their_places_are_refused(recorded):
    """Pictures need masks and indices."""
    model, io = recorded
    with pytest.raises(ValueError, match="image_input_idx"):
        model(**case(io, "inference", "input_ids", "images"))
