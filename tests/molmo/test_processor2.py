"""Requests to Molmo2 and its training examples, token by token."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from pixmo.errors import BadRecord, BadSource
from pixmo.image.crops2 import NO_PATCH, Cropping2
from pixmo.molmo.build import build, initialise
from pixmo.molmo.processor import PADDING
from pixmo.molmo.processor2 import Processor2
from pixmo.molmo.tokens import MOLMO2
from pixmo.molmo.video import Frames, Sampling
from tests.molmo.test_tokens import saved, tokens
from tests.pictures import photo

END, CHAT_START = 151_645, 151_644
START, STOP, PATCH, COLUMN, LOW = range(151_936, 151_941)
FRAME_START, FRAME_STOP = 151_943, 151_944
SMALL = Cropping2(crop_px=84, margins=(1, 1), max_crops=2)


def small(**options) -> Processor2:
    """A processor of a tiny model: crops of 6 x 6 patches, at most two."""
    return Processor2(tokens(MOLMO2), SMALL, **options)


def spelled(text: str) -> list[int]:
    """The ids of text in the stand-in tokenizer, the marks of a chat included."""
    ids = []
    while text:
        for mark, number in (("<|im_start|>", CHAT_START), ("<|im_end|>", END)):
            if text.startswith(mark):
                ids.append(number)
                text = text[len(mark) :]
                break
        else:
            ids.append(ord(text[0]))
            text = text[1:]
    return ids


def block(rows: int, cols: int) -> list[int]:
    """The tokens of an enlarged picture."""
    return [START, *[*[PATCH] * cols, COLUMN] * rows, STOP]


def low(count: int) -> list[int]:
    """The tokens of a whole picture."""
    return [LOW, *[PATCH] * count, STOP]


def features_have_tokens(inputs) -> bool:
    """There is one `<im_patch>` token per row of the pooling, and every patch that is named exists."""
    named = inputs["pooling"].max() < inputs["images"].shape[0] * inputs["images"].shape[1]
    return bool((inputs["input_ids"] == PATCH).sum() == len(inputs["pooling"])) and bool(named)


def test_one_picture():
    """Begin, whole picture, enlarged picture, chat: as the released processor writes 640 x 480 and `Hi?`."""
    made = Processor2(tokens(MOLMO2)).process(photo(size=(640, 480)), "Hi?")
    told = "<|im_start|>user\nHi?<|im_end|>\n<|im_start|>assistant\n"
    assert made["input_ids"].tolist() == [END, *low(196), *block(23, 23), *spelled(told)]
    assert (made["images"].shape, made["pooling"].shape) == ((5, 729, 588), (725, 4))


def test_several_pictures_are_numbered():
    """Before each of several pictures stands its number; the patches of the second are counted behind those of the first."""
    made = small().process([photo(size=(84, 84)), photo(size=(70, 90))], "?")
    chat = spelled("<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n")
    one = [*low(9), *block(3, 3)]
    assert made["input_ids"].tolist()[: 9 + len(one)] == [END, *spelled("Image 1"), *one, ord("I")]
    assert made["input_ids"].tolist()[-len(chat) :] == chat
    first = small().process(photo(size=(84, 84)), "?")
    assert torch.equal(made["pooling"][: len(first["pooling"])], first["pooling"])
    assert made["pooling"][len(first["pooling"])].tolist() == [72 + each for each in (0, 1, 6, 7)]
    assert features_have_tokens(made)


def test_a_conversation_ends_each_answer_once():
    """In a conversation that goes on, an answer is ended by the mark before the next question alone."""
    made = small().process(text=["a?", "b", "c?"])
    told = (
        "<|im_start|>user\na?<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
        "<|im_start|>user\nc?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert made["input_ids"].tolist() == [END, *spelled(told)]


@pytest.mark.parametrize(("flag", "marks"), [(False, (START, STOP)), (True, (FRAME_START, FRAME_STOP))])
def test_a_video(flag, marks):
    """Each frame stands behind its time in seconds, between the tokens that the checkpoint says."""
    frames = Frames([np.full((30, 40, 3), n, np.uint8) for n in range(8)], 8)
    made = small(has_frame_tokens=flag).process(text="?", video=frames)
    frame = [marks[0], *[PATCH] * 4, marks[1]]
    told = [*spelled("0.0 "), *frame, *spelled(" 0.5 "), *frame, *spelled(" 1.0 "), *frame]
    assert made["input_ids"].tolist()[: 1 + len(told)] == [END, *told]
    assert (made["images"].shape, made["pooling"].shape) == ((3, 36, 588), (12, 9))
    assert [round(float((each.mean() + 1) * 127.5)) for each in made["images"]] == [0, 4, 7]
    assert features_have_tokens(made)


def test_batches_count_patches_through_all_rows():
    """Rows end at the same place, crops lie behind each other, and each row's pooling names its own crops; video pools more patches."""
    processor = small()
    video = Frames([np.full((30, 40, 3), n, np.uint8) for n in range(4)], 2)
    rows = [
        processor.process(photo(1, size=(84, 84)), "a longer question?"), processor.process(text="none"),
        processor.process(text="?", video=video), processor.process(photo(2, size=(90, 200)), "?"),
    ]  # fmt: skip
    batch = processor.batch(rows)
    features = crops = 0
    for i, row in enumerate(rows):
        ids = row["input_ids"].tolist()
        assert batch["input_ids"][i].tolist() == [PADDING] * (batch["input_ids"].shape[1] - len(ids)) + ids
        if "images" not in row:
            continue
        count, (size, width) = len(row["images"]), row["pooling"].shape
        assert torch.equal(batch["images"][crops : crops + count], row["images"])
        pooling = batch["pooling"][features : features + size]
        assert torch.equal(torch.where(pooling == NO_PATCH, NO_PATCH, pooling - crops * 36)[:, :width], row["pooling"])
        assert bool((pooling[:, width:] == NO_PATCH).all())
        features, crops = features + size, crops + count
    assert (len(batch["pooling"]), len(batch["images"])) == (features, crops)
    assert features_have_tokens(batch)


