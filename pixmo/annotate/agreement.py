"""How well two people who pointed at the same things agree. Pure.

Points are matched one to one, as many as can be, each pair no farther apart than `radius_px`: a share of the picture's diagonal, at
least some pixels, so that it means the same on a thumbnail and on a poster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

SHARE_OF_DIAGONAL = 0.03
LEAST_PX = 8.0

Places = Sequence[Sequence[float]]


class Agreed(NamedTuple):
    """`f1` is 1 where both say that it is not in the picture; `counts` how many each has; `distance_px` the mean of those matched."""

    f1: float
    matched: int
    counts: tuple[int, int]
    distance_px: float | None


def radius_px(width_px: int, height_px: int) -> float:
    """How far apart two points may be that mean the same thing."""
    return max(LEAST_PX, SHARE_OF_DIAGONAL * math.hypot(width_px, height_px))


def agreed(one: Places, other: Places, width_px: int, height_px: int) -> Agreed:
    """Two lists of points in percent, of a picture of that size."""
    counts = (len(one), len(other))
    if not one or not other:
        return Agreed(float(not one and not other), 0, counts, None)
    scale = np.array([width_px or 1, height_px or 1]) / 100
    a, b = np.asarray(one, float) * scale, np.asarray(other, float) * scale
    distance = np.hypot(*(a[:, None, :] - b[None, :, :]).transpose(2, 0, 1))
    radius = radius_px(width_px, height_px)
    # beyond the radius any distance is as bad: more than all that is within could be together
    rows, cols = linear_sum_assignment(np.where(distance <= radius, distance, (min(counts) + 1) * radius))
    near = distance[rows, cols]
    near = near[near <= radius]
    return Agreed(2 * len(near) / sum(counts), len(near), counts, float(near.mean()) if len(near) else None)
