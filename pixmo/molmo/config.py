"""The numbers of a Molmo: plain frozen dataclasses that the parts are made from.

`pixmo.molmo.build` knows the released sizes by name, `pixmo.molmo.weights.published` reads and writes `config.json`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal, get_type_hints

Resize = Literal["default", "siglip", "dino", "metaclip"]
Activation = Literal["quick_gelu", "gelu_tanh", "gelu"]
EXTRA_TOKENS = 128  # rows added to the vocabulary of the base model for image tokens, in every released Molmo


@dataclass(frozen=True)
class ViTConfig:
    """A vision tower. `depth` counts the blocks that have weights, which may be fewer than the tower once had."""

    width: int
    heads: int
    mlp_width: int
    depth: int
    image_px: tuple[int, int]  # height, width
    patch_px: int
    activation: Activation
    norm_eps: float
    positions: int  # rows of the position table, that of the class token included
    class_token: bool = False
    pre_norm: bool = False
    patch_bias: bool = True
    layer_scale: bool = False
    resize: Resize = "default"  # how pictures come to the size of a crop, as `pixmo.image.crops` has it

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches of one crop."""
        return self.image_px[0] // self.patch_px, self.image_px[1] // self.patch_px

    @property
    def patch_values(self) -> int:
        """Numbers of one patch: row in patch, column in patch, channel."""
        return 3 * self.patch_px**2


@dataclass(frozen=True)
class ConnectorConfig:
    """From patch features to tokens: attention pooling and a gated projector."""

    vit_layers: tuple[int, ...]  # blocks whose outputs are concatenated, from 0, in this order
    width: int  # of the pooling attention
    heads: int
    hidden: int  # of the projector
    window: tuple[int, int] = (2, 2)  # rows, columns of patches behind one token (Molmo only)
    padding: bool = False  # learned vectors for padded and partly padded patches (Molmo only)


@dataclass(frozen=True)
class Yarn:
    """How rotary frequencies are stretched to a longer context."""

    factor: float
    original_positions: int
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float = 1.0
    layers: tuple[int, ...] = ()  # blocks that use it; all others turn with the plain frequencies


@dataclass(frozen=True)
class DecoderConfig:
    """A language model."""

    width: int
    depth: int
    heads: int
    kv_heads: int
    head_width: int
    hidden: int  # of the gated feed-forward; of one expert in a mixture
    vocabulary: int  # rows of the base embedding, and the width of the logits
    theta: float
    norm_eps: float
    norm_after: bool = False
    qk_norm: Literal["no", "full", "head"] = "no"
    qkv_bias: bool = False
    experts: int = 0  # 0: dense
    experts_per_token: int = 0
    extra_tokens: int = EXTRA_TOKENS
    max_positions: int = 4096
    yarn: Yarn | None = None
    tied: bool = False  # the head is the base embedding


@dataclass(frozen=True)
class MolmoConfig:
    """One model. The ids of the image tokens follow `first_special` in the order of the published tokenizers."""

    family: Literal["molmo", "molmo2"]
    vit: ViTConfig
    connector: ConnectorConfig
    decoder: DecoderConfig
    first_special: int
    bidirectional: bool = False  # image tokens see each other, also those after them (the released Molmo2)

    @property
    def patch_token(self) -> int:
        """Id of the token that one pooled image feature is added to."""
        return self.first_special + 2

    @property
    def image_tokens(self) -> tuple[int, ...]:
        """Ids that count as image where image tokens see each other; `<|image|>` itself never reaches the model."""
        return tuple(self.first_special + offset for offset in (0, 1, 2, 3, 4, 6, 7, 8))


_MAY_BE_ZERO = frozenset({"experts", "experts_per_token", "extra_tokens"})
_MOST_BLOCKS, _MOST = 1000, 2**31  # beyond them making the parts would not end


def require_sound(part: MolmoConfig | DecoderConfig | ViTConfig | ConnectorConfig | Yarn) -> None:
    """ValueError for numbers that no model has, by the name they have here: they came from a file that anybody may have written."""
    hints = get_type_hints(type(part))
    for each in fields(part):
        value, hint = getattr(part, each.name), hints[each.name]
        if is_dataclass(value):
            require_sound(value)  # type: ignore[arg-type]  # the parts of a model
        elif hint is float and not (type(value) in (int, float) and 0 < value < 1e18):
            raise ValueError(f"{each.name} is {value!r}, not a number above 0")
        elif hint is int and not (type(value) is int and (value > 0 or each.name in _MAY_BE_ZERO) and value < _MOST):
            raise ValueError(f"{each.name} is {value!r}, not a whole number above 0")
        elif hint is bool and type(value) is not bool:
            raise ValueError(f"{each.name} is {value!r}, not true or false")
        elif isinstance(value, tuple) and not all(type(one) is int and 0 <= one < _MOST for one in value):
            raise ValueError(f"{each.name} is {list(value)}, not whole numbers")
    if isinstance(part, ViTConfig):
        _require_tower(part)
    if isinstance(part, DecoderConfig):
        _require_decoder(part)


def _require_tower(tower: ViTConfig) -> None:
    if tower.depth > _MOST_BLOCKS or tower.width % tower.heads:
        raise ValueError(f"no tower has {tower.depth} blocks, {tower.width} wide with {tower.heads} heads")
    here, table = math.prod(tower.grid), tower.positions - tower.class_token
    if here < 1 or (table != here and math.isqrt(max(table, 0)) ** 2 != table) or table < 1:
        raise ValueError(f"{tower.positions} positions do for no {tower.image_px} px in patches of {tower.patch_px}")


def _require_decoder(decoder: DecoderConfig) -> None:
    if decoder.depth > _MOST_BLOCKS or decoder.heads % decoder.kv_heads or decoder.head_width % 2:
        told = f"{decoder.heads} heads over {decoder.kv_heads}, each {decoder.head_width} wide"
        raise ValueError(f"no language model has {decoder.depth} blocks with {told}")
    if decoder.experts_per_token > decoder.experts:
        raise ValueError(f"{decoder.experts_per_token} of {decoder.experts} experts cannot answer")
