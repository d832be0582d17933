"""Checkpoints small enough to make in a second: random weights and a tokenizer of bytes, for tests, examples and first tries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixmo.molmo.build import build, config_of, initialise
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.tokens import MOLMO, MOLMO2
from pixmo.molmo.weights.write import save
from pixmo.storage.publish import publish_bytes

WORDS = 256  # of the language model: a token for each byte
# Bytes that no UTF-8 text has, as the alphabet of byte-level tokenizers writes them, give their ids to the marks of a chat.
_MARKS = {"molmo": {"ÿ": "<|endoftext|>"}, "molmo2": {"ÿ": "<|im_end|>", "þ": "<|im_start|>"}}
_SPECIAL = {"molmo": MOLMO, "molmo2": MOLMO2}


def tiny_tokenizer(family: str) -> Any:
    """A `tokenizers.Tokenizer` of bytes with the special tokens of a family, `molmo` or `molmo2`, from id 256 on.

    Any: the library is an extra, and is loaded here only.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    marks = _MARKS[family]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={marks.get(each, each): i for i, each in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    named = [*marks.values(), *_SPECIAL[family]]
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in named])
    return made


def save_tiny(folder: Path | str, model: str | Molmo | Molmo2 = "molmo-tiny", *, seed: int = 0) -> Path:
    """A whole checkpoint folder: weights (random ones, given a name), tokenizer and the settings of the processor."""
    if isinstance(model, str):
        name, model = model, build(config_of(model))
        initialise(model, seed, std=0.1 if name.endswith("tiny") else 0.02)
    folder = save(model, folder)
    tiny_tokenizer(model.config.family).save(str(folder / "tokenizer.json"))
    write_processing(folder, model.config)
    return folder


def write_processing(folder: Path, config: MolmoConfig) -> None:
    """`preprocessor_config.json` of a tower of any size: crops overlap by a patch or two, and there are few of them."""
    height, width = config.vit.image_px
    margin = 2 if config.family == "molmo" else 1  # in Molmo a margin is whole pooled features
    settings: dict[str, object] = {"max_crops": 2, "overlap_margins": [margin, margin]}
    if config.family == "molmo":
        settings |= {"base_image_input_size": [height, width], "image_patch_size": config.vit.patch_px}
    else:
        settings |= {"size": {"height": height, "width": width}, "patch_size": config.vit.patch_px}
    publish_bytes(folder / "preprocessor_config.json", (json.dumps(settings, indent=2) + "\n").encode())
