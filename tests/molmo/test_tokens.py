"""Tokenizers: special tokens by name, texts that may not hold them, files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from pixmo.errors import BadRecord, BadSource
from pixmo.image.crops import Kind
from pixmo.molmo.tokens import MOLMO, MOLMO2, Tokens

END = {MOLMO: "<|endoftext|>", MOLMO2: "<|im_end|>"}
FIRST_SPECIAL = {MOLMO: 152_064, MOLMO2: 151_936}
TEXT_IDS = {"<|endoftext|>": 151_643, "<|im_start|>": 151_644, "<|im_end|>": 151_645}


def character_tokenizer(special=MOLMO, is_tiny=False) -> Tokenizer:
    """A real tokenizer with one id per character, its code point, and the special tokens at their published ids, or at a tiny model's."""
    texts, first = (
        ({name: i for i, name in enumerate(TEXT_IDS)}, 256) if is_tiny else (TEXT_IDS, FIRST_SPECIAL[special])
    )
    named = texts | {name: first + i for i, name in enumerate(special)}
    letters = range(len(texts), 256) if is_tiny else range(0x250)
    made = Tokenizer(models.WordLevel({chr(i): i for i in letters} | named, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    made.decoder = decoders.Fuse()
    made.add_special_tokens([AddedToken(name, normalized=False) for name in named])
    return made


def tokens(special=MOLMO, is_tiny=False) -> Tokens:
    """The stand-in with what a Molmo adds."""
    return Tokens(character_tokenizer(special, is_tiny), special, END[special])


def saved(folder: Path, special=MOLMO, **config) -> Path:
    """A folder as checkpoints have it."""
    folder.mkdir(exist_ok=True)
    character_tokenizer(special).save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("special", "begin"), [(MOLMO, 151_643), (MOLMO2, 151_645)])
def test_ids_of_the_released_tokenizers(special, begin):
    """Tokens of pictures get their published ids; what ends an answer begins a sequence."""
    made = tokens(special)
    first = FIRST_SPECIAL[special]
    assert made.picture(np.array([Kind.START, Kind.PATCH, Kind.COLUMN, Kind.END], np.int8)).tolist() == [
        first, first + 2, first + 3, first + 1,
    ]  # fmt: skip
    assert (made.begin_id, made.end_id) == (begin, begin)


def test_texts_go_there_and_back():
    """A text's ids decode to it; ids of pictures, of the end and padding say nothing."""
    made = tokens()
    ids = made.text(" User: hi")
    assert ids == [ord(letter) for letter in " User: hi"]
    assert made.decode([-1, 151_643, 152_066, *ids, 151_643]) == " User: hi"


@pytest.mark.parametrize("name", MOLMO)
def test_a_text_cannot_hold_a_piece_of_picture(name):
    """A special token of pictures in a text is refused by name: nothing would stand behind it."""
    with pytest.raises(BadRecord, match=r"a text holds <.*> *, a token of pictures: 'look '?") as caught:
        tokens().text(f"look {name}")
    assert name in str(caught.value)


def test_half_a_character_is_told():
    """What broken JSON leaves of a character is refused: no tokenizer reads it."""
    with pytest.raises(BadRecord, match=r"half a character at 3: 'abc\\ud83d'"):
        tokens().text("abc\ud83d")


def test_a_tokenizer_of_another_model_is_refused_by_name():
    """The special tokens that are not there are named."""
    with pytest.raises(BadSource, match=r"lacks the special tokens <low_res_im_start>, <im_low>, .*another model"):
        Tokens(character_tokenizer(MOLMO), MOLMO2, "<|im_end|>")


def test_a_folder_says_what_ends_an_answer(tmp_path):
    """The end and the begin are those that the checkpoint's settings name, as a text or as an object with one."""
    plain = Tokens.load(saved(tmp_path / "plain"), MOLMO)
    told = Tokens.load(saved(tmp_path / "told", eos_token="<|im_end|>", bos_token={"content": "<|im_start|>"}), MOLMO)
    assert (plain.begin_id, plain.end_id) == (151_643, 151_643)
    assert (told.begin_id, told.end_id) == (151_644, 151_645)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("tokenizer.json", None, "tokenizer.json: cannot be read"),
        ("tokenizer.json", "{}", "tokenizer.json: not a tokenizer"),
        ("tokenizer.json", "{ not json", "tokenizer.json: not a tokenizer"),
        ("tokenizer_config.json", "[]", "tokenizer_config.json: not an object"),
        ("tokenizer_config.json", "{", "cannot be read"),
        ("tokenizer_config.json", '{"eos_token": "<nothing>"}', "lacks the special tokens <nothing>"),
    ],
)
def test_a_folder_without_a_tokenizer_is_told(tmp_path, file, content, told):
    """Missing, broken and foreign files are told in one line with their path."""
    folder = saved(tmp_path)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content, encoding="utf-8")
    with pytest.raises(BadSource, match=told) as caught:
        Tokens.load(folder, MOLMO)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