def told_example(**options):
    """The worked example of the released training: two annotations of one picture, `ab` to `cde` and `f` to `gh`."""
    return small().example(photo(size=(84, 84)), [["ab", "cde"], ["f", "gh"]], **options)


def test_annotations_share_a_picture():
    """Each annotation begins behind the picture, is followed by the end as a label only, and weighs 2 / sqrt(tokens) / sqrt(annotations)."""
    made = told_example()
    seen = 1 + len(low(9)) + len(block(3, 3))
    assert made["input_ids"][seen:].tolist() == spelled("abcdefgh")
    assert made["labels"][seen - 1 :].tolist() == [*spelled("abcde"), END, *spelled("gh"), END]
    assert made["position_ids"].tolist() == [*range(seen + 5), seen, seen + 1, seen + 2]
    assert made["subsegment_ids"].tolist() == [10_000] * seen + [0] * 5 + [1] * 3
    weights = [0] * (seen + 1) + [2 / 3**0.5 / 2**0.5] * 4 + [1.0] * 3
    np.testing.assert_allclose(made["loss_masks"], weights, atol=1e-6)


def test_one_annotation_counts_its_end():
    """Alone, an annotation has no subsegments, and its end counts among its tokens; a fixed weight is the weight of each."""
    made = small().example(None, ["ab", "cde"])
    assert made["loss_masks"].tolist() == [0, 0, 1, 1, 1, 1]
    assert made["labels"].tolist() == [*spelled("abcde"), END]
    assert "subsegment_ids" not in made
    fixed = told_example(weight=0.2)["loss_masks"]
    assert sorted(set(fixed.tolist())) == [0.0, pytest.approx(0.2)]


def test_a_conversation_is_learned_answer_by_answer():
    """In a conversation every answer and its end are learned, and the next question is not."""
    made = small().example(None, ["a", "b", "c", "d"], weight=1.0)
    assert made["input_ids"].tolist() == [END, *spelled("ab"), END, *spelled("cd")]
    assert made["loss_masks"].tolist() == [0, 1, 1, 0, 1, 1]


def test_training_batches_are_padded_on_the_right():
    """Shorter examples end in -1 in every field."""
    rows = [told_example(), small().example(None, ["q", "a"])]
    batch = small().training_batch(rows)
    size = batch["input_ids"].shape[1]
    for name in ("input_ids", "labels", "loss_masks", "position_ids"):
        assert batch[name][1].tolist() == rows[1][name].tolist() + [PADDING] * (size - 3)
    assert bool((batch["subsegment_ids"][1] == PADDING).all())


