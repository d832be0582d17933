"""Whole sequences of Molmo (2024) are those of the original, and batches are those rows padded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixmo.errors import BadRecord
from pixmo.image.crops import Cropping
from pixmo.molmo.build import build, initialise
from pixmo.molmo.processor import PADDING, Processor
from pixmo.text.messages import Layout
from tests.molmo.test_tokens import tokens

GOLDEN = Path(__file__).parents[1] / "golden"
FACTS = json.loads((GOLDEN / "preprocess_v1.json").read_text(encoding="utf-8"))
ARRAYS = np.load(GOLDEN / "preprocess_v1.npz")
SMALL = Cropping(crop_px=84, margins=(2, 2), max_crops=2)
FIELD = {"input_tokens": "input_ids", "target_tokens": "labels"}


def ramp(width: int, height: int) -> np.ndarray:
    """The synthetic picture of the golden sequences."""
    y, x, k = np.ogrid[:height, :width, :3]
    return ((3 * x + 5 * y + 70 * k) % 256).astype(np.uint8)


def small(**options) -> Processor:
    """A processor of a tiny model, whose pictures take little."""
    return Processor(tokens(), SMALL, **options)


@pytest.mark.parametrize("case", FACTS["sequences"], ids=lambda case: case["id"])
def test_released_sequences(case):
    """Inputs, targets, weights, positions, subsegments and the places of features are those of the original."""
    image = ramp(case["image"]["width"], case["image"]["height"])
    made = Processor(tokens()).example(
        image, case["messages"], weight=case["weight"] or 1.0,
        is_weight_shared=case["loss_token_weighting"] == "root_subsegments",
    )  # fmt: skip
    for field in case["fields"]:
        told, found = ARRAYS[f"{case['id']}.{field}"], made[FIELD.get(field, field)].numpy()
        if field == "image_input_idx":
            told, found = np.maximum(told, -1), np.maximum(found, -1)  # only the sign of what is discarded matters
        np.testing.assert_allclose(found, told, rtol=0, atol=1e-6 if field == "loss_masks" else 0, err_msg=field)
    assert ("subsegment_ids" in made) == ("subsegment_ids" in case["fields"])


def test_process_as_on_the_model_card():
    """A picture and a text give begin, picture and ` User: … Assistant:`, without a batch dimension."""
    made = Processor(tokens()).process(images=[Image.fromarray(ramp(336, 336))], text="hi")
    assert made["input_ids"].tolist() == ARRAYS["seq_inference.input_tokens"].tolist()
    assert {name: tuple(value.shape) for name, value in made.items()} == {
        "input_ids": (337,), "images": (2, 576, 588), "image_input_idx": (2, 144), "image_masks": (2, 576),
    }  # fmt: skip


def test_a_conversation_and_a_bare_prompt():
    """Turns are laid out one by one, an end behind each answer; a captioner's prompt stands as it is."""
    assert small().process(text=["a?", "b", "c?"])["input_ids"].tolist() == [
        151_643, *map(ord, " User: a? Assistant: b"), 151_643, *map(ord, " User: c? Assistant:"),
    ]  # fmt: skip
    bare = small(layout=Layout.NONE).process(text="long_caption 83:")
    assert bare["input_ids"].tolist() == [151_643, *map(ord, " long_caption 83:")]


def test_features_lie_on_patch_tokens():
    """Each feature that is kept has an `<im_patch>` token of its own, wherever the picture stands."""
    for text in ("what?", "look <|image|> now"):
        made = small().process(ramp(90, 60), text)
        kept = made["image_input_idx"][made["image_input_idx"] >= 0]
        assert torch.equal(kept.sort().values, (made["input_ids"] == 152_066).nonzero()[:, 0])


def test_batches_are_padded_on_the_left():
    """Rows of other lengths and numbers of crops end at the same place; taken out again they are what they were."""
    processor = small()
    rows = [
        processor.process(ramp(90, 60), "a longer question?"),
        processor.process(ramp(50, 50), "b?"),
        processor.process(text="c"),
    ]
    batch = processor.batch(rows)
    for i, row in enumerate(rows):
        length, crops = len(row["input_ids"]), len(row.get("images", ()))
        shift = batch["input_ids"].shape[1] - length
        assert batch["input_ids"][i].tolist() == [PADDING] * shift + row["input_ids"].tolist()
        assert bool((batch["images"][i, crops:] == PADDING).all())
        assert bool((batch["image_input_idx"][i, crops:] < 0).all())
        if crops:
            assert torch.equal(batch["images"][i, :crops], row["images"])
            assert torch.equal(batch["image_masks"][i, :crops], row["image_masks"])
            where = batch["image_input_idx"][i, :crops]
            assert torch.equal(torch.where(where >= 0, where - shift, where), row["image_input_idx"])


