"""Rotary positions, rotate-half, in float32.

B rows, T tokens, H heads, E head width, R = E/2 pairs
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pixmo.molmo.config import Yarn


class Turn(NamedTuple):
    """Cosine and sine of each position's angles."""

    cos_BT1R: Tensor
    sin_BT1R: Tensor


def frequencies(width: int, theta: float, yarn: Yarn | None = None) -> Tensor:
    """Angle per position of each pair, shape (width / 2,), float32.

    With `yarn` slow pairs are stretched by its factor, fast ones are kept, and a ramp joins them.
    """
    powers_R = theta ** (torch.arange(0, width, 2, dtype=torch.float32) / width)
    if yarn is None:
        return 1.0 / powers_R
    low, high = (_pair_turning(turns, width, theta, yarn) for turns in (yarn.beta_fast, yarn.beta_slow))
    low, high = max(math.floor(low), 0), min(math.ceil(high), width - 1)
    ramp_R = ((torch.arange(width // 2, dtype=torch.float32) - low) / max(high - low, 0.001)).clamp(0, 1)
    kept_R = 1 - ramp_R
    return 1.0 / (yarn.factor * powers_R) * (1 - kept_R) + 1.0 / powers_R * kept_R


def _pair_turning(turns: float, width: int, theta: float, yarn: Yarn) -> float:
    """The (fractional) pair that turns so often within the original context."""
    return width * math.log(yarn.original_positions / (turns * 2 * math.pi)) / (2 * math.log(theta))


def turn(positions_BT: Tensor, frequencies_R: Tensor, scale: float = 1.0) -> Turn:
    """The angles of `positions_BT`; `scale` multiplies both (YaRN's attention factor)."""
    angles_BT1R = positions_BT[:, :, None, None].float() * frequencies_R
    cos, sin = angles_BT1R.cos(), angles_BT1R.sin()
    return Turn(cos, sin) if scale == 1.0 else Turn(cos * scale, sin * scale)


def rotate(x_BTHE: Tensor, by: Turn) -> Tensor:
    """`x` turned: the first half of each head pairs with the second. Computed in float32, returned in x's type."""
    first, second = x_BTHE.float().chunk(2, dim=-1)
    cos, sin = by
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x_BTHE.dtype)