@pytest.mark.parametrize(
    ("config", "columns", "own_start", "frame_tokens"),
    [
        (None, False, True, False),
        ({"use_single_crop_col_tokens": False, "use_single_crop_start_token": True, "use_frame_special_tokens": False}, False, True, False),
        ({"use_single_crop_col_tokens": None, "use_single_crop_start_token": False}, True, False, True),
    ],
    ids=["no file", "released", "class defaults"],
)  # fmt: skip
def test_flags_are_those_of_the_checkpoint(tmp_path, config, columns, own_start, frame_tokens):
    """A folder's processor settings say which tokens there are; what they leave out is as in the class that wrote them."""
    folder = saved(tmp_path, MOLMO2)
    if config is not None:
        (folder / "processor_config.json").write_text(json.dumps(config), encoding="utf-8")
    made = Processor2.load(folder)
    found = (made.cropping.low_has_columns, made.cropping.low_has_own_start, made.has_frame_tokens)
    assert found == (columns, own_start, frame_tokens)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_broken_settings_are_told(tmp_path, content):
    """Settings that are no object are refused with their path."""
    folder = saved(tmp_path, MOLMO2)
    (folder / "processor_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadSource, match=r"processor_config.json: "):
        Processor2.load(folder)


@pytest.mark.parametrize(
    ("options", "request_", "told"),
    [
        ({}, {"images": [photo(size=(9, 9))] * 6}, "6 pictures; the model takes at most 5"),
        ({}, {"images": photo(size=(9, 9)), "video": Frames([np.zeros((2, 2, 3), np.uint8)], 1)}, "pictures and a video"),
        ({}, {"images": Image.new("RGB", (5, 0))}, "5 x 0 px has no pixels"),
        ({}, {"text": "look <im_patch>"}, "a text holds <im_patch>"),
        ({}, {"video": b"nothing"}, "a video cannot be decoded"),
        ({"context": 40}, {"images": photo(size=(84, 84))}, r"\d+ tokens, 25 of them of pictures, do not fit into a context of 40"),
        ({"context": 40}, {"video": Frames([np.zeros((2, 2, 3), np.uint8)] * 20, 2)}, "do not fit into a context of 40"),
    ],
)  # fmt: skip
def test_wrong_requests_are_told(options, request_, told):
    """What the model cannot take is refused in one line before it is asked."""
    with pytest.raises(BadRecord, match=told):
        small(**options).process(**{"text": "?"} | request_)


def test_an_example_ends_with_an_answer():
    """A conversation that ends with a question teaches nothing: it is refused."""
    with pytest.raises(BadRecord, match="3 turns; an example ends with the answer"):
        small().example(None, ["q", "a", "r"])


def test_as_transformers_samples():
    """Frames may be taken as transformers takes them: 40 at 8 a second give ten, and the recorded times."""
    frames = Frames([np.full((5, 5, 3), n, np.uint8) for n in range(40)], 8)
    made = small(sampling=Sampling(has_last=False)).process(text="?", video=frames)
    assert made["images"].shape == (10, 36, 588)
    assert made["input_ids"].tolist()[1:5] == spelled("0.0 ")


def test_a_model_reads_batches_as_it_reads_rows():
    """A tiny Molmo2 gives the last token of each row of a batch, pictures, none and video, the logits it has alone."""
    torch.set_num_threads(1)
    model = build("molmo2-tiny").eval()
    initialise(model, std=0.2)
    processor = Processor2(tokens(MOLMO2, is_tiny=True), SMALL)
    video = Frames([np.asarray(photo(n, size=(40, 30))) for n in range(3)], 2)
    rows = [
        processor.process([photo(1, size=(84, 84)), photo(2, size=(70, 200))], "a longer question?"),
        processor.process(text="none"), processor.process(text="?", video=video),
    ]  # fmt: skip
    with torch.inference_mode():
        alone = torch.stack([model(**processor.batch([row]))[0, -1] for row in rows])
        together = model(**processor.batch(rows))[:, -1]
        other = model(
            **processor.batch(
                [processor.process([photo(3, size=(84, 84)), photo(2, size=(70, 200))], "a longer question?")]
            )
        )
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert (other[0, -1] - alone[0]).abs().max() > 1e-2  # the picture is seen


@pytest.mark.parametrize("turns", [[], ["q", "a"]])
def test_a_request_ends_with_a_question(turns):
    """A conversation that ends with an answer, or has no turns, asks nothing: it is refused."""
    with pytest.raises(BadRecord, match="turns; a request ends with what the user says"):
        small().process(text=turns)