def test_training_batches_are_padded_on_the_right():
    """Each field of shorter examples ends in -1; places of features stay."""
    processor = small()
    rows = [
        processor.example(ramp(50, 50), [[" q", " a"], [" r", " b"]]),
        processor.example(ramp(50, 50), [" q", " a"]),
    ]
    batch = processor.training_batch(rows)
    size = len(rows[1]["input_ids"])
    for name in ("input_ids", "labels", "loss_masks", "position_ids"):
        assert batch[name][1].tolist() == rows[1][name].tolist() + [PADDING] * (batch[name].shape[1] - size)
    assert bool((batch["subsegment_ids"][1] == PADDING).all())
    assert torch.equal(batch["image_input_idx"][1], rows[1]["image_input_idx"])


def test_transparent_parts_are_put_on_a_contrasting_background():
    """White writing on nothing is seen; for parity with the released training transparency may be dropped instead."""
    writing = Image.new("RGBA", (60, 60), (255, 255, 255, 0))
    writing.paste((255, 255, 255, 255), (20, 20, 40, 40))
    seen, dropped = small().process(writing, "?"), small(contrasting=False).process(writing, "?")
    assert seen["images"].std() > 0.5
    assert dropped["images"][0].reshape(-1, 3).std(dim=0).max() < 1e-5


@pytest.mark.parametrize(
    ("images", "text", "told"),
    [
        ([ramp(9, 9), ramp(9, 9)], "?", "2 pictures; the model takes at most 1"),
        (Image.new("RGB", (0, 5)), "?", "0 x 5 px has no pixels"),
        (Image.new("RGB", (1, 10_000)), "?", "1 x 10000 px is too long for the model"),
        (None, "a" * 5000, r"50\d\d tokens, 0 of them the picture's, do not fit into a context of 4096"),
        (None, "<|image|>", r"<\|image\|> stands 1 times in the text of 0 pictures"),
        (ramp(9, 9), "<|image|><|image|>", "stands 2 times in the text of 1 pictures"),
        (ramp(9, 9), "<im_patch>", "a text holds <im_patch>"),
        (["picture.jpg"], "?", "not str"),
    ],
)
def test_wrong_requests_are_told(images, text, told):
    """What the model cannot take is refused in one line before it is asked."""
    with pytest.raises(BadRecord, match=told):
        small().process(images, text)


def test_an_example_needs_messages_and_room():
    """An example without messages, or longer than the context, is refused; so is a batch of nothing."""
    with pytest.raises(BadRecord, match="without messages"):
        small().example(None, [])
    with pytest.raises(BadRecord, match="without messages"):
        small().example(None, [[" q", " a"], []])
    with pytest.raises(BadRecord, match="do not fit into a context of 30"):
        small(context=30).example(ramp(50, 50), [" q", " a"])
    with pytest.raises(BadRecord, match="without rows"):
        small().batch([])


def test_a_model_reads_batches_as_it_reads_rows():
    """A tiny Molmo gives the last token of each row of a batch the logits it has alone: nothing is put in the wrong place."""
    torch.set_num_threads(1)
    model = build("molmo-tiny").eval()
    initialise(model, std=0.2)
    processor = Processor(tokens(is_tiny=True), SMALL)
    asked = [(ramp(90, 60), "a longer question?"), (ramp(50, 120), "b"), (None, "c?")]
    rows = [processor.process(image, text) for image, text in asked]
    with torch.inference_mode():
        alone = torch.stack([model(**processor.batch([row]))[0, -1] for row in rows])
        together = model(**processor.batch(rows))[:, -1]
        blank = model(**processor.batch([processor.process(np.zeros((60, 90, 3), np.uint8), asked[0][1])]))[0, -1]
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert (blank - alone[0]).abs().max() > 1e-2  # the picture is seen


@pytest.mark.parametrize("turns", [[], ["q", "a"]])
def test_a_request_ends_with_a_question(turns):
    """A conversation that ends with an answer, or has no turns, asks nothing: it is refused."""
    with pytest.raises(BadRecord, match="turns; a request ends with what the user says"):
        small().process(text=turns)
