"""A captioner from a base language model and a vision tower: their weights, a new connector, a tokenizer with room for pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pixmo.errors import BadSetting, BadSource
from pixmo.molmo.build import CLIP, build, initialise
from pixmo.molmo.carry import carry, new_folder
from pixmo.molmo.config import ConnectorConfig, DecoderConfig, MolmoConfig, Resize, ViTConfig
from pixmo.molmo.tokens import MOLMO, MOLMO2, Tokens, read_tokenizer
from pixmo.molmo.weights.base import load_language, load_tower
from pixmo.molmo.weights.base_config import language_config, tower_config
from pixmo.molmo.weights.write import SHARD_BYTES, published_settings, save
from pixmo.storage.publish import publish_bytes

Family = Literal["molmo", "molmo2"]
CONTEXT = {"molmo": 4096, "molmo2": 36864}  # as released; less where the language model reads less
SPECIAL = {"molmo": MOLMO, "molmo2": MOLMO2}


class Bases(NamedTuple):
    """What a captioner begins from."""

    language: Path
    tower: Path
    family: Family = "molmo"
    image_px: int | None = None  # side of a crop; None: the tower's own
    resize: Resize | None = None  # how pictures come to this size; None: as the kind of tower has it


def captioner_config(bases: Bases) -> MolmoConfig:
    """The numbers of the captioner, told by the `config.json` of both."""
    decoder, vit = language_config(bases.language), tower_config(bases.tower, bases.image_px)
    decoder = replace(decoder, max_positions=min(decoder.max_positions, CONTEXT[bases.family]))
    vit = replace(vit, resize=bases.resize or vit.resize)
    return _composed(bases.family, vit, decoder)


def _composed(family: Family, vit: ViTConfig, decoder: DecoderConfig) -> MolmoConfig:
    """Joined as in the releases: the third block of the tower from its end and the ninth feed the connector."""
    layers = (vit.depth - 3, vit.depth - 9)
    if (
        replace(vit, depth=CLIP.depth) == CLIP
    ):  # the release takes others of this tower, and has a block that feeds nobody
        vit, layers = CLIP, (21, 14)
    elif layers[1] < 0:
        raise BadSource(f"a tower of {vit.depth} blocks: features are taken from the ninth from the end")
    connector = ConnectorConfig(
        layers, vit.width, vit.heads, decoder.hidden, padding=family == "molmo" and vit.class_token
    )
    if vit != CLIP:
        vit = replace(vit, depth=layers[0] + 1)  # deeper blocks feed nobody
    return MolmoConfig(family, vit, connector, decoder, decoder.vocabulary, bidirectional=family == "molmo2")


def begin(bases: Bases, out: Path, *, seed: int = 0, dtype: Any = None, shard_bytes: int = SHARD_BYTES) -> MolmoConfig:
    """Write a captioner that has learned nothing yet to the new folder `out`. Everything that can be wrong is told before it is made.

    `dtype` (Any: a torch.dtype): float32 unless told.
    """
    config = captioner_config(bases)
    try:
        published_settings(config)
    except BadSetting as error:
        other = "molmo2" if bases.family == "molmo" else "molmo"
        raise BadSetting(f"{bases.language}, {bases.tower}: {error}; try the family {other}") from error
    tokenizer = with_room(bases.language, config)
    with new_folder(out):
        model = build(config)
        initialise(model, seed)
        load_language(model, bases.language)
        load_tower(model, bases.tower)
        carry(bases.language, out, ("tokenizer_config.json", "special_tokens_map.json"))
        publish_bytes(out / "tokenizer.json", tokenizer.to_str().encode())
        publish_bytes(out / "preprocessor_config.json", (json.dumps(processing(config), indent=2) + "\n").encode())
        save(model, out, dtype=dtype, shard_bytes=shard_bytes)
    return config


def with_room(folder: Path, config: MolmoConfig) -> Any:
    """The `tokenizers.Tokenizer` of a language model, filled up to the rows of its table, then the special tokens. Any: an extra.

    BadSource when it does not fit the table or lacks the token that ends an answer.
    """
    from tokenizers import AddedToken

    path = folder / "tokenizer.json"
    tokenizer = read_tokenizer(path)
    rows, special = config.decoder.vocabulary, SPECIAL[config.family]
    used = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if used > rows:
        raise BadSource(f"{path}: {used:,} tokens, but the language model has a table of {rows:,} rows")
    fillers = [f"<|unused_{number}|>" for number in range(used, rows)]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in [*fillers, *special]])
    for offset, name in enumerate(special):
        if tokenizer.token_to_id(name) != rows + offset:
            raise BadSource(f"{path}: has a token {name} of its own, number {tokenizer.token_to_id(name)}")
    Tokens.told(tokenizer, path, special)  # refuses one without an end
    return tokenizer


def processing(config: MolmoConfig) -> dict[str, Any]:  # Any: JSON values
    """`preprocessor_config.json`: crops as released; they share fewer patches where they have fewer than 24 a side."""
    side, margin = config.vit.image_px[0], min(4, config.vit.grid[0] // 12 * 2)
    if config.family == "molmo":
        return {
            "max_crops": 12, "overlap_margins": [margin, margin], "base_image_input_size": [side, side],
            "image_patch_size": config.vit.patch_px,
        }  # fmt: skip
    return {
        "image_processor_type": "Molmo2ImageProcessor", "processor_class": "Molmo2Processor", "max_crops": 8,
        "overlap_margins": [margin, margin], "size": {"height": side, "width": side}, "patch_size": config.vit.patch_px,
    }  # fmt: skip
