"""Into how many rows and columns of crops a picture is cut: the same rule in both models."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=4096)
def tiling(height: int, width: int, window_px: int, max_crops: int) -> tuple[int, int]:
    """Rows and columns of windows that scale a picture of this size the least, at most `max_crops` in all.

    A picture larger than all tilings is shrunk as little as possible; any other is enlarged as little as possible. Ties go to
    fewer windows, then to fewer rows. The size is that without margins and may be negative, as the released models take it: such
    narrow pictures get one window.
    """
    choices = sorted(
        ((rows, cols) for rows in range(1, max_crops + 1) for cols in range(1, max_crops // rows + 1)),
        key=lambda choice: (choice[0] * choice[1], choice[0]),
    )
    sizes = np.array(choices, np.float32) * window_px
    with np.errstate(divide="ignore"):  # a picture of exactly the margins needs endless enlarging, whatever the tiling
        scales = (sizes / np.array([height, width], np.float32)).min(axis=1)
    best = scales.argmax() if (scales < 1).all() else np.where(scales < 1, 1e10, scales).argmin()
    return choices[int(best)]
