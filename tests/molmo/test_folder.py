"""A model from its folder: what is asked of it, what names it, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from PIL import Image

import pixmo
from pixmo.errors import BadRecord, BadSetting, BadSource
from pixmo.molmo.build import build, config_of, initialise
from pixmo.molmo.folder import open_model, processor_for, weights_digest
from pixmo.molmo.generate import Generation, generate
from pixmo.molmo.tiny import save_tiny, tiny_tokenizer

NAMES = ("molmo-tiny", "molmo2-tiny")
RED = Image.new("RGB", (120, 90), "red")


@pytest.fixture(scope="module", params=NAMES)
def folder(request, tmp_path_factory):
    """A checkpoint of each family."""
    return save_tiny(tmp_path_factory.mktemp(request.param) / "model", request.param, seed=3)


def test_asking_is_processing_generating_and_decoding(folder):
    """The short way gives what the long way gives."""
    ready = open_model(folder)
    inputs = ready.processor.batch([ready.processor.process(RED, "What is it?")])
    how = Generation(ends=(ready.processor.tokens.end_id,), max_new_tokens=6)
    (answer,) = generate(ready.model, inputs, how, ready.processor.tokens.decode)
    assert ready.ask(RED, "What is it?", max_new_tokens=6) == answer.text.strip()
    assert pixmo.open_model is open_model


def test_a_picture_may_be_a_path(folder, tmp_path):
    """A file gives the same answer as its picture."""
    RED.save(tmp_path / "red.png")
    ready = open_model(folder)
    assert ready.ask(tmp_path / "red.png", "Hm?", max_new_tokens=4) == ready.ask([RED], "Hm?", max_new_tokens=4)


def test_several_pictures_need_molmo2(folder):
    """One picture more than a model takes is refused before it is asked."""
    ready = open_model(folder)
    most = getattr(ready.processor, "most_pictures", 1)
    assert isinstance(ready.ask([RED] * most, "Which?", max_new_tokens=2), str)
    with pytest.raises(BadRecord, match=f"{most + 1} pictures; the model takes at most {most}"):
        ready.ask([RED] * (most + 1), "Which?", max_new_tokens=2)


def test_without_a_picture_it_answers_words(folder):
    """Text alone is a question, too."""
    assert isinstance(open_model(folder).ask(None, "Hm?", max_new_tokens=2), str)


def test_the_digest_names_the_weights_and_not_the_place(folder, tmp_path):
    """The same model elsewhere has the same digest, another model another."""
    model = open_model(folder).model
    assert weights_digest(save_tiny(tmp_path / "again", model)) == weights_digest(folder)
    with torch.no_grad():
        model.decoder.norm.weight[0] += 1e-3
    assert weights_digest(save_tiny(tmp_path / "other", model)) != weights_digest(folder)


def test_settings_of_the_folder_decide_the_crops(folder):
    """`max_crops` of preprocessor_config.json reaches the processor; the size of a crop is the tower's."""
    config = open_model(folder).model.config
    path = folder / "preprocessor_config.json"
    before = path.read_text()
    try:
        path.write_text(json.dumps(json.loads(before) | {"max_crops": 5}))
        cropping = processor_for(config, folder).cropping
        assert (cropping.max_crops, cropping.crop_px) == (5, 84)
        path.write_text("[1")
        with pytest.raises(BadSource, match=r"preprocessor_config.json: cannot be read"):
            processor_for(config, folder)
        path.write_text("[1]")
        with pytest.raises(BadSource, match="not an object of settings"):
            processor_for(config, folder)
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"overlap_margins": ["a", "b"]}, "overlap_margins is"),
        ({"overlap_margins": [2]}, "not 2 small whole numbers"),
        ({"max_crops": 10**9}, "max_crops is"),
        ({"max_crops": True}, "not 1 small whole number"),
    ],
)
def test_settings_that_are_no_sizes_are_refused(tmp_path, told, why):
    """Sizes of crops are whole numbers, few of them."""
    folder = save_tiny(tmp_path / "m", "molmo2-tiny")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | told))
    with pytest.raises(BadSource, match=why):
        open_model(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_tokenizer_that_numbers_pictures_otherwise_is_refused(tmp_path, name):
    """The same tokens at other numbers would be read as other rows of the embedding, and nothing would tell."""
    folder = save_tiny(tmp_path / "m", name)
    path = folder / "tokenizer.json"
    told = json.loads(path.read_text())
    for each in told["added_tokens"]:
        each["id"] += each["content"] not in told["model"]["vocab"]
    marks = [each for each in told["added_tokens"] if each["id"] > 256]
    told["added_tokens"].insert(1, marks[0] | {"id": 256, "content": "<|one more|>"})
    path.write_text(json.dumps(told))
    with pytest.raises(BadSource, match=r"not numbered from 256 on.*another model"):
        open_model(folder)


def test_a_tower_that_is_not_square_is_refused(folder):
    """Crops are squares."""
    config = open_model(folder).model.config
    with pytest.raises(BadSetting, match="84 x 98 px"):
        processor_for(replace(config, vit=replace(config.vit, image_px=(84, 98))), folder)


@pytest.mark.parametrize("family", ["molmo", "molmo2"])
def test_bytes_come_back_as_text(family):
    """Every text that UTF-8 has goes through the tokenizer of bytes unchanged."""
    tokenizer = tiny_tokenizer(family)
    text = "".join(chr(n) for n in range(32, 0x300)) + "日本語 🙂"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert max(ids) < 256
    assert len(ids) == len(text.encode())
    assert tokenizer.decode(ids) == text
    assert tokenizer.token_to_id("<im_start>") == config_of(f"{family}-tiny").first_special


def test_a_seed_names_a_tiny_model(tmp_path):
    """Random, and the same each time."""
    one, again, other = (
        weights_digest(save_tiny(tmp_path / str(n), "molmo-tiny", seed=seed)) for n, seed in enumerate((1, 1, 2))
    )
    assert one == again != other
    plain = build("molmo-tiny")
    initialise(plain, 1, std=0.1)
    assert weights_digest(save_tiny(tmp_path / "plain", plain)) == one


def test_without_torch_the_extra_is_named():
    """`pixmo.open_model` where torch is not installed says what to install."""
    code = "import sys; sys.modules['torch'] = None\nimport pixmo\ntry:\n pixmo.open_model\nexcept pixmo.PixmoError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "a Molmo needs an extra: pip install 'pixmo[molmo]'", done.stderr
